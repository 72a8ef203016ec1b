# SPDX-License-Identifier: Apache-2.0
"""The steps as a DAG calls them: once, twice, late, on SQLite and PostgreSQL, with a clock that the test sets."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from sqlalchemy import func, select

from governance.core import inventory
from governance.core.terms import RegisteredModel, Verdict, VersionKey
from governance.errors import NotFoundError, PolicyError, SourceUnavailableError
from governance.policy import Family, Policy
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import committee_pack, kpi_metrics, model_gate, risk_register
from governance.store import database, facts, files, gates, ledger, registers
from governance.store import inventory as inventory_facts
from governance.store.facts import AsOf
from governance.store.models import FACTS, AliasEvent, CheckResultRow, EvidenceFileRow, PackRow
from tests import factories
from tests.integration import databases

if TYPE_CHECKING:
    from collections.abc import Generator

OCTOBER = datetime(2026, 10, 20, 1, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 6, 1, tzinfo=UTC)
TEXT = "Grades products by what they hold; see the card."
MODEL = "product-quality"
KEY = VersionKey(MODEL, 1)
DAILY = VersionKey("diagnosis-support", 1)
"""A version of a high tier: checked again each day, not each month."""
SUITE = """name: product-quality
expectations:
  - type: expect_column_values_to_be_in_set
    kwargs: {column: prediction, value_set: [0, 1]}
"""


@dataclass
class Clock:
    now: datetime = OCTOBER

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)  # no two facts at the same moment
        return self.now


@dataclass
class Company:
    """A runtime over an empty database with one low-tier model in its inventory."""

    rt: Runtime
    clock: Clock
    data: Path

    def know(self, *models: RegisteredModel) -> None:
        with self.rt.writing() as session:
            telling = self.rt.telling(session)
            known = inventory_facts.models(session, telling.position)
            changes = inventory.reconcile(inventory.Reading.whole(models), known)
            inventory_facts.record_changes(session, changes, {}, telling)
            inventory_facts.record_sweep(session, models, changes, (), telling)

    def deliver(self, *predictions: Any, to: str = MODEL) -> None:
        target = self.data / to / "v1.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"label": [1] * len(predictions), "prediction": list(predictions)}).to_parquet(target)

    def run(self, key: VersionKey = KEY) -> None:
        model_gate.check(self.rt, key)
        model_gate.decide(self.rt, key)

    def counts(self) -> dict[str, int]:
        with self.rt.reading() as session:
            return {
                table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0 for table in FACTS
            }

    def verdicts(self, key: VersionKey = KEY) -> dict[str, Verdict]:
        with self.rt.reading() as session:
            found = gates.results_of(session, key, self.rt.current(session))
        return {name: result.finding.verdict for name, result in found.items()}


def model(name: str = MODEL, **changes: Any) -> RegisteredModel:
    tags = dict.fromkeys(("intended_use", "limitations", "model_card"), TEXT)
    version = factories.version(name, 1, description=TEXT, tags=tags, metrics={"accuracy": 0.9} | changes)
    return RegisteredModel(name, TEXT, {}, {"champion": 1}, (version,))


def on_files() -> Policy:
    """The shipped policy, but with one gate, and the evaluation data of two use cases are files that keep one suite."""
    content = factories.with_one_gate().model_dump(mode="json")
    for slug in (MODEL, DAILY.model):
        case = content["use_cases"]["use_cases"][slug]
        case["suite"] = MODEL
        case["evaluation"]["source"] = {"kind": "file", "path": f"{slug}/v{{version}}.parquet"}
    return Policy.model_validate_json(json.dumps(content))


@pytest.fixture(params=databases.KINDS)
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Company]:
    with opened(request.param, tmp_path) as there:
        yield there


@contextmanager
def opened(kind: str, tmp_path: Path, salt: ledger.Salt = ledger.new_salt) -> Generator[Company]:
    """A company of its own in an empty database."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / f"{MODEL}.yaml").write_text(SUITE)
    policy = on_files()
    with databases.database(kind, tmp_path) as url:
        engine = database.connect(url)
        database.upgrade(engine)
        settings = Settings(
            database_url=url,
            data_dir=tmp_path / "data",
            suite_dir=tmp_path / "suites",
            pack_dir=tmp_path / "packs",
            evidence_url=str(tmp_path / "evidence"),
        )
        clock = Clock()
        company = Company(Runtime(settings, policy, engine, clock, salt=salt), clock, settings.data_dir)
        company.deliver(1, 0, 1)
        company.know(model())
        yield company
        engine.dispose()


