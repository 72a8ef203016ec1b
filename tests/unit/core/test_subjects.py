# SPDX-License-Identifier: Apache-2.0
"""Use cases at their gates: the same decision as on versions, bound to what use_cases.yaml says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import approvals, gates, subjects
from governance.core.approvals import Answer, Response
from governance.core.gates import Oversight
from governance.core.holds import Hold, HoldScope
from governance.core.terms import GateDecision, GateVerdict, UseCaseKey, VersionKey
from governance.core.tiers import classify
from governance.policy import Policy, RiskTier
from tests.factories import NOW, REQUIRED, policy, result, shipped, use_case, version

KEY = UseCaseKey("credit-scoring")
HIGH = [
    slug for slug, case in shipped().use_cases.use_cases.items() if classify(case, shipped().tiers) is RiskTier.HIGH
]
LINKED = policy(gates={"gates": {"G3": {"after": ["G1"]}, "G4": {"after": ["G1"]}}})


def decide(
    said: Oversight[UseCaseKey] = gates.NO_OVERSIGHT, rules: Policy | None = None, at: datetime = NOW
) -> dict[str, GateDecision[UseCaseKey]]:
    rules = rules or shipped()
    found = subjects.declared(KEY, rules)
    assert found is not None
    about = gates.about(said, KEY, KEY.use_case, rules)
    decided = gates.decide_each(tuple(rules.gates.of_use_cases), found, found.case, {}, rules, about, now=at)
    return {one.gate: one for one in decided}


def answer(decision: GateDecision[UseCaseKey], seat: str, said: Answer = Answer.APPROVE) -> Response[UseCaseKey]:
    person = {"risk": "suzuki", "caio": "sato"}[seat]
    return Response(KEY, decision.gate, decision.facts_digest, seat, person, said, "agreed", NOW, decision.bound)


def approved() -> Oversight[UseCaseKey]:
    """Every seat has approved at every gate, one gate after the other."""
    said: Oversight[UseCaseKey] = Oversight()
    for code, gate in shipped().gates.of_use_cases.items():
        wanted = approvals.needed(gate, RiskTier.HIGH)
        given_ = [answer(decide(said)[code], seat) for seat in wanted.seats] if wanted else []
        said = replace(said, responses=(*said.responses, *given_))
    return said


def test_a_high_risk_use_case_waits_for_its_first_seat_and_its_later_gates_for_the_first() -> None:
    decided = decide()
    assert [(code, one.verdict) for code, one in decided.items()] == [
        ("G0", GateVerdict.PENDING),
        ("G1", GateVerdict.BLOCK),
        ("G2", GateVerdict.BLOCK),
    ]
    assert [reason.check for reason in decided["G1"].reasons] == ["order"]


def test_a_use_case_whose_seats_have_all_agreed_may_be_built() -> None:
    assert [one.verdict for one in decide(approved()).values()] == [GateVerdict.PASS] * 3


@pytest.mark.parametrize("code", ["G0", "G1"])
def test_one_no_of_the_seat_that_is_needed_keeps_it_out(code: str) -> None:
    said = approved()
    kept = tuple(
        replace(one, answer=Answer.REJECT) if (one.gate, one.seat) == (code, "risk") else one for one in said.responses
    )
    assert decide(replace(said, responses=kept))[code].verdict is GateVerdict.BLOCK


CHANGES: dict[str, dict[str, Any]] = {
    "purpose": {"purpose": {"ja": "別の目的", "en": "another purpose"}},
    "owner": {"owner": "ito"},
    "domain": {"domain": "insurance"},
    "audience": {"audience": "internal"},
    "generative": {"generative": True},
    "models": {"models": ["credit-scoring", "credit-scoring-2"]},
    "vendors": {"vendors": ["Example Ltd."]},
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_use_cases_yaml_says_anew_takes_every_approval_away_and_is_named(name: str) -> None:
    before = decide(approved())["G0"]
    rules = policy(use_cases={"use_cases": {KEY.use_case: CHANGES[name] | {"tier": "high"}}})
    after = decide(approved(), rules)["G0"]
    assert (before.verdict, after.verdict) == (GateVerdict.PASS, GateVerdict.PENDING)
    assert f"use_case {name}: " in "; ".join(approvals.changed(before.bound, after.bound))


def test_how_its_models_are_measured_is_their_gates_affair() -> None:
    rules = policy(use_cases={"use_cases": {KEY.use_case: {"performance": [{"metric": "auc", "at_least": 0.9}]}}})
    assert decide(approved(), rules)["G0"].facts_digest == decide(approved())["G0"].facts_digest


@pytest.mark.parametrize(
    ("scope", "target"), [(HoldScope.USE_CASE, "credit-scoring"), (HoldScope.VENDOR, " EXAMPLE  ltd. ")]
)
def test_a_hold_on_it_or_on_its_vendor_closes_every_gate_of_a_use_case(scope: HoldScope, target: str) -> None:
    rules = policy(use_cases={"use_cases": {KEY.use_case: {"vendors": ["Example Ltd."]}}})
    hold = Hold("H-1", scope, target, "safety", "harm was reported", "sato", NOW)
    held = decide(Oversight(holds=(hold,)), rules)
    assert {one.verdict for one in held.values()} == {GateVerdict.BLOCK}
    assert all("hold" in {reason.check for reason in one.reasons} for one in held.values())


@pytest.mark.parametrize(
    ("scope", "target"), [(HoldScope.MODEL, "credit-scoring"), (HoldScope.VERSION, "credit-scoring/1")]
)
def test_a_hold_on_a_model_of_its_name_says_nothing_about_the_use_case(scope: HoldScope, target: str) -> None:
    hold = Hold("H-1", scope, target, "safety", "harm was reported", "sato", NOW)
    assert decide(Oversight(holds=(hold,))) == decide()


@given(days=st.integers(0, 400))
def test_an_approval_of_a_use_case_runs_out_as_the_policy_says(days: int) -> None:
    limit = shipped().gates.gates["G0"].approval[RiskTier.HIGH].max_age_days
    later = decide(approved(), at=NOW + timedelta(days=days))["G0"]
    assert (later.verdict is GateVerdict.PASS) == (days < limit)


def test_a_prohibited_use_is_kept_out_whoever_approves() -> None:
    rules = policy(use_cases={"use_cases": {KEY.use_case: {"tier": "prohibited"}}})
    assert {one.verdict for one in decide(approved(), rules).values()} == {GateVerdict.BLOCK}


@pytest.mark.parametrize("code", ["G3", "G4"])
def test_a_version_waits_for_its_use_case_where_the_policy_says_so(code: str) -> None:
    found = {name: result(name) for name in REQUIRED}

    def of_version(said: Oversight[UseCaseKey]) -> GateDecision[VersionKey]:
        earlier = decide(said, LINKED)
        given_: Oversight[VersionKey] = Oversight(earlier=earlier)
        return gates.decide(code, version(), use_case(), RiskTier.HIGH, found, LINKED, given_, now=NOW)

    waits, goes_on = of_version(Oversight()), of_version(approved())
    assert "order" in {reason.check for reason in waits.reasons if reason.blocks}
    assert "order" not in {reason.check for reason in goes_on.reasons}
    assert goes_on.bound["gate G1"] == decide(approved(), LINKED)["G1"].facts_digest


def test_a_subject_finds_its_use_case_and_its_gates() -> None:
    rules = shipped()
    assert subjects.use_case_of(KEY, rules)[1] == use_case()
    assert subjects.use_case_of(VersionKey("credit-scoring", 1), rules) == (KEY.use_case, use_case())
    assert list(subjects.gates_for(KEY, rules)) == ["G0", "G1", "G2"]
    assert list(subjects.gates_for(VersionKey("credit-scoring", 1), rules)) == ["G3", "G4", "G5"]
    gone = UseCaseKey("gone")
    assert (subjects.declared(gone, rules), subjects.gates_for(gone, rules)) == (None, {})
    assert KEY.use_case in HIGH
