# SPDX-License-Identifier: Apache-2.0
"""A gate report says what the decision said, shows all of it, and calls nothing green that nobody knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import gate_pictures, gates
from governance.core.drift import Profile
from governance.core.gate_changes import ChangeKind, Passage, Past
from governance.core.gate_pictures import Expectations, Forest, Histogram, Material, Trend
from governance.core.gate_report import Facts, GateReport, report
from governance.core.terms import (
    CheckResult,
    DatasetInput,
    GateDecision,
    Light,
    Observation,
    Verdict,
    VersionKey,
    Words,
)
from governance.policy import Family, RiskTier
from governance.reports import charts, gate_text
from tests import factories
from tests.factories import NOW, REQUIRED
from tests.languages import problems

KEY = factories.key()
numbers = st.one_of(st.none(), st.floats(-2, 2), st.just(float("inf")), st.just(float("nan")))
observations = st.builds(
    Observation,
    name=st.sampled_from(["selection_rate_ratio", "equal_opportunity_difference"]),
    slice=st.sampled_from(["sex: female vs male", "age: old vs young"]),
    value=numbers,
    low=numbers,
    high=numbers,
    limit=st.sampled_from([0.1, 0.8, None]),
    comparison=st.sampled_from([">=", "<="]),
    n=st.one_of(st.none(), st.integers(0, 10_000)),
    verdict=st.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.STALE]),
    detail=st.just(Words("数値の説明", "about the figures")),
)
results = st.builds(
    lambda check, verdict, age, seen: factories.result(check, verdict, at=NOW - age, observations=tuple(seen)),
    st.sampled_from(REQUIRED),
    st.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.STALE]),
    st.timedeltas(timedelta(0), timedelta(days=60)),
    st.lists(observations, max_size=6),
)
evidence = st.lists(results, max_size=5).map(lambda found: {one.check: one for one in found})


def passage(decision: GateDecision, **changes: object) -> Passage:
    outline = Passage(
        "p", decision.subject, decision.at, decision.blocks, decision.policy_digest, "1.0", decision.evidence
    )
    return replace(outline, **changes)  # type: ignore[arg-type]


def told(found: dict[str, CheckResult], *, later: timedelta = timedelta(0), **facts: object) -> GateReport:
    version, policy = factories.version(), factories.shipped()
    decided = gates.decide("G4", version, factories.use_case(), RiskTier.HIGH, found, policy, now=NOW)
    whole = Facts(decided, factories.registered(), version, found, [passage(decided)])
    return report(replace(whole, **facts), policy, NOW + later, NOW, None)  # type: ignore[arg-type]


@given(evidence, st.timedeltas(timedelta(0), timedelta(days=60)))
def test_only_an_open_gate_on_evidence_in_time_is_green(found: dict[str, CheckResult], later: timedelta) -> None:
    made = told(found, later=later)
    is_old = any(NOW + later - one.at > timedelta(days=30) for one in found.values())
    expected = Light.RED if made.decision.blocks else Light.GREY if is_old else Light.GREEN
    assert made.light is expected


@given(evidence)
def test_every_reason_is_a_row_and_what_closes_the_gate_comes_first(found: dict[str, CheckResult]) -> None:
    made = told(found)
    closing = [line.blocks for line in made.lines]
    assert closing == sorted(closing, reverse=True)
    assert sum(closing) == sum(reason.blocks for reason in made.decision.reasons)
    assert {line.check for line in made.lines} >= set(found) | {reason.check for reason in made.decision.reasons}


def test_a_gate_that_waits_for_people_alone_is_amber_and_says_so() -> None:
    found = {name: factories.result(name) for name in factories.REQUIRED}
    policy = factories.policy(gates={"gates": {"G4": {"approval": {"high": {"seats": ["risk"], "quorum": 1}}}}})
    version = factories.version()
    decided = gates.decide("G4", version, factories.use_case(), RiskTier.HIGH, found, policy, now=NOW)
    made = report(Facts(decided, factories.registered(), version, found, [passage(decided)]), policy, NOW, NOW, None)
    assert made.light is Light.AMBER
    assert "waits for approval" in made.verdict.en
    assert "承認待ち" in made.verdict.ja


@given(evidence)
def test_the_verdict_is_a_sentence_in_both_languages(found: dict[str, CheckResult]) -> None:
    made = told(found)
    assert problems(made.verdict) == []
    assert str(KEY) in made.verdict.ja
    assert str(KEY) in made.verdict.en


@given(evidence, st.sampled_from(["ja", "en"]))
def test_the_terminal_shows_every_reason_and_every_fact(found: dict[str, CheckResult], language: str) -> None:
    made = told(found)
    text = gate_text.render(made, gate_text.Tongue(language, ZoneInfo("Asia/Tokyo")))
    assert all(id_ in text for id_ in made.decision.evidence.values())
    assert sum(line.startswith(("✗ ", "! ", "✓ ", "– ")) for line in text.splitlines()) == len(made.lines)


@given(st.lists(observations, max_size=60))
def test_a_forest_shows_or_counts_each_comparison_and_the_worst_are_seen(seen: list[Observation]) -> None:
    result = factories.result(observations=tuple(seen))
    pictures = gate_pictures.draw(result, Family.BIAS, Material())
    assert all(isinstance(one, Forest) for one in pictures)
    forests = [one for one in pictures if isinstance(one, Forest)]
    drawable = [one for one in seen if gate_pictures._is_bounded(one) and one.limit is not None]
    assert sum(len(one.bars) + one.more for one in forests) == len(drawable)
    for forest in forests:
        chart = charts.forest(forest)
        assert 0 <= chart.limit <= 100
        assert all(0 <= place <= 100 for bar in chart.bars for place in (bar.x, bar.left, bar.right))


def test_since_is_the_start_of_the_unbroken_row() -> None:
    found = {"bias": factories.result("bias", Verdict.FAIL)}
    decided = told(found).decision
    days = [(9, True), (7, False), (5, True), (3, True)]
    past = [passage(decided, at=NOW - timedelta(days=day), blocks=blocks) for day, blocks in days]
    assert told(found, passages=[*past, passage(decided)]).since == NOW - timedelta(days=5)


def test_what_changed_names_version_data_dataset_limit_policy_and_code() -> None:
    def ratio(limit: float) -> Observation:
        return Observation("selection_rate_ratio", "sex", 0.7, limit=limit, comparison=">=", verdict=Verdict.FAIL)

    then = factories.result("bias", observations=(ratio(0.75),), data_digest="a" * 64)
    now = {"bias": factories.result("bias", Verdict.FAIL, observations=(ratio(0.8),), data_digest="b" * 64)}
    before = passage(
        told(now).decision, subject=VersionKey("credit-scoring", 0), policy_digest="p" * 64, code_version="0.9"
    )
    data = DatasetInput("evaluation", "people", "old", "file")
    made = told(now, past=Past(before, {"bias": then}, (data,), is_same_version=False))
    kinds = [one.kind for one in made.changes]
    assert set(kinds) == set(ChangeKind) - {ChangeKind.DEFINITION}
    assert [(one.before, one.after) for one in made.changes if one.kind is ChangeKind.LIMIT] == [("≥ 0.75", "≥ 0.80")]
    assert kinds == sorted(kinds, key=list(ChangeKind).index)


@given(evidence)
def test_nothing_changed_between_a_decision_and_itself(found: dict[str, CheckResult]) -> None:
    decided = told(found).decision
    past = Past(passage(decided), found, factories.version().datasets, is_same_version=True)
    assert told(found, past=past).changes == ()


def test_who_may_waive_is_the_seat_and_never_the_owner() -> None:
    people = told({}).people
    assert people.owner.name == Words("田中 健", "Ken Tanaka")
    assert people.waives.email == "sato@sample.example"
    assert not people.is_own
    policy = factories.policy(use_cases={"use_cases": {"credit-scoring": {"owner": "sato"}}})
    found = Facts(told({}).decision, factories.registered(), None, {}, [])
    assert report(found, policy, NOW, NOW, None).people.is_own


def test_failing_expectations_come_with_their_samples() -> None:
    bad = Observation(
        "expect_column_values_to_be_unique", "row_id", 4.2, limit=0, comparison="<=", verdict=Verdict.FAIL
    )
    good = replace(bad, slice="age", value=0.0, verdict=Verdict.PASS)
    result = factories.result("data_quality", Verdict.FAIL, observations=(bad, good))
    (picture,) = gate_pictures.draw(
        result, Family.DATA_QUALITY, Material(samples={(bad.name, bad.slice): ("***", "***")})
    )
    assert isinstance(picture, Expectations)
    assert (picture.failing[0].samples, len(picture.failing), picture.met) == (("***", "***"), 1, 1)


def test_a_trend_has_the_baseline_of_the_approved_version() -> None:
    def at(number: int, value: float) -> CheckResult:
        seen = Observation("auc", value=value, limit=0.7, comparison=">=", verdict=Verdict.PASS)
        return factories.result(
            "performance",
            subject=factories.key(number=number),
            at=NOW - timedelta(days=9 - number),
            observations=(seen,),
        )

    past = [at(1, 0.8), at(2, 0.78), at(3, 0.75)]
    (picture,) = gate_pictures.draw(past[-1], Family.PERFORMANCE, Material(past=past, approved=factories.key(number=2)))
    assert isinstance(picture, Trend)
    assert [point.version for point in picture.points] == [1, 2, 3]
    assert picture.baseline == picture.points[1]
    chart = charts.trend(picture)
    heights = [dot.y for dot in chart.dots]
    assert heights == sorted(heights)
    assert chart.baseline == chart.dots[1].y


@pytest.mark.parametrize("is_same", [True, False])
def test_a_histogram_compares_only_counts_of_the_same_cells(is_same: bool) -> None:  # noqa: FBT001 - a parameter
    now = Profile("income", (1, 2, 3, 4), (1.0, 2.0), (0, 1))
    then = now.counted((4, 3, 2, 1)) if is_same else Profile("income", (1, 1, 1, 1), (5.0, 6.0), (0, 1))
    seen = Observation("psi", "income", 0.4, 0.3, 0.5, 0.2, "<=", 10, Verdict.FAIL)
    result = factories.result("drift", Verdict.FAIL, observations=(seen,))
    material = Material(profiles={"income": now}, reference={"income": then}, approved=KEY)
    (picture,) = gate_pictures.draw(result, Family.DRIFT, material)
    assert isinstance(picture, Histogram)
    assert sum(picture.current) == pytest.approx(1)
    assert picture.reference == ((0.4, 0.3, 0.2, 0.1) if is_same else ())
    assert (picture.of == KEY) is is_same
    assert len(charts.histogram(picture).columns) == len(picture.cells) == 4
