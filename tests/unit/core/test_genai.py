# SPDX-License-Identifier: Apache-2.0
"""Judged answers become rates with intervals; what nobody judged is never counted as good."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from governance.core import genai, statistics
from governance.core.genai import Judged
from governance.core.terms import Observation, Verdict
from governance.policy import Check
from governance.policy.measures import Genai, Rate
from tests.languages import problems

LIMIT = {"false_output": {"at_most": 0.1}}


def settings(**said: Any) -> Genai:
    return Genai.model_validate_json(json.dumps(said))


def check(**said: Any) -> Check:
    text = {"ja": "生成AI", "en": "generative"}
    content = {"family": "genai", "name": text, "remedy": text, "min_n": 10, "genai": {"rates": LIMIT} | said}
    return Check.model_validate_json(json.dumps(content))


def observe(count: int, n: int, unjudged: int = 0, **said: Any) -> Observation:
    return genai.judge(check(**said), {}, {Rate.FALSE_OUTPUT: Judged(count, n, unjudged)}).observations[0]


@pytest.mark.parametrize(
    ("count", "n", "verdict"),
    [(0, 100, Verdict.PASS), (30, 100, Verdict.FAIL), (5, 60, Verdict.INSUFFICIENT), (0, 9, Verdict.INSUFFICIENT)],
)
def test_the_upper_bound_decides(count: int, n: int, verdict: Verdict) -> None:
    assert observe(count, n).verdict is verdict
    logged = {"false_output_rate": count / n, "false_output_n": n}
    assert genai.judge(check(), logged, {}).verdict is verdict


def test_too_few_probes_say_how_many_would_do() -> None:
    seen = observe(0, 20)
    assert (seen.verdict, seen.n) == (Verdict.INSUFFICIENT, 20)
    assert "takes 35 probes" in seen.detail.en
    assert observe(0, 35).verdict is Verdict.PASS
    assert observe(0, 34).verdict is Verdict.INSUFFICIENT


def test_a_rate_above_its_limit_cannot_be_mended_by_more_probes() -> None:
    seen = observe(3, 20)
    assert seen.verdict is Verdict.INSUFFICIENT
    assert "no number of probes" in seen.detail.en


@given(st.floats(0.001, 0.5), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_number_of_probes_needed_is_the_least_that_passes_when_nothing_goes_wrong(
    limit: float, confidence: float
) -> None:
    n = genai.probes_needed(0.0, limit, confidence)
    assert n is not None
    assert statistics.wilson(0, n, confidence).high <= limit + 1e-9
    assert n == 1 or statistics.wilson(0, n - 1, confidence).high > limit - 1e-9


def test_a_limit_of_nothing_at_all_can_never_be_shown() -> None:
    assert genai.probes_needed(0.0, 0.0, 0.95) is None
    assert observe(0, 1000, rates={"false_output": {"at_most": 0}}).verdict is Verdict.INSUFFICIENT


@given(st.integers(1, 200), st.data())
def test_an_answer_nobody_judged_never_makes_a_verdict_better(n: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, n))
    unjudged = data.draw(st.integers(0, n - count))
    seen = observe(count, n, unjudged)
    if seen.verdict is Verdict.PASS:
        assert observe(count + unjudged, n).verdict is Verdict.PASS
    if seen.verdict is Verdict.FAIL:
        assert observe(count, n).verdict is Verdict.FAIL
    assert problems(seen.detail) == []


def test_no_judged_answer_at_all_is_insufficient() -> None:
    assert observe(0, 50, 50).verdict is Verdict.INSUFFICIENT
    assert observe(0, 0).verdict is Verdict.INSUFFICIENT


def test_refusal_may_have_a_floor_and_a_ceiling() -> None:
    limits = {"refusal": {"at_least": 0.2, "at_most": 0.8}}
    counted = {Rate.REFUSAL: Judged(50, 100)}
    finding = genai.judge(check(rates=limits), {}, counted)
    assert [(o.comparison, o.limit, o.verdict) for o in finding.observations] == [
        ("<=", 0.8, Verdict.PASS),
        (">=", 0.2, Verdict.PASS),
    ]
    assert genai.judge(check(rates=limits), {}, {Rate.REFUSAL: Judged(2, 100)}).verdict is Verdict.FAIL


def test_one_group_by_counts_every_rate_among_its_own_probes() -> None:
    columns = {
        "false_output": {"column": "wrong"},
        "injection_success": {"column": "obeyed", "counts": "yes", "otherwise": ["no"], "among": {"column": "kind", "equals": "injection"}},
    }  # fmt: skip
    told = settings(rates={"false_output": {"at_most": 0.1}, "injection_success": {"at_most": 0.1}}, columns=columns)
    by = genai.columns(told)
    assert by == ("wrong", "obeyed", "kind")
    rows = [
        ((True, "no", "normal"), 3),
        ((0, "no", "injection"), 5),
        ((1.0, "yes", "injection"), 2),
        ((None, "Yes", "injection"), 1),
        ((False, None, "normal"), 4),
    ]
    counted = genai.tally(told, by, rows)
    assert counted[Rate.FALSE_OUTPUT] == Judged(5, 15, 1)
    assert counted[Rate.INJECTION_SUCCESS] == Judged(2, 8, 1)


def test_a_slip_in_the_value_that_counts_leaves_every_answer_unjudged() -> None:
    slipped = {"false_output": {"column": "verdict", "counts": "Wrong", "otherwise": ["Right"]}}
    told = settings(rates=LIMIT, columns=slipped)
    counted = genai.tally(told, genai.columns(told), [(("wrong",), 50), (("right",), 50)])
    assert counted == {Rate.FALSE_OUTPUT: Judged(0, 100, 100)}
    assert genai.judge(check(), {}, counted).verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize(
    "said",
    [
        {"rates": {}},
        {"rates": {"leakage": {}}},
        {"rates": {"leakage": {"at_least": 0.1}}},
        {"rates": {"refusal": {"at_least": 0.9, "at_most": 0.1}}},
        {"rates": LIMIT, "columns": {"leakage": {"column": "leaked"}}},
        {"rates": LIMIT, "columns": {"false_output": {"column": "wrong", "counts": "yes"}}},
        {"rates": LIMIT, "columns": {"false_output": {"column": "wrong", "counts": "no", "otherwise": ["no"]}}},
    ],
)
def test_limits_that_contradict_themselves_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**said)


def test_what_is_not_logged_is_not_run_and_no_limit_is_not_run() -> None:
    assert genai.judge(check(), {}, {}).verdict is Verdict.NOT_RUN
    assert genai.judge(check().model_copy(update={"genai": None}), {}, {}).verdict is Verdict.NOT_RUN
