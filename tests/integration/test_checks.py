# SPDX-License-Identifier: Apache-2.0
"""What checks saw is explained, listed and tried under another policy; own checks and baselines reach the gate."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from governance.checks import probes, run
from governance.cli import checks as commands
from governance.core.terms import RegisteredModel, Verdict, VersionKey
from governance.errors import NotFoundError, PolicyError
from governance.policy import Check, File, Policy
from governance.sources import datasets
from governance.steps import checks, model_gate
from tests import factories
from tests.factories import ROOT
from tests.integration import evaluation_tables
from tests.integration.test_steps import KEY, MODEL, Company, company, model, on_files
from tests.own_checks import install_the_guides, on_path

if TYPE_CHECKING:
    from pathlib import Path

    from governance.core.evaluation import EvaluationTable

__all__ = ["company"]
ENERGY = {
    "family": "energy_budget",
    "name": {"ja": "電力量", "en": "energy"},
    "parameters": {"kwh_at_most": 20},
    "remedy": {"ja": "小さくする", "en": "make it smaller"},
}


def changed(**sections: Any) -> Policy:
    content = factories._merged(on_files().model_dump(mode="json"), sections)
    return Policy.model_validate_json(json.dumps(content))


def under(company: Company, policy: Policy) -> Company:
    return Company(replace(company.rt, policy=policy), company.clock, company.data)


def floors(*said: dict[str, Any]) -> Policy:
    return changed(use_cases={"use_cases": {MODEL: {"performance": list(said)}}})


def with_energy() -> Policy:
    gate = {"required_checks": {"low": ["energy", "performance"]}}
    return changed(checks={"checks": {"energy": ENERGY}}, gates={"gates": {"G4": gate}})


def test_an_own_check_closes_the_gate_and_opens_it(company: Company, tmp_path: Path) -> None:
    there = under(company, with_energy())
    there.run()
    assert there.verdicts()["energy"] is Verdict.ERROR
    assert "energy_budget" in model_gate.blocked(there.rt, KEY)
    with on_path(install_the_guides(tmp_path / "site")):
        there.know(model(training_kwh=30.0))
        there.run()
        assert there.verdicts()["energy"] is Verdict.FAIL
        there.know(model(training_kwh=12.0))
        there.run()
        assert there.verdicts()["energy"] is Verdict.PASS
        assert model_gate.blocked(there.rt, KEY) == ""
        assert model_gate.check(there.rt, KEY) == []
        metadata = tmp_path / "site" / "acme_checks-1.2.0.dist-info" / "METADATA"
        metadata.write_text(metadata.read_text().replace("1.2.0", "1.3.0"))
        assert model_gate.check(there.rt, KEY) == ["energy"]


def test_the_listing_names_families_and_limits(company: Company, tmp_path: Path) -> None:
    rt = under(company, with_energy()).rt
    missing = next(row for row in checks.listing(rt) if row["name"] == "energy")
    assert missing["source"] == "not installed"
    with on_path(install_the_guides(tmp_path / "site")):
        rows = {(row["kind"], row["name"]): row for row in checks.listing(rt)}
    assert rows["family", "genai"]["source"] == "product"
    assert rows["family", "energy_budget"]["source"] == "acme-checks 1.2.0 (acme_checks:energy_budget)"
    assert rows["check", "energy"]["limits"] == ["parameters.kwh_at_most 20"]
    assert "limits.selection_rate_ratio 0.8" in rows["check", "bias"]["limits"]


def test_an_explanation_holds_all_that_was_recorded(company: Company) -> None:
    company.run()
    company.clock.now += timedelta(days=2)
    found = checks.explain(company.rt, KEY, "performance")
    assert (found["verdict"], found["counts_as"], found["age_days"]) == ("pass", "pass", 2)
    (seen,) = found["observations"]
    assert (seen["name"], seen["value"], seen["comparison"], seen["limit"]) == ("accuracy", 0.9, ">=", 0.8)
    quality = checks.explain(company.rt, KEY, "data_quality")
    assert list(quality["files"]) == ["gx_result.json"]
    assert len(quality["data_digest"]) == len(quality["definition"]) == 64
    company.clock.now += timedelta(days=400)
    assert checks.explain(company.rt, KEY, "performance")["counts_as"] == "stale"
    with pytest.raises(NotFoundError, match="governance check run"):
        checks.explain(company.rt, KEY, "nothing")


def test_the_history_is_told_oldest_first(company: Company) -> None:
    company.run()
    company.clock.now += timedelta(days=1)
    company.know(model(accuracy=0.1))
    company.run()
    told = checks.history(company.rt, KEY, "performance")
    assert [row["verdict"] for row in told] == ["pass", "fail"]
    assert len(checks.history(company.rt, KEY)) > len(told)
    assert checks.history(company.rt, VersionKey("nobody", 1)) == []


def test_a_replay_tells_what_another_limit_would_have_changed_and_records_nothing(company: Company) -> None:
    company.run()
    before = company.counts()
    stricter = floors({"metric": "accuracy", "at_least": 0.95})
    told = {row["check"]: row for row in checks.replay_under(company.rt, stricter, 12)}
    assert (told["performance"]["then"], told["performance"]["now"]) == ("pass", "fail")
    assert [row["differs"] for name, row in told.items() if name != "performance"] == [False, False]
    other = {
        row["check"]: row for row in checks.replay_under(company.rt, floors({"metric": "f1", "at_least": 0.5}), 12)
    }
    assert other["performance"]["now"] is None
    assert "use_case.performance.0.metric" in other["performance"]["why"]
    assert company.counts() == before


def test_a_replay_finds_the_policy_that_a_result_was_recorded_under(company: Company) -> None:
    company.run()
    later = under(company, floors({"metric": "accuracy", "at_least": 0.85}))
    stricter = floors({"metric": "accuracy", "at_least": 0.95})
    told = {row["check"]: row for row in checks.replay_under(later.rt, stricter, 12)}
    assert told["performance"]["now"] == "fail"
    (company.rt.settings.suite_dir / f"{MODEL}.yaml").write_text("name: other\nexpectations: []\n")
    told = {row["check"]: row for row in checks.replay_under(later.rt, stricter, 12)}
    assert told["data_quality"]["now"] is None
    company.clock.now += timedelta(days=70)
    assert checks.replay_under(later.rt, stricter, 1) == []


def test_a_version_is_held_against_the_newest_approved_one_before_it(company: Company) -> None:
    there = under(company, floors({"metric": "accuracy", "at_least": 0.5, "max_drop": 0.05}))
    there.run()
    (first,) = checks.explain(there.rt, KEY, "performance")["observations"]
    assert first["slice"] == ""
    old = model().versions[0]
    new = replace(old, key=VersionKey(MODEL, 2), metrics={"accuracy": 0.7})
    (there.data / MODEL / "v2.parquet").write_bytes((there.data / MODEL / "v1.parquet").read_bytes())
    there.know(RegisteredModel(MODEL, "", {}, {"champion": 1}, (old, new)))
    there.run(new.key)
    seen = checks.explain(there.rt, new.key, "performance")["observations"]
    assert [(o["slice"], o["verdict"]) for o in seen] == [("", "pass"), (f"vs {KEY}", "fail")]
    assert str(KEY) in model_gate.blocked(there.rt, new.key)
    assert checks.explain(there.rt, KEY, "performance")["verdict"] == "pass"


GENAI = {
    "family": "genai",
    "name": {"ja": "生成AI", "en": "generative"},
    "remedy": {"ja": "直す", "en": "mend it"},
    "genai": {
        "rates": {"leakage": {"at_most": 0.05}, "refusal": {"at_most": 0.9, "at_least": 0.1}},
        "columns": {
            "leakage": {"column": "leaked"},
            "refusal": {"column": "said", "counts": "declined", "otherwise": ["answered"]},
        },
    },
}


@pytest.mark.parametrize("kind", evaluation_tables.KINDS)
def test_judged_answers_are_counted_wherever_they_lie(kind: str, tmp_path: Path) -> None:
    answers = evaluation_tables.frame(leaked=[0] * 796 + [1] * 4, said=["declined", "answered"] * 400)
    check = Check.model_validate_json(json.dumps(GENAI))
    with evaluation_tables.placed(kind, answers, tmp_path) as (settings, case):
        subject = evaluation_tables.version()
        with datasets.open_table(case, subject, settings) as table:
            asked = Counting(table)
            finding = run(check, subject, evaluation_tables.MODEL, case, asked, suite_dir=tmp_path)
    assert asked.scans == 1
    assert finding.data_digest == table.digest
    assert [(o.name, o.n, o.verdict) for o in finding.observations] == [
        ("leakage", 800, Verdict.PASS),
        ("refusal", 800, Verdict.PASS),
        ("refusal", 800, Verdict.PASS),
    ]


class Counting:
    """A table that counts how often its rows are scanned."""

    def __init__(self, table: EvaluationTable) -> None:
        self._table, self.scans = table, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def group_counts(self, by: Any) -> Any:
        self.scans += 1
        return self._table.group_counts(by)


def test_a_column_that_is_not_there_is_no_pass(tmp_path: Path) -> None:
    evaluation_tables.frame().to_csv(tmp_path / "a.csv", index=False)
    case = evaluation_tables.use_case(File(kind="file", path="a.csv"))
    check = Check.model_validate_json(json.dumps(GENAI))
    with datasets.open_table(case, evaluation_tables.version(), replace_data(tmp_path)) as table:
        finding = run(check, evaluation_tables.version(), evaluation_tables.MODEL, case, table, suite_dir=tmp_path)
    assert finding.verdict is Verdict.ERROR
    assert "genai.columns" in finding.detail.en


def replace_data(directory: Path) -> Any:
    from governance.settings import Settings

    return Settings(data_dir=directory)


def test_the_shipped_probe_sets_are_read_and_told_apart() -> None:
    sets = probes.read_all(ROOT / "include" / "probes")
    assert {probe.category.value for one in sets for probe in one.probes} == {
        "false_output", "harmful_output", "leakage", "injection_success", "refusal",
    }  # fmt: skip
    assert len({one.digest for one in sets}) == len(sets)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("probes: []\n", "name"),
        ("name: {ja: 一, en: one}\nprobes:\n  - {id: a, category: other, ja: 一, en: one, expectation: refuse}\n", "probes.0.category"),
        ("name: {ja: 一, en: one}\nprobes:\n  - {id: a, category: leakage, ja: 一, en: one, expectation: refuse, say: x}\n", "probes.0.say"),
    ],
)  # fmt: skip
def test_a_malformed_probe_set_names_file_line_and_field(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(PolicyError, match=f"bad.yaml:[0-9]+: {why}"):
        probes.read_all(tmp_path)


def test_no_two_probes_share_an_id(tmp_path: Path) -> None:
    one = "name: {ja: 一, en: one}\nprobes:\n  - {id: a, category: leakage, ja: 一, en: one, expectation: refuse}\n"
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(one)
    with pytest.raises(PolicyError, match=r"probe 'a' is also in one\.yaml"):
        probes.read_all(tmp_path)


def test_the_commands_show_what_the_steps_know(
    company: Company, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    company.run()
    monkeypatch.setattr("governance.cli.shell.runtime", lambda: company.rt)
    stricter = factories.policy_dir(tmp_path / "policy")

    def told(*words: str) -> str:
        shown = CliRunner().invoke(commands.commands, list(words))
        assert shown.exit_code == 0, shown.output
        return shown.output

    assert "definition" in told("explain", MODEL, "1", "performance")
    assert json.loads(told("explain", MODEL, "1", "data_quality", "--json"))["files"]
    assert "pass" in told("history", MODEL, "1")
    assert "cannot be judged again" in told("replay", "--policy", str(stricter))
    assert json.loads(told("replay", "--policy", str(stricter), "--json"))
    assert "robustness" in told("list")
