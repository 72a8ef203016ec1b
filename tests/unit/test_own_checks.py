# SPDX-License-Identifier: Apache-2.0
"""A company's own check runs without a fork, and whatever it does, it is no pass by accident."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from governance.checks import needs_table, own, run
from governance.core.terms import Finding, Verdict
from governance.errors import CheckNotRunError, SourceUnavailableError
from governance.policy import Check, Family
from tests import factories
from tests.languages import problems
from tests.own_checks import GUIDE, block, install, install_the_guides, on_path

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "from governance.core.terms import *\nfrom governance.errors import *\nfrom governance.core.terms import Verdict as V\n"


def check(family: str = "ours", **said: Any) -> Check:
    text = {"ja": "自社", "en": "ours"}
    return Check.model_validate_json(json.dumps({"family": family, "name": text, "remedy": text} | said))


def measure(tmp_path: Path, body: str, **said: Any) -> Finding:
    there = install(tmp_path / "site", "ours_module", f"{HEAD}\ndef f(task):\n    {body}\n", {"ours": "ours_module:f"})
    with on_path(there):
        return run(
            check(**said), factories.version(), factories.registered(), factories.use_case(), None, suite_dir=tmp_path
        )


def test_the_package_of_the_guide_measures(tmp_path: Path) -> None:
    told = check("energy_budget", parameters={"kwh_at_most": 20})
    with on_path(install_the_guides(tmp_path / "site")):
        assert [(one.name, one.package) for one in own.installed()] == [("energy_budget", "acme-checks 1.2.0")]
        verdicts = [
            run(told, factories.version(metrics=metrics), factories.registered(), factories.use_case(), None, suite_dir=tmp_path).verdict
            for metrics in ({"training_kwh": 12.0}, {"training_kwh": 30.0}, {})
        ]  # fmt: skip
    assert verdicts == [Verdict.PASS, Verdict.FAIL, Verdict.NOT_RUN]
    assert own.installed() == []


def test_both_languages_show_the_same_code() -> None:
    japanese = GUIDE.with_name("own-check.ja.md")
    for language in ("toml", "python", "yaml", "sh"):
        assert block(language) == block(language, japanese)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise ValueError('the name of a customer')", "ended with ValueError"),
        ("raise SystemExit(0)", "ended with SystemExit"),
        ("import no_such_module", "ended with ModuleNotFoundError"),
        ("return True", "no Finding that can be recorded"),
        ("return Finding('green')", "no Finding that can be recorded"),
        ("return Finding(V.PASS, files={'a.txt': b'x'})", "no Finding that can be recorded"),
        ("return Finding(V.STALE)", "no Finding that can be recorded"),
        (
            "return Finding(V.PASS, (Observation('x', value='high', verdict=V.PASS),))",
            "no Finding that can be recorded",
        ),
        ("return Finding(V.PASS, detail='fine')", "no Finding that can be recorded"),
    ],
)
def test_what_goes_wrong_is_an_error_with_its_kind_and_nothing_of_its_text(tmp_path: Path, body: str, why: str) -> None:
    finding = measure(tmp_path, body)
    assert finding.verdict is Verdict.ERROR
    assert why in finding.detail.en
    assert "customer" not in str(finding)
    assert problems(finding.detail) == []


def test_a_module_that_cannot_be_loaded_is_an_error(tmp_path: Path) -> None:
    there = install(tmp_path / "site", "ours_module", "syntax error", {"ours": "ours_module:f"})
    with on_path(there):
        finding = own.measure(
            check(), own.Task(factories.version(), factories.registered(), factories.use_case(), None, {})
        )
    assert finding.verdict is Verdict.ERROR
    assert "SyntaxError" in finding.detail.en


def test_the_worst_of_its_own_observations_counts(tmp_path: Path) -> None:
    finding = measure(tmp_path, "return Finding(V.PASS, (Observation('x', value=1.0, verdict=V.INSUFFICIENT),))")
    assert finding.verdict is Verdict.INSUFFICIENT


def test_what_helps_to_try_again_is_tried_again_and_missing_data_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError):
        measure(tmp_path, "raise SourceUnavailableError('later')")
    assert issubclass(CheckNotRunError, Exception)


def test_data_that_make_the_check_impossible_end_as_such(tmp_path: Path) -> None:
    finding = measure(tmp_path, "raise CheckNotRunError('no column', ja='列がない')")
    assert finding.verdict in {Verdict.ERROR, Verdict.NOT_RUN}
    assert finding.detail.ja == "列がない"


def test_an_unknown_family_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    case, model = factories.use_case(), factories.registered()
    finding = run(check("nowhere"), factories.version(), model, case, None, suite_dir=tmp_path)
    assert finding.verdict is Verdict.ERROR
    assert "install the package" in finding.detail.en


def test_a_family_that_two_packages_offer_is_an_error(tmp_path: Path) -> None:
    code = f"{HEAD}\ndef f(task): return Finding(V.PASS)\n"
    there = [
        install(tmp_path / name, f"module_{name}", code, {"ours": f"module_{name}:f"}, package=f"{name}-checks")
        for name in ("one", "two")
    ]
    task = own.Task(factories.version(), factories.registered(), factories.use_case(), None, {})
    with on_path(*there):
        finding = own.measure(check(), task)
    assert finding.verdict is Verdict.ERROR
    assert "one-checks 1.2.0" in finding.detail.en


def test_a_family_of_the_product_cannot_be_replaced(tmp_path: Path) -> None:
    code = f"{HEAD}\ndef f(task): return Finding(V.PASS)\n"
    with on_path(install(tmp_path / "site", "ours_module", code, {"documentation": "ours_module:f"})):
        assert [one.is_shadowed for one in own.installed()] == [True]
        said = check("documentation", required=["tag:nothing"])
        finding = run(said, factories.version(), factories.registered(), factories.use_case(), None, suite_dir=tmp_path)
    assert finding.verdict is Verdict.FAIL


def test_a_check_looks_at_rows_only_if_the_policy_says_so() -> None:
    assert not needs_table(check())
    assert needs_table(check(uses_table=True))
    assert needs_table(check("bias"))
    rates = {"rates": {"leakage": {"at_most": 0.1}}}
    assert not needs_table(check("genai", genai=rates))
    assert needs_table(check("genai", genai=rates | {"columns": {"leakage": {"column": "leaked"}}}))


def test_the_policy_tells_its_own_families_from_strangers() -> None:
    assert check("bias").family is Family.BIAS
    assert check("energy_budget").family == "energy_budget"
    for wrong in ("", "Has Blanks", "../etc"):
        with pytest.raises(ValidationError):
            check(wrong)
