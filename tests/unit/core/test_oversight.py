# SPDX-License-Identifier: Apache-2.0
"""What people say at gates: a quorum counts people, nobody approves their own, a waiver ends, a hold always blocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import alias_guard, approvals, gate_decisions, gates, holds, waivers
from governance.core.alias_guard import ActionKind, ActionState, AliasAction, Case
from governance.core.approvals import Answer, Interests, Outcome, Response
from governance.core.gates import Oversight
from governance.core.holds import Hold, HoldScope
from governance.core.terms import GateVerdict, Verdict, VersionKey
from governance.core.waivers import Waiver, WaiverState
from governance.policy import Approval, Bound, Mode, Policy, RiskTier, WaiverRule
from tests import factories
from tests.factories import NOW, REQUIRED, key, passing, result

SEATS = ("caio", "risk", "secretary")
PEOPLE = ("sato", "suzuki", "ito")
JST = ZoneInfo("Asia/Tokyo")
TODAY = NOW.astimezone(JST).date()
DIGEST = "f" * 64
answers = st.builds(
    Response,
    subject=st.just(key()),
    gate=st.just("G4"),
    facts_digest=st.sampled_from([DIGEST, "0" * 64]),
    seat=st.sampled_from([*SEATS, "stranger"]),
    person=st.sampled_from(PEOPLE),
    answer=st.sampled_from(Answer),
    reason=st.just("seen"),
    at=st.timedeltas(timedelta(0), timedelta(days=300)).map(lambda age: NOW - age),
)
said = st.lists(answers, max_size=6, unique_by=lambda r: (r.seat, r.facts_digest))
rules = st.integers(1, 3).flatmap(
    lambda quorum: st.builds(
        Approval, seats=st.just(SEATS), quorum=st.just(quorum), veto=st.sampled_from([None, *SEATS])
    )
)
verdicts = st.dictionaries(st.sampled_from(REQUIRED), st.sampled_from(Verdict), min_size=1)


def counts(response: Response, rule: Approval) -> bool:
    in_time = NOW - response.at < timedelta(days=rule.max_age_days)
    return response.facts_digest == DIGEST and response.seat in rule.seats and in_time


@given(rules, said)
def test_nothing_is_approved_without_a_quorum_of_people_who_saw_these_facts(
    rule: Approval, told: list[Response]
) -> None:
    settled = approvals.settle(rule, told, DIGEST, now=NOW)
    yes = {r.person for r in told if counts(r, rule) and r.answer is Answer.APPROVE}
    vetoed = [r for r in told if counts(r, rule) and r.seat == rule.veto and r.answer is Answer.REJECT]
    if settled.outcome is Outcome.APPROVED:
        assert len(yes) >= rule.quorum
        assert rule.veto is None or rule.veto in {r.seat for r in settled.counted}
    assert not vetoed or settled.outcome is Outcome.REJECTED
    assert set(settled.missing) == set(SEATS) - {r.seat for r in told if counts(r, rule)}


@given(rules, said, st.randoms())
def test_the_order_of_answers_decides_nothing(rule: Approval, told: list[Response], random: Any) -> None:
    mixed = random.sample(told, len(told))
    assert (
        approvals.settle(rule, mixed, DIGEST, now=NOW).outcome is approvals.settle(rule, told, DIGEST, now=NOW).outcome
    )


@pytest.mark.parametrize(
    ("person", "own", "why"),
    [
        ("sato", Interests(owner="sato"), "owns it"),
        ("sato", Interests(requesters=frozenset({"SATO"})), "made it or asked for it"),
        ("sato", Interests(authors=frozenset({"sato"})), "wrote one of the checks"),
        ("suzuki", Interests(), "does not hold the seat"),
        ("sato", Interests(owner="tanaka"), ""),
    ],
)
def test_nobody_approves_their_own(person: str, own: Interests, why: str) -> None:
    told = approvals.refusal(person, "caio", "it is complete", factories.shipped().people, own, TODAY)
    assert why in told.en
    assert bool(told) == bool(why)


def test_who_left_answers_for_nothing_and_who_stands_in_does_for_as_long_as_said() -> None:
    delegation = {"seat": "caio", "to": "ito", "since": "2026-11-01", "until": "2026-11-30"}
    people = factories.policy(
        people={"people": {"sato": {"left_on": "2026-11-10"}}, "delegations": [delegation]}
    ).people
    assert people.holders("caio", date(2026, 11, 9)) == ("sato", "ito")
    assert people.holders("caio", date(2026, 11, 10)) == ("ito",)
    assert people.holders("caio", date(2026, 12, 1)) == ()


def waiver(**changes: Any) -> Waiver:
    whole = Waiver(
        "W-1", key(), "G4", "bias", "late labels", "by hand", "tanaka", NOW, TODAY + timedelta(days=9),
        WaiverState.ACTIVE, "sato", NOW,
    )  # fmt: skip
    return replace(whole, **changes)


@pytest.mark.parametrize(
    ("asked_by", "owner", "may"), [("sato", None, ()), ("tanaka", "sato", ()), ("tanaka", "suzuki", ("sato",))]
)
def test_nobody_grants_a_waiver_that_they_asked_for_or_of_their_own_model(
    asked_by: str, owner: str | None, may: tuple[str, ...]
) -> None:
    asked = waiver(requested_by=asked_by, state=WaiverState.REQUESTED, decided_by=None, decided_at=None)
    own, policy = waivers.interests(asked, owner), factories.shipped()
    assert bool(approvals.refusal("sato", "caio", "it is in place", policy.people, own, TODAY)) == (not may)
    assert gate_decisions.waiver_line(asked, RiskTier.HIGH, owner, policy, NOW).decide == may


@given(
    st.integers(0, 60), st.timedeltas(timedelta(0), timedelta(days=90)), st.timedeltas(timedelta(0), timedelta(days=90))
)
def test_once_expired_a_waiver_never_lives_again(days: int, one: timedelta, more: timedelta) -> None:
    granted = waiver(expires_on=TODAY + timedelta(days=days))
    states = [waivers.state(granted, JST, 7, now=NOW + after) for after in (one, one + more)]
    assert states[0] is not WaiverState.EXPIRED or states[1] is WaiverState.EXPIRED


@pytest.mark.parametrize(("moment", "lives"), [("2026-11-30T14:59:59", True), ("2026-11-30T15:00:00", False)])
def test_a_waiver_ends_at_midnight_of_its_last_day_company_time(moment: str, *, lives: bool) -> None:
    granted = waiver(expires_on=date(2026, 11, 30))
    assert bool(waivers.live([granted], JST, now=datetime.fromisoformat(moment).replace(tzinfo=UTC))) is lives


@given(st.sampled_from(Verdict), st.sets(st.sampled_from(["error", "stale", "not_run", "fail"])))
def test_what_the_policy_never_waives_is_never_waived(verdict: Verdict, never: set[str]) -> None:
    rule = WaiverRule(seat="caio", most_days=30, never=tuple(sorted(never)))  # type: ignore[arg-type]
    assert waivers.covers(waiver(), "G4", "bias", verdict, rule) == (verdict.value not in never)
    assert not waivers.covers(waiver(), "G4", "performance", verdict, rule)
    assert not waivers.covers(waiver(), "G4", "bias", verdict, None)
    assert not waivers.covers(waiver(expires_on=TODAY + timedelta(days=180)), "G4", "bias", verdict, rule)


@given(st.sampled_from(list(HoldScope)[:3]), verdicts, said)
def test_a_live_hold_always_blocks_whatever_else_is_said(
    scope: HoldScope, ended: dict[str, Verdict], told: list[Response]
) -> None:
    target = {HoldScope.MODEL: key().model, HoldScope.VERSION: f"{key().model}/1", HoldScope.USE_CASE: "credit-scoring"}
    order = Hold("H-1", scope, target[scope], "safety", "harm", "sato", NOW)
    granted = tuple(waiver(id=f"W-{check}", check=check) for check in (*REQUIRED, "hold"))
    people = Oversight(granted, (order,), tuple(told), slug="credit-scoring")
    found = {name: result(name, verdict) for name, verdict in ended.items()}
    decided = gates.decide(
        "G4", factories.version(), factories.use_case(), RiskTier.HIGH, found, factories.shipped(), people, now=NOW
    )
    assert decided.verdict is GateVerdict.BLOCK
    assert "hold" in {reason.check for reason in decided.reasons if reason.blocks}
    assert not holds.covers(order, VersionKey("another", 1), "another", ())


ORDERED = Hold("H-1", HoldScope.MODEL, "lending", "safety", "harm", "sato", NOW, is_emergency=True)
REVIEWED = replace(ORDERED, reviewed_at=NOW, review="justified")


@pytest.mark.parametrize(
    ("order", "by", "conditions", "why"),
    [
        (ORDERED, "sato", "mended", "has not reviewed it yet"),
        (REVIEWED, "sato", "mended", ""),
        (replace(ORDERED, is_emergency=False), "sato", "mended", ""),
        (replace(ORDERED, is_drill=True), "sato", "mended", ""),
        (REVIEWED, "tanaka", "mended", "holds none of the seats"),
        (REVIEWED, "sato", " ", "under what conditions"),
        (replace(REVIEWED, released_at=NOW, released_by="sato", conditions="none"), "sato", "mended", "sato: none"),
    ],
)
def test_a_hold_is_released_by_its_seat_under_conditions_and_an_emergency_one_after_a_review(
    order: Hold, by: str, conditions: str, why: str
) -> None:
    policy = factories.shipped()
    told = holds.refuse_release(order, by, conditions, policy.people, policy.holds, TODAY)
    assert why in told.en
    assert bool(told) == bool(why)


@pytest.mark.parametrize(("by", "finding"), [(None, "justified"), ("sato", "justified"), ("ito", " ")])
def test_no_hold_is_reviewed_by_who_ordered_it_by_nobody_or_without_a_finding(by: str | None, finding: str) -> None:
    assert holds.refuse_review(ORDERED, by, finding)
    assert not holds.refuse_review(ORDERED, "ito", "justified")


def decided(policy: Policy, change: str) -> str:
    """The facts digest with one fact changed."""
    on, found, told = factories.version(), passing(), Oversight(slug="credit-scoring")
    tier = RiskTier.LIMITED if change == "tier" else RiskTier.HIGH
    match change:
        case "run":
            on = replace(on, run_id="another")
        case "check":
            found["bias"] = result("bias", Verdict.WARN)
        case "data":
            found["bias"] = result("bias", data_digest="e" * 64)
        case "definition":
            found["bias"] = replace(found["bias"], definition="stricter")
        case "hold":
            told = replace(told, holds=(Hold("H-1", HoldScope.MODEL, on.key.model, "x", "y", "sato", NOW),))
    return gates.decide("G4", on, factories.use_case(), tier, found, policy, told, now=NOW).facts_digest


@pytest.mark.parametrize("kind", ["run", "data", "definition"])
def test_a_fact_makes_a_decision_stale_exactly_if_the_policy_calls_it_material(kind: str) -> None:
    others = [one.value for one in Bound if one.value != kind]
    whole, without = factories.shipped(), factories.policy(gates={"material": others})
    assert decided(whole, kind) != decided(whole, "nothing")
    assert decided(without, kind) == decided(without, "nothing")


@pytest.mark.parametrize("kind", ["tier", "check", "hold"])
def test_verdicts_tier_and_holds_change_the_facts_digest(kind: str) -> None:
    assert decided(factories.shipped(), kind) != decided(factories.shipped(), "nothing")


def acted(kind: ActionKind, state: ActionState, at: datetime, version: int = 2) -> AliasAction:
    return AliasAction("a", kind, "lending", "champion", 1, version, "no decision", state, at)


CASE = Case("lending", "champion", 2, ("G4: no decision",))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(Mode.PREVENT, ActionKind.REVERT), (Mode.WARN, ActionKind.REPORT), (Mode.OBSERVE, ActionKind.REPORT)],
)
def test_what_may_not_hold_an_alias_is_handled_by_mode(mode: Mode, kind: ActionKind) -> None:
    [move] = alias_guard.moves([CASE], [], {("lending", "champion"): 1}, mode, NOW)
    assert (move.kind, move.to_version) == (kind, 1 if kind is ActionKind.REVERT else 2)
    assert alias_guard.moves([replace(CASE, reasons=())], [], {}, mode, NOW) == []


@given(st.sampled_from(Mode), st.timedeltas(timedelta(0), timedelta(hours=1)))
def test_a_hold_is_enforced_in_every_mode_and_a_release_in_progress_is_left_alone(mode: Mode, age: timedelta) -> None:
    begun = acted(ActionKind.PROMOTE, ActionState.BEGUN, NOW - age)
    [move] = alias_guard.moves([replace(CASE, hold="H-1")], [begun], {}, mode, NOW)
    assert move.kind is ActionKind.ENFORCE
    left_alone = alias_guard.moves([CASE], [begun], {}, mode, NOW) == []
    assert left_alone == (age < alias_guard.RELEASE)


def test_a_promotion_of_one_version_does_not_shield_another() -> None:
    begun = acted(ActionKind.PROMOTE, ActionState.BEGUN, NOW)
    assert len(alias_guard.moves([replace(CASE, version=3)], [begun], {}, Mode.PREVENT, NOW)) == 1
