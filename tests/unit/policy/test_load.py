# SPDX-License-Identifier: Apache-2.0
"""A policy loads whole, or says which file, line and field is wrong and how to mend it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml as pyyaml
from pydantic import ValidationError

from governance import policy as policies
from governance.errors import PolicyError
from governance.policy import OPTIONAL, SECTIONS, Policy
from tests.factories import SHIPPED, policy, policy_dir, shipped

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Mistake:
    """One edit to the shipped policy, and what has to be told about it."""

    section: str
    old: str
    new: str
    field: str
    told: str
    at: str = ""
    """Text of the line that the error has to name; default: the first line of `new`."""


CREDIT = "use_cases.credit-scoring"
MISTAKES = {
    "a typo in a field": Mistake(
        "use_cases", "owner: tanaka\n    domain: credit", "ownr: tanaka\n    domain: credit", f"{CREDIT}.ownr", "remove it or correct its name"
    ),
    "a field left out": Mistake(
        "use_cases", "    domain: credit\n    audience: customers\n    models: [credit-scoring]",
        "    audience: customers\n    models: [credit-scoring]", f"{CREDIT}.domain", "is missing; add it", "  credit-scoring:",
    ),
    "text for a number": Mistake("checks", "min_n: 30", 'min_n: "30"', "checks.bias.min_n", "valid integer"),
    "a share above one": Mistake(
        "checks", "selection_rate_ratio: 0.8", "selection_rate_ratio: 80", "checks.bias.limits.selection_rate_ratio",
        "less than or equal to 1",
    ),
    "an unknown tier": Mistake(
        "tiers", "- tier: limited\n    generative", "- tier: medium\n    generative", "rules.1.tier", "'low', 'limited'"
    ),
    "a tier not described": Mistake(
        "tiers", "  prohibited: {name: {ja: 禁止, en: Prohibited}, max_age_days: 30, recheck_days: 1}\n", "", "(file)",
        "tiers not described: prohibited", "default: low",
    ),
    "a slug with a space": Mistake("use_cases", "  form-reader:", '  "form reader":', "use_cases.form reader", "match pattern"),
    "a field of another kind of source": Mistake(
        "use_cases", "source: {kind: table, table: health_support_evaluation, version_column: model_version}",
        "source: {kind: table, table: t, context: evaluation}", "use_cases.health-support.evaluation.source.context",
        "not a known field",
    ),
    "an unknown kind of source": Mistake(
        "use_cases", "source: {kind: table,", "source: {kind: view,", "use_cases.health-support.evaluation.source", "'logged', 'file', 'table'",
        "source: {kind: view,",
    ),
    "a file outside of the data directory": Mistake(
        "use_cases", "source: {kind: table, table: health_support_evaluation, version_column: model_version}",
        "source: {kind: file, path: ../secret.csv}", "use_cases.health-support.evaluation.source", "below the data directory",
    ),
    "two bounds": Mistake(
        "use_cases", "{metric: auc, at_least: 0.7}", "{metric: auc, at_least: 0.7, at_most: 1}",
        f"{CREDIT}.performance.0", "either at_least or at_most",
    ),
    "a check that a gate requires and nobody defines": Mistake(
        "gates", "high:    [bias, data_quality", "high:    [biass, data_quality", "gates.G3.required_checks.high",
        "'biass' is not in checks.yaml; add it",
    ),
    "a gate that requires nothing": Mistake(
        "gates", "low:     [data_quality, documentation, performance]", "low:     []", "gates.G4.required_checks.low", "at least 1 item"
    ),
    "an exemption from no check": Mistake(
        "use_cases", "    exempt:\n      bias:", "    exempt:\n      fairness:", "use_cases.diagnosis-support.exempt.fairness",
        "not in checks.yaml", "      fairness:",
    ),
    "an owner who does not exist": Mistake(
        "use_cases", "owner: suzuki", "owner: susuki", "use_cases.health-support.owner", "'susuki' is not in people.yaml"
    ),
    "a model in two use cases": Mistake(
        "use_cases", "models: [card-offer]", "models: [card-offer, credit-scoring]", "use_cases.card-offer.models",
        "'credit-scoring' already serves 'credit-scoring'",
    ),
    "a seat nobody holds": Mistake("people", "caio: sato", "coo: sato", "(file)", "seat caio is not held", "people:"),
    "a seat held by a stranger": Mistake("people", "caio: sato", "caio: abe", "(file)", "held by abe", "people:"),
    "a time zone that does not exist": Mistake("calendar", "Asia/Tokyo", "Asia/Tokio", "time_zone", "no such time zone"),
    "a time zone that is a path": Mistake("calendar", "Asia/Tokyo", "../../etc/passwd", "time_zone", "no such time zone"),
    "a pack due before its month ended": Mistake(
        "calendar", "pack_lead_business_days: 5", "pack_lead_business_days: 8", "committee", "has to have ended", "committee:"
    ),
    "a likelihood of no verdict": Mistake(
        "risks", "{fail: 4, insufficient: 3,", "{fial: 4, insufficient: 3,", "rules.bias.likelihood.fial", "'fail', 'error'"
    ),
    "an impact left out": Mistake(
        "risks", "impact: {low: 3, limited: 3, high: 3, prohibited: 5}", "impact: {low: 3, limited: 3, high: 3}",
        "rules.orphan", "impact is not given for: prohibited", "  orphan:",
    ),
    "a risk rule for nothing": Mistake(
        "risks", "  ungoverned_champion:", "  ungoverned:", "rules.ungoverned", "no such check or inventory finding"
    ),
    "an empty file": Mistake("company", (SHIPPED / "company.yaml").read_text(encoding="utf-8"), "", "(file)", "should be an object", ""),
}  # fmt: skip


def mistaken(tmp_path: Path, mistake: Mistake) -> tuple[Path, int]:
    text = (SHIPPED / f"{mistake.section}.yaml").read_text(encoding="utf-8")
    assert text.count(mistake.old) >= 1
    edited = text.replace(mistake.old, mistake.new, 1)
    directory = policy_dir(tmp_path / "policy", **{mistake.section: edited})
    wanted = mistake.at or mistake.new.split("\n")[0]
    line = next((n for n, seen in enumerate(edited.splitlines(), 1) if wanted in seen), 1)
    return directory, line


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_file_line_field_and_remedy(name: str, tmp_path: Path) -> None:
    mistake = MISTAKES[name]
    directory, line = mistaken(tmp_path, mistake)
    with pytest.raises(PolicyError) as caught:
        # The section first: that alone finds most of them, and is much faster.
        assert policies.load_section(directory, mistake.section)
        policies.load(directory)
    told = str(caught.value)
    where = f"{directory / f'{mistake.section}.yaml'}:{line}: {mistake.field}: "
    assert any(found.startswith(where) and mistake.told in found for found in told.splitlines()), told
    assert "governance policy check" in caught.value.hint
    assert "pydantic" not in told
    assert "http" not in told


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    directory = policy_dir(tmp_path / "policy")
    for section, old, new in (("tiers", "default: low", "default: lowest"), ("gates", "latest: true", "latest: 1")):
        path = directory / f"{section}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=r"tiers\.yaml:2: default(.|\n)*gates\.yaml:36: gates\.G4\.latest"):
        policies.load(directory)


def test_a_stray_file_is_refused_because_nobody_would_read_it(tmp_path: Path) -> None:
    for name in ("usecases.yaml", "tiers.yml.bak.yml"):
        directory = policy_dir(tmp_path / name)
        (directory / name).write_text("a: 1\n", encoding="utf-8")
        with pytest.raises(PolicyError, match=f"{name}: not a section of the policy") as caught:
            policies.load(directory)
        assert "use_cases.yaml" in caught.value.hint


@pytest.mark.parametrize("section", sorted(SECTIONS.keys() - OPTIONAL))
def test_every_section_has_to_be_there(section: str, tmp_path: Path) -> None:
    directory = policy_dir(tmp_path / "policy")
    (directory / f"{section}.yaml").unlink()
    with pytest.raises(PolicyError, match=f"{section}.yaml: No such file") as caught:
        policies.load(directory)
    assert "Create the file" in caught.value.hint


@pytest.mark.parametrize("section", sorted(OPTIONAL))
def test_a_section_that_may_be_left_out_says_what_holds_without_it_and_changes_no_digest(
    section: str, tmp_path: Path
) -> None:
    directory = policy_dir(tmp_path / "policy")
    (directory / f"{section}.yaml").unlink()
    without = policies.load(directory)
    assert getattr(without, section) == SECTIONS[section]() == policies.load_section(directory, section)
    (directory / f"{section}.yaml").write_text("{}\n")
    assert policies.load(directory).digest == without.digest


@pytest.mark.parametrize("section", sorted(OPTIONAL))
def test_a_section_under_a_wrong_name_or_behind_a_broken_link_is_not_left_out(section: str, tmp_path: Path) -> None:
    directory = policy_dir(tmp_path / "policy")
    path = directory / f"{section}.yaml"
    path.rename(directory / f"{section}.yml")
    with pytest.raises(PolicyError, match=f"{section}.yml: not a section"):
        policies.load(directory)
    (directory / f"{section}.yml").unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(PolicyError, match=f"{section}.yaml: No such file"):
        policies.load(directory)


def test_a_section_that_may_be_left_out_counts_once_it_says_something_else(tmp_path: Path) -> None:
    before = policies.load(SHIPPED).digest
    assert policies.load(policy_dir(tmp_path / "policy", inventory="max_drop_share: 0.5\n")).digest != before


def test_a_directory_that_is_not_there_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no such policy directory") as caught:
        policies.load(tmp_path / "nowhere")
    assert "governance init" in caught.value.hint


def test_a_section_alone_loads_and_fails_like_the_whole(tmp_path: Path) -> None:
    assert policies.load_section(SHIPPED, "calendar") == shipped().calendar
    directory = policy_dir(tmp_path / "policy", calendar="time_zone: 9\n")
    with pytest.raises(PolicyError, match=r"calendar\.yaml:1: time_zone") as caught:
        policies.load_section(directory, "calendar")
    assert caught.value.hint


def test_the_shipped_policy_loads() -> None:
    loaded = policies.load(SHIPPED)
    assert set(Policy.model_fields) == set(SECTIONS)
    assert loaded.use_cases.use_cases["credit-scoring"].owner == "tanaka"
    assert re.fullmatch(r"[0-9a-f]{64}", loaded.digest)


def test_a_policy_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        shipped().tiers.default = policies.RiskTier.HIGH  # type: ignore[misc]


def test_comments_and_order_do_not_change_the_digest(tmp_path: Path) -> None:
    directory = tmp_path / "policy"
    directory.mkdir()
    for section in SECTIONS:
        content = pyyaml.safe_load((SHIPPED / f"{section}.yaml").read_text(encoding="utf-8"))
        turned = pyyaml.safe_dump(_turned(content), sort_keys=False, allow_unicode=True)
        (directory / f"{section}.yaml").write_text(f"# another comment\n{turned}", encoding="utf-8")
    assert policies.load(directory).digest == shipped().digest


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(value)}
    return [_turned(item) for item in value] if isinstance(value, list) else value


CHANGES: tuple[dict[str, Any], ...] = (
    {"company": {"classification": {"en": "Secret"}}},
    {"tiers": {"tiers": {"high": {"max_age_days": 31}}}},
    {"gates": {"gates": {"G4": {"latest": False}}}},
    {"gates": {"gates": {"G4": {"protected_aliases": ["champion"]}}}},
    {"checks": {"checks": {"bias": {"limits": {"selection_rate_ratio": 0.81}}}}},
    {"use_cases": {"use_cases": {"credit-scoring": {"owner": None}}}},
    {"use_cases": {"use_cases": {"credit-scoring": {"evaluation": {"favourable": "1"}}}}},
    {"risks": {"appetite": 10}},
    {"kpis": {"kpis": {"K-G01": {"amber": 0.9}}}},
    {"people": {"seats": {"caio": "ito"}}},
    {"calendar": {"committee": {"hour": 10}}},
)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_any_value_changes_the_digest(change: dict[str, Any]) -> None:
    assert policy(**change).digest != policy().digest == shipped().digest


def test_what_is_written_out_reads_back_as_the_same_policy() -> None:
    again = Policy.model_validate_json(json.dumps(shipped().model_dump(mode="json")))
    assert again == shipped()
    assert again.digest == shipped().digest


def test_the_json_schema_resolves_and_names_every_section() -> None:
    schema = json.loads(json.dumps(policies.json_schema()))
    assert set(schema["properties"]) == set(schema["required"]) | OPTIONAL == set(SECTIONS)
    references = set(re.findall(r'"\$ref": "#/\$defs/(\w+)"', json.dumps(schema)))
    assert references <= schema["$defs"].keys()
    for section, kind in SECTIONS.items():
        assert schema["properties"][section]["$ref"] == f"#/$defs/{kind.__name__}"
        assert schema["$defs"][kind.__name__]["additionalProperties"] is False


def test_the_json_schema_knows_every_field_of_the_shipped_files() -> None:
    schema = policies.json_schema()
    for section, kind in SECTIONS.items():
        content = pyyaml.safe_load((SHIPPED / f"{section}.yaml").read_text(encoding="utf-8"))
        described = schema["$defs"][kind.__name__]
        assert content.keys() <= described["properties"].keys()
        assert set(described.get("required", ())) <= content.keys()


def test_a_version_may_come_after_its_use_case_and_never_the_other_way_round() -> None:
    linked = policy(gates={"gates": {"G3": {"after": ["G2"]}}}).gates
    assert (shipped().gates.ask_use_cases, linked.ask_use_cases) == (False, True)
    late = {"name": {"ja": "終了", "en": "End"}, "subject": "use_case", "after": ["G3"]}
    with pytest.raises(ValidationError, match="use cases come first"):
        policy(gates={"gates": {"G6": late}})