def test_a_sound_version_passes_and_is_due_again_only_when_its_interval_is_over(company: Company) -> None:
    assert model_gate.plan(company.rt) == [{"model": MODEL, "version": 1}]
    company.run()
    assert set(company.verdicts().values()) == {Verdict.PASS}
    assert model_gate.blocked(company.rt, KEY) == ""
    assert model_gate.plan(company.rt) == []
    company.clock.now += timedelta(days=29)
    assert model_gate.plan(company.rt) == []
    company.clock.now += timedelta(days=2)
    assert model_gate.plan(company.rt) == [{"model": MODEL, "version": 1}]


def test_every_step_run_twice_adds_nothing(company: Company) -> None:
    company.deliver(1, 7, 1)
    for step in (company.run, lambda: risk_register.reassess(company.rt), lambda: kpi_metrics.measure(company.rt)):
        step()
        before = company.counts()
        step()
        assert company.counts() == before


def test_broken_data_block_until_they_are_mended_and_the_risk_closes_with_them(company: Company) -> None:
    company.deliver(1, 7, 1)
    company.run()
    risk_register.reassess(company.rt)
    assert company.verdicts()["data_quality"] is Verdict.FAIL
    assert "33.3" in model_gate.blocked(company.rt, KEY)
    company.clock.now += timedelta(days=1)
    company.deliver(1, 0, 1)
    company.know(model(accuracy=0.91))
    company.run()
    risk_register.reassess(company.rt)
    assert model_gate.blocked(company.rt, KEY) == ""
    with company.rt.reading() as session:
        risks = {risk.rule: risk.is_open for risk in registers.risks(session, company.rt.current(session))}
    assert risks["data_quality"] is False


def test_what_great_expectations_answered_is_kept_once_and_named_by_the_result(company: Company) -> None:
    company.run()
    company.clock.now += timedelta(days=31)
    company.run()
    with company.rt.reading() as session:
        quality = session.scalars(select(CheckResultRow).where(CheckResultRow.check == "data_quality")).all()
        others = session.scalars(select(CheckResultRow).where(CheckResultRow.check != "data_quality")).all()
        (kept,) = session.scalars(select(EvidenceFileRow)).all()
    assert len(quality) == 2
    assert [row.files for row in quality] == [{"gx_result.json": kept.sha256}] * 2
    assert {row.files for row in others} == {None}
    assert (kept.subject, kept.kind, kept.media_type) == (str(KEY), "gx_result", "application/json")
    document = json.loads(files.get(company.rt.settings, kept.sha256, kept.size))
    assert document["data_digest"] == quality[0].data_digest


def test_no_result_is_recorded_whose_file_could_not_be_kept(company: Company) -> None:
    company.rt.settings.data_dir.parent.joinpath("evidence").write_text("in the way")
    with pytest.raises(SourceUnavailableError, match="evidence store"):
        company.run()
    assert Family.DATA_QUALITY not in company.verdicts()
    assert company.counts()["evidence_file"] == 0
    company.rt.settings.data_dir.parent.joinpath("evidence").unlink()
    company.run()
    assert company.verdicts()[Family.DATA_QUALITY] is Verdict.PASS


def test_data_that_are_not_there_are_an_error_and_do_not_stop_the_other_checks(company: Company) -> None:
    (company.data / MODEL / "v1.parquet").unlink()
    company.run()
    assert company.verdicts() == {
        "data_quality": Verdict.ERROR,
        "documentation": Verdict.PASS,
        "performance": Verdict.PASS,
    }
    assert model_gate.plan(company.rt) == [{"model": MODEL, "version": 1}]


def test_the_next_day_checks_again_only_what_its_tier_wants_daily(company: Company) -> None:
    company.deliver(1, 0, 1, to=DAILY.model)
    company.know(model(), model(DAILY.model, auc=0.95))
    for key in (KEY, DAILY):
        company.run(key)
        assert model_gate.blocked(company.rt, key) == ""
    assert model_gate.plan(company.rt) == []
    before = company.counts()
    company.clock.now += timedelta(days=1)
    assert model_gate.plan(company.rt) == [{"model": DAILY.model, "version": 1}]
    for key in (KEY, DAILY):
        company.run(key)
    with company.rt.reading() as session:
        found = gates.results(session, company.rt.current(session))
    told_at = {key: {result.at.date() for result in found[key].values()} for key in (KEY, DAILY)}
    assert told_at == {KEY: {OCTOBER.date()}, DAILY: {OCTOBER.date() + timedelta(days=1)}}
    assert company.counts()["check_result"] == before["check_result"] + len(found[DAILY])


