# SPDX-License-Identifier: Apache-2.0
"""A gate report as it is read from facts: as of any moment, with distributions, masked values and ledger places."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from governance.checks import drift, gx_result
from governance.core import inventory
from governance.core.drift import Profile
from governance.core.gate_changes import ChangeKind
from governance.core.gate_pictures import Expectations, Histogram
from governance.core.terms import Finding, Observation, RegisteredModel, Statistic, Verdict, VersionKey
from governance.errors import NotFoundError
from governance.runtime import Asked, Runtime
from governance.settings import Settings
from governance.steps import evidence_files, gate_report, model_gate
from governance.store import database, statistics
from governance.store import gates as gate_facts
from governance.store import inventory as inventory_facts
from tests import factories
from tests.factories import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from governance.policy import Policy

FIRST, SECOND = VersionKey("credit-scoring", 1), VersionKey("credit-scoring", 2)
THEN = Profile("income", (40, 30, 20, 10, 0), (1.0, 2.0, 3.0), (0, 1, 2))
LATER = THEN.counted((10, 20, 30, 40, 0))
BROKEN = Observation("expect_column_values_to_be_unique", "row_id", 4.2, limit=0, comparison="<=", verdict=Verdict.FAIL)
MOVED = Observation("psi", "income", 0.46, 0.3, 0.6, 0.2, "<=", 100, Verdict.FAIL)


def policy() -> Policy:
    text = {"ja": "分布のずれ", "en": "Drift"}
    check = {"family": "drift", "name": text, "remedy": text}
    gate = {"required_checks": {"high": ["data_quality", "drift"]}}
    changes = {"checks": {"checks": {"drift": check}}, "gates": {"gates": {"G4": gate}}}
    content = factories._merged(factories.with_one_gate().model_dump(mode="json"), changes)
    return type(factories.shipped()).model_validate_json(json.dumps(content))


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Runtime]:
    url = SecretStr(f"sqlite:///{tmp_path / 'governance.db'}")
    settings = Settings(database_url=url, evidence_url=str(tmp_path / "evidence"))
    engine = database.connect(url)
    database.upgrade(engine)
    made = Runtime(settings, policy(), engine, Clock(), code_version=lambda: "1.0")
    model = RegisteredModel(
        "credit-scoring", aliases={"champion": 1, "candidate": 2},
        versions=(factories.version(number=1), factories.version(number=2)),
    )  # fmt: skip
    with made.writing() as session:
        changes = inventory.reconcile(inventory.Reading.whole([model]), ())
        inventory_facts.record_changes(session, changes, {}, made.telling(session))
    yield made
    engine.dispose()


def measured(rt: Runtime, key: VersionKey, check: str, finding: Finding, files: dict[str, bytes] | None = None) -> None:
    kept = evidence_files.put_all(rt.settings, files or {})
    with rt.writing() as session:
        telling = rt.telling(session)
        statistics.record(session, key, check, finding, telling)
        gate_facts.record_result(
            session, (key, check), "definition", finding, telling=telling, fresh_since=telling.at, files=kept
        )


def passed(rt: Runtime, key: VersionKey) -> None:
    profile = Statistic(drift.PROFILE + "income", THEN.content())
    seen = Observation("psi", "income", 0.01, 0, 0.1, 0.2, "<=", 100, Verdict.PASS)
    measured(rt, key, "drift", Finding(Verdict.PASS, (seen,), 100, data_digest="a" * 64, statistics=(profile,)))
    measured(rt, key, "data_quality", Finding(Verdict.PASS, (), 100, data_digest="a" * 64))
    model_gate.decide(rt, key)


def failed(rt: Runtime, key: VersionKey) -> None:
    counts = Statistic(drift.COUNTS + "income", LATER.content())
    measured(rt, key, "drift", Finding(Verdict.FAIL, (MOVED,), 100, data_digest="b" * 64, statistics=(counts,)))
    entry: dict[str, Any] = {"type": BROKEN.name, "kwargs": {"column": "row_id"}, "samples": ["***", "***"]}
    document = json.dumps({"results": [entry]}).encode()
    finding = Finding(Verdict.FAIL, (BROKEN,), 100, data_digest="b" * 64)
    measured(rt, key, "data_quality", finding, {gx_result.NAME: document})
    model_gate.decide(rt, key)


def later(rt: Runtime, **step: float) -> datetime:
    clock = rt.clock
    assert isinstance(clock, Clock)
    clock.now += timedelta(**step)
    return clock.now


def test_a_blocked_version_is_shown_beside_the_approved_one(rt: Runtime) -> None:
    passed(rt, FIRST)
    later(rt, days=1)
    failed(rt, SECOND)
    (made,) = gate_report.read(rt, SECOND)
    assert made.past is not None
    assert made.past.passage.subject == FIRST
    assert {one.kind for one in made.changes} == {ChangeKind.VERSION, ChangeKind.VERDICT, ChangeKind.DATA}
    pictures = {part.check: part.pictures for part in made.parts}
    (histogram,) = pictures["drift"]
    assert isinstance(histogram, Histogram)
    assert (histogram.of, histogram.reference[:2], histogram.current[:2]) == (FIRST, (0.4, 0.3), (0.1, 0.2))
    (expectations,) = pictures["data_quality"]
    assert isinstance(expectations, Expectations)
    assert expectations.failing[0].samples == ("***", "***")
    assert all(proof.index is not None and proof.sealed_at is None for proof in made.proofs)
    assert len({proof.index for proof in made.proofs}) == 3


def test_an_evidence_file_that_is_gone_takes_the_samples_and_nothing_else(rt: Runtime) -> None:
    failed(rt, SECOND)
    with_file = gate_report.read(rt, SECOND)[0]
    other = Runtime(rt.settings.model_copy(update={"evidence_url": "/nonexistent"}), rt.policy, rt.engine, rt.clock)
    without = gate_report.read(other, SECOND)[0]
    assert without.lines == with_file.lines
    (picture,) = next(part.pictures for part in without.parts if part.check == "data_quality")
    assert isinstance(picture, Expectations)
    assert [one.samples for one in picture.failing] == [()]


def test_a_report_for_a_past_moment_reads_as_it_read_then(rt: Runtime) -> None:
    passed(rt, SECOND)
    then = gate_report.read(rt, SECOND)
    asked = Asked(as_of=then[0].as_of, known_at=then[0].known_at)
    later(rt, days=2)
    failed(rt, SECOND)
    assert gate_report.read(rt, SECOND, asked) == then
    (now,) = gate_report.read(rt, SECOND)
    assert now.decision.blocks
    assert now.past is not None
    assert now.past.is_same_version
    assert now.past.passage.id == then[0].decision.id


def test_a_runs_task_shows_how_it_stands_until_the_gate_decides_anew(rt: Runtime) -> None:
    failed(rt, SECOND)
    ended = later(rt, minutes=1)
    later(rt, days=2)
    assert gate_report.of_run(rt, SECOND, ended) == Asked()
    assert gate_report.of_run(rt, SECOND, None) == Asked()
    passed(rt, SECOND)
    assert gate_report.of_run(rt, SECOND, ended) == Asked(as_of=ended)


def test_nobody_asks_mlflow_or_measures(rt: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    failed(rt, SECOND)
    monkeypatch.setattr("governance.checks.run", None)
    monkeypatch.setattr("httpx.Client", None)
    assert gate_report.read(rt, SECOND)


@pytest.mark.parametrize(("key", "says"), [(VersionKey("nobody", 1), "inventory"), (FIRST, "decided"), (VersionKey("credit-scoring", 9), "inventory")])  # fmt: skip
def test_what_is_not_known_is_said(rt: Runtime, key: VersionKey, says: str) -> None:
    with pytest.raises(NotFoundError, match=says):
        gate_report.read(rt, key)
