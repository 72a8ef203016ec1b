# SPDX-License-Identifier: Apache-2.0
"""A stored result is judged again exactly as it would have been, or is listed as one that cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from governance.core import bias, documentation, genai, performance, robustness
from governance.core.performance import Baseline
from governance.core.replay import rejudge
from governance.core.replay_limits import Said
from governance.core.terms import CheckResult, Finding, Observation, Verdict
from governance.policy import Check, MetricFloor
from governance.policy.measures import Rate
from tests import factories
from tests.factories import NOW

shares = st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 1.0])
counts = st.sampled_from([0, 5, 29, 30, 60, 200, 5000])
least = st.sampled_from([1, 30, 100])
BASE = Baseline(factories.key(number=1), {"accuracy": 0.8, "n": 500.0})


def check(family: str, **said: Any) -> Check:
    text = {"ja": "点検", "en": "check"}
    return Check.model_validate_json(json.dumps({"family": family, "name": text, "remedy": text} | said))


def result(finding: Finding) -> CheckResult:
    return CheckResult("r", factories.key(), "check", NOW, "d", finding)


def floored(check: Check, limit: float, drop: float) -> Said:
    floor = MetricFloor(metric="accuracy", at_least=limit, n_metric="n", max_drop=drop)
    return Said(check, factories.use_case(performance=(floor,)))


@given(shares, counts, st.tuples(shares, shares, least), st.tuples(shares, shares, least))
def test_performance_under_other_limits(
    value: float, n: int, old: tuple[float, float, int], new: tuple[float, float, int]
) -> None:
    said = [floored(check("performance", min_n=m), limit, drop) for limit, drop, m in (old, new)]
    then, now = (performance.judge(s.use_case.performance, {"accuracy": value, "n": n}, s.check, BASE) for s in said)
    again = rejudge(result(then), said[0], said[1])
    assert again.verdict in {now.verdict, None}
    if old[2] == new[2]:
        assert again.verdict is now.verdict


@given(shares, counts, shares, shares, st.sampled_from([0.9, 0.99]))
def test_a_logged_share_is_judged_again_at_another_confidence(
    value: float, n: int, old: float, new: float, confidence: float
) -> None:
    case = [factories.use_case(performance=(MetricFloor(metric="a", at_most=x, n_metric="n"),)) for x in (old, new)]
    checks = [check("performance"), check("performance", confidence=confidence)]
    then, now = (performance.judge(c.performance, {"a": value, "n": n}, k) for c, k in zip(case, checks, strict=True))
    assert rejudge(result(then), Said(checks[0], case[0]), Said(checks[1], case[1])).verdict is now.verdict


@given(st.integers(0, 60), st.integers(0, 20), shares, shares)
def test_generative_rates_under_other_limits(count: int, unjudged: int, old: float, new: float) -> None:
    checks = [check("genai", genai={"rates": {"leakage": {"at_most": x}}}) for x in (old, new)]
    counted = {Rate.LEAKAGE: genai.Judged(count, count + unjudged + 40, unjudged)}
    then, now = (genai.judge(k, {}, counted) for k in checks)
    case = factories.use_case()
    assert rejudge(result(then), Said(checks[0], case), Said(checks[1], case)).verdict is now.verdict


@given(shares, counts, shares, shares)
def test_robustness_under_another_limit(value: float, n: int, old: float, new: float) -> None:
    checks = [check("robustness", robustness={"max_drop": x}) for x in (old, new)]
    metrics = {"robustness.all.base": 0.9, "robustness.all.noise": value, "robustness.all.n": n}
    then, now = (robustness.judge(metrics, k) for k in checks)
    case = factories.use_case()
    assert rejudge(result(then), Said(checks[0], case), Said(checks[1], case)).verdict is now.verdict


@given(st.sampled_from(["", "short", "long " * 20]), least, least)
def test_documentation_under_another_length(text: str, old: int, new: int) -> None:
    checks = [check("documentation", required=["description"], min_characters=x) for x in (old, new)]
    told = factories.version(description=text), factories.registered(description="")
    then, now = (documentation.judge(*told, k, NOW.date()) for k in checks)
    case = factories.use_case()
    assert rejudge(result(then), Said(checks[0], case), Said(checks[1], case)).verdict is now.verdict


groups = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from([0, 1]), st.sampled_from([0, 1])), st.integers(1, 900), min_size=2
)


@given(groups, shares, shares, shares)
def test_bias_under_other_limits(cells: Any, old: float, new: float, gap: float) -> None:
    limits = [{"selection_rate_ratio": x, "equal_opportunity_difference": gap} for x in (old, new)]
    checks = [check("bias", limits=limit) for limit in limits]
    then, now = (bias.judge({"sex": cells}, k) for k in checks)
    case = factories.use_case()
    again = rejudge(result(then), Said(checks[0], case), Said(checks[1], case))
    assert again.verdict in {now.verdict, None}


def test_the_same_policy_changes_nothing() -> None:
    said = floored(check("performance"), 0.5, 0.1)
    again = rejudge(result(Finding(Verdict.WARN)), said, said)
    assert (again.verdict, again.differs) == (Verdict.WARN, False)


def test_names_and_remedies_and_what_the_family_does_not_read_are_no_change() -> None:
    old = Said(check("documentation", required=["description"]), factories.use_case())
    text = {"ja": "別名", "en": "renamed"}
    new = Said(check("documentation", required=["description"], name=text), factories.use_case(suite="other"))
    assert rejudge(result(Finding(Verdict.FAIL)), old, new).verdict is Verdict.FAIL


def test_what_would_need_the_data_is_listed_with_the_change() -> None:
    old = Said(check("documentation", required=["description"]), factories.use_case())
    new = Said(check("documentation", required=["description", "tag:card"]), factories.use_case())
    again = rejudge(result(Finding(Verdict.PASS)), old, new)
    assert again.verdict is None
    assert again.why.en == "these changes need the data: check.required.1"
    assert rejudge(result(Finding(Verdict.PASS)), old, None).verdict is None


def test_a_parameter_of_an_own_check_needs_the_data() -> None:
    old, new = (Said(check("ours", parameters={"most": x}), factories.use_case()) for x in (1, 2))
    assert rejudge(result(Finding(Verdict.PASS)), old, new).verdict is None


def test_a_verdict_that_its_numbers_do_not_explain_is_not_guessed() -> None:
    old, new = floored(check("performance"), 0.5, 0.1), floored(check("performance"), 0.6, 0.1)
    seen = Observation(
        "accuracy", value=0.9, low=0.8, high=0.95, limit=0.5, comparison=">=", n=500, verdict=Verdict.FAIL
    )
    assert rejudge(result(Finding(Verdict.FAIL, (seen,))), old, new).verdict is None
    honest = replace(seen, verdict=Verdict.PASS)
    assert rejudge(result(Finding(Verdict.FAIL, (honest,))), old, new).verdict is None
    assert rejudge(result(Finding(Verdict.PASS, (honest,))), old, new).verdict is Verdict.PASS