def test_broken_data_of_one_version_do_not_stop_another(company: Company) -> None:
    company.deliver(1, 0, 1, to=DAILY.model)
    company.know(model(), model(DAILY.model, auc=0.95))
    (company.data / MODEL / "v1.parquet").write_bytes(b"no table at all")
    for planned in model_gate.plan(company.rt):
        company.run(VersionKey(str(planned["model"]), int(planned["version"])))
    assert company.verdicts()["data_quality"] is Verdict.ERROR
    assert model_gate.blocked(company.rt, KEY)
    assert set(company.verdicts(DAILY).values()) == {Verdict.PASS}
    assert model_gate.blocked(company.rt, DAILY) == ""


def test_a_changed_version_is_due_again(company: Company) -> None:
    company.run()
    company.clock.now += timedelta(hours=1)
    company.know(model(accuracy=0.1))
    assert model_gate.plan(company.rt) == [{"model": MODEL, "version": 1}]
    company.run()
    assert company.verdicts()["performance"] is Verdict.FAIL


def test_a_model_without_use_case_is_blocked_and_a_strange_version_is_not_found(company: Company) -> None:
    company.know(model(), model("stray"))
    company.run(VersionKey("stray", 1))
    assert "use_cases.yaml" in model_gate.blocked(company.rt, VersionKey("stray", 1))
    with pytest.raises(NotFoundError, match="governance sync"):
        company.run(VersionKey("nobody", 1))


def built(company: Company, period: str | None = None) -> dict[str, str]:
    files = committee_pack.build(company.rt, period)
    for path, digest in files.items():
        with open(path, "rb") as file:  # noqa: PTH123 - paths are text here
            assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    return {path.rpartition("/")[2]: digest for path, digest in files.items()}


def test_a_past_month_keeps_its_bytes_whatever_comes_later(company: Company) -> None:
    company.run()
    kpi_metrics.measure(company.rt)
    company.clock.now = NOVEMBER
    first = built(company)
    assert set(first) == {"2026-10-r1.ja.pdf", "2026-10-r1.en.pdf"}
    company.clock.now += timedelta(days=20)
    company.deliver(7, 7, 7)
    company.know(model(accuracy=0.1))
    company.run()
    other = Company(replace(company.rt, policy=factories.policy(risks={"appetite": 4})), company.clock, company.data)
    assert built(other, "2026-10") == first
    with company.rt.reading() as session:
        assert session.scalar(select(func.count()).select_from(PackRow)) == 1


def test_a_fact_of_the_month_that_is_learnt_late_does_not_change_its_published_pack(company: Company) -> None:
    company.run()
    company.clock.now = NOVEMBER
    first = built(company, "2026-10")
    company.clock.now += timedelta(days=1)
    late = AliasEvent(subject=MODEL, model=MODEL, alias="champion", from_version=1, to_version=None)
    late.id, late.effective_at = facts.fact_id(AliasEvent, "late"), OCTOBER + timedelta(days=5)
    with company.rt.writing() as session:
        facts.record(session, [late], company.rt.telling(session))
    in_october = OCTOBER + timedelta(days=9)
    with company.rt.reading() as session:  # the late fact counts in whatever is read anew ...
        learnt = company.rt.current(session).known_at
        for known_at, aliases in ((NOVEMBER, {"champion": 1}), (learnt, {})):
            read = inventory_facts.model(session, MODEL, AsOf(in_october, known_at))
            assert read is not None
            assert read.aliases == aliases
    for path in company.rt.settings.pack_dir.iterdir():
        path.unlink()
    assert built(company, "2026-10") == first  # ... but not in what was published before it was known


def test_a_lost_file_comes_back_as_it_was(company: Company) -> None:
    company.clock.now = NOVEMBER
    first = built(company, "2026-10")
    for path in company.rt.settings.pack_dir.iterdir():
        path.unlink()
    assert built(company, "2026-10") == first


def test_the_current_month_gives_an_interim_pack_and_a_future_one_none(company: Company) -> None:
    assert all(name.startswith("2026-10-interim-") for name in built(company, "2026-10"))
    with pytest.raises(PolicyError, match="has not begun"):
        committee_pack.build(company.rt, "2026-11")
    with pytest.raises(PolicyError, match="YYYY-MM"):
        committee_pack.build(company.rt, "last month")
