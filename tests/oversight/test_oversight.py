# SPDX-License-Identifier: Apache-2.0
"""Gates that bind, against a real MLflow server: approval, promotion, the alias guard, waivers and holds."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from governance.core.alias_guard import ActionKind, ActionState
from governance.core.holds import HoldScope
from governance.core.terms import GateVerdict, Verdict
from governance.errors import (
    GovernanceError,
    NotFoundError,
    PolicyError,
    RefusedError,
    SourceError,
    SourceUnavailableError,
)
from governance.steps import alias_guard, hold_enforcement, may_serve, policy_replay, promotion
from governance.steps import emergency_hold as holds
from governance.steps import gate_review as approvals
from governance.steps import waiver_request as waivers
from governance.store import oversight as facts
from tests.integration.databases import on_both
from tests.integration.releases import WHY, Release, at_once, release, rules

if TYPE_CHECKING:
    from pathlib import Path

JST = ZoneInfo("Asia/Tokyo")


def told(there: Release) -> dict[str, list[Any]]:
    """Everything that was done, refused and escalated."""
    with there.rt.reading() as session:
        at = there.rt.current(session)
        return {
            "actions": facts.actions(session, at),
            "refusals": [(r.action, r.person, r.why) for r in facts.refusals(session, at)],
            "escalations": [(e.rule, e.subject) for e in facts.escalations(session, at)],
            "responses": facts.responses(session, at),
        }


def test_evidence_alone_does_not_open_a_gate_that_wants_approval(there: Release) -> None:
    assert there.decision(2).verdict is GateVerdict.PENDING
    there.say("risk", "suzuki")
    assert there.decision(2).verdict is GateVerdict.PENDING
    there.say("caio", "sato")
    assert there.decision(2).verdict is GateVerdict.PASS
    assert promotion.promotable(there.rt) == [there.key(2)]


@on_both
def test_what_a_seat_is_shown_is_one_line_each_and_no_markup(there: Release) -> None:
    hostile = "![x](http://example.com/`` ` ``) <b>"
    there.measured(2, "bias", Verdict.WARN, data=hostile)
    there.decide(2)
    code, _, lines = approvals.shown(there.rt, approvals.question(there.rt, there.key(2), "G4", "risk")).partition(
        "\n\n"
    )
    assert "**" in code
    assert all(re.fullmatch(r"- (`+) .* \1", line) for line in lines.splitlines())
    assert f"- ``` data bias: {hostile} ```" in lines.splitlines()


def test_promotion_sets_the_alias_marks_the_version_and_is_proven(there: Release) -> None:
    there.approve()
    done = promotion.promote(there.rt, there.key(2), "champion")
    assert (done.state, done.proof["after"]) == (ActionState.DONE, 2)
    assert there.aliases()["champion"] == 2
    decision = there.decision(2)
    assert there.tags(2) == {"governance.decision": decision.id, "governance.digest": decision.facts_digest}
    again = promotion.promote(there.rt, there.key(2), "champion")
    assert (again.id, again.state) == (done.id, ActionState.DONE)
    assert promotion.promotable(there.rt) == []
    assert may_serve.check(there.rt, there.model, alias="champion") == (there.key(2), [])


def test_nothing_is_promoted_without_approval_and_the_attempt_is_recorded(there: Release) -> None:
    with pytest.raises(RefusedError, match="approval"):
        promotion.promote(there.rt, there.key(2), "champion")
    assert there.aliases()["champion"] == 1
    assert [action for action, _, _ in told(there)["refusals"]] == ["promote to champion"]
    with pytest.raises(RefusedError, match="no gate protects"):
        promotion.promote(there.rt, there.key(2), "candidate")


@pytest.mark.parametrize(
    ("seat", "login", "reason", "why"),
    [
        ("caio", "tanaka", WHY, "does not hold the seat"),
        ("caio", "nobody", WHY, "is nobody in people.yaml"),
        ("caio", "sato", " ok ", "no reason is given"),
        ("quality", "takahashi", WHY, "does not ask quality"),
    ],
)
def test_a_wrong_person_or_a_missing_reason_is_refused_and_recorded(
    there: Release, seat: str, login: str, reason: str, why: str
) -> None:
    with pytest.raises(RefusedError, match=why):
        there.say(seat, login, reason=reason)
    assert told(there)["responses"] == []
    assert [(action, person) for action, person, _ in told(there)["refusals"]] == [("approve G4", login)]


def test_nobody_approves_their_own(tmp_path: Path, mlflow: str) -> None:
    owned = {"use_cases": {"credit-scoring": {"owner": "suzuki"}}}
    authored = {"checks": {"bias": {"author": "sato"}}}
    with release(tmp_path, mlflow, use_cases=owned, checks=authored) as there:
        for seat, login, why in (("risk", "suzuki", "owns it"), ("caio", "sato", "wrote one of the checks")):
            with pytest.raises(RefusedError, match=why):
                there.say(seat, login)
        assert there.decision(2).verdict is GateVerdict.PENDING


def test_a_second_answer_of_a_seat_is_refused_and_the_same_one_is_told_once(there: Release) -> None:
    first = there.say("risk", "suzuki")
    assert there.say("risk", "suzuki") == first
    with pytest.raises(RefusedError, match="already said approve"):
        there.say("risk", "suzuki", "reject")
    assert len(told(there)["responses"]) == 1


@on_both
def test_two_approvers_at_the_same_second_both_count(there: Release) -> None:
    ended = at_once(lambda: there.say("risk", "suzuki"), lambda: there.say("caio", "sato"))
    assert not any(isinstance(one, GovernanceError) for one in ended)
    assert there.decision(2).verdict is GateVerdict.PASS


def test_a_veto_rejects_and_what_changed_is_named_when_the_gate_asks_again(there: Release) -> None:
    there.say("caio", "sato", "reject", "the intervals are too wide")
    assert there.decision(2).verdict is GateVerdict.BLOCK
    there.measured(2, "bias", Verdict.WARN)
    there.decide(2)
    decision = there.decision(2)
    assert decision.verdict is GateVerdict.PENDING
    assert "changed since the last answer: check bias: pass -> warn" in decision.reasons[-1].text.en


def test_an_approval_for_facts_that_changed_is_refused_with_the_fact(there: Release) -> None:
    question = approvals.question(there.rt, there.key(2), "G4", "risk")
    there.measured(2, "bias", data="e" * 64)
    with pytest.raises(RefusedError, match="changed since it was shown: data bias: dddddddd -> eeeeeeee"):
        approvals.answer(there.rt, question, "suzuki", "approve", WHY)
    with pytest.raises(RefusedError, match="changed since"):
        approvals.shown(there.rt, question)
    assert told(there)["responses"] == []


def test_a_gate_whose_facts_change_after_approval_closes_by_itself(there: Release) -> None:
    there.approve()
    promotion.promote(there.rt, there.key(2), "champion")
    there.measured(2, "bias", Verdict.FAIL)
    passed = alias_guard.guard(there.rt)
    assert there.decision(2).verdict is GateVerdict.BLOCK
    assert ("E-04", f"{there.model} v2") in told(there)["escalations"]
    assert passed["reopened"] == 1
    assert "champion" not in there.aliases()


def test_somebody_who_left_cannot_answer_and_who_stands_in_can(tmp_path: Path, mlflow: str) -> None:
    yesterday = (datetime.now(JST) - timedelta(days=1)).date()
    people = {
        "people": {"suzuki": {"left_on": yesterday.isoformat()}},
        "delegations": [
            {"seat": "risk", "to": "takahashi", "since": yesterday, "until": yesterday + timedelta(days=9)}
        ],
    }
    with release(tmp_path, mlflow, people=people) as there:
        with pytest.raises(RefusedError, match=f"suzuki left on {yesterday}"):
            there.say("risk", "suzuki")
        there.say("risk", "takahashi")
        assert {r.person for r in told(there)["responses"]} == {"takahashi"}


def test_a_policy_change_while_an_approval_is_open_counts_by_the_new_policy(there: Release) -> None:
    there.say("risk", "suzuki")
    one_seat = {"gates": {"G4": {"approval": {"high": {"seats": ["risk"], "quorum": 1, "veto": None}}}}}
    changed = there.under(rules(there.model, gates=one_seat))
    changed.decide(2)
    assert changed.decision(2).verdict is GateVerdict.PASS
    stricter = {"gates": {"G4": {"approval": {"high": {"seats": ["risk", "caio", "quality"], "quorum": 3}}}}}
    there.under(rules(there.model, gates=stricter)).decide(2)
    assert there.decision(2).verdict is GateVerdict.PENDING


def test_seats_are_asked_once_reminded_and_then_escalated(there: Release) -> None:
    assert [(q.seat, q.version) for q in approvals.ask(there.rt)] == [
        ("risk", 1), ("caio", 1), ("risk", 2), ("caio", 2),
    ]  # fmt: skip
    later = replace(there.rt, source="another run")
    assert approvals.ask(later) == []
    # The run that asked, run again, loses no question.
    assert len(approvals.ask(there.rt)) == 4
    there.say("risk", "suzuki", version=2)
    for _ in range(2):
        there.clock.pass_(hours=49)
        # What was measured keeps its date: nothing goes stale within the tier's 30 days.
        assert ("risk", 2) not in [(q.seat, q.version) for q in approvals.ask(later)]
    assert ("E-26", f"{there.model} v2") in told(there)["escalations"]


def test_a_task_that_ended_without_an_answer_is_reported_and_promotes_nothing(there: Release) -> None:
    asked = approvals.ask(there.rt)
    lines = approvals.report_unanswered(there.rt, asked, ["f" * 64])
    assert len(lines) == len(asked) + 1
    assert approvals.report_unanswered(there.rt, asked, ["f" * 64]) == lines
    assert len(told(there)["refusals"]) == len(lines)
    assert promotion.promotable(there.rt) == []


@on_both
def test_an_alias_moved_behind_our_back_is_reverted_and_escalated_once(there: Release) -> None:
    there.approve(1)
    there.point("champion", 2)
    alias_guard.guard(there.rt)
    assert there.aliases()["champion"] == 1
    alias_guard.guard(there.rt)
    found = told(there)
    reverted = [a for a in found["actions"] if a.kind is ActionKind.REVERT]
    assert [(a.from_version, a.to_version, a.state) for a in reverted] == [(2, 1, ActionState.DONE)]
    assert found["escalations"].count(("E-05", there.model)) == 1
    # The same trespass again is another one.
    there.point("champion", 2)
    alias_guard.guard(there.rt)
    assert there.aliases()["champion"] == 1
    assert told(there)["escalations"].count(("E-05", there.model)) == 2


def test_without_a_valid_earlier_holder_the_alias_is_taken_away(there: Release) -> None:
    there.point("champion", 2)
    alias_guard.guard(there.rt)
    assert "champion" not in there.aliases()


@pytest.mark.parametrize(("mode", "told_of"), [("observe", 0), ("warn", 1)])
def test_where_nothing_is_prevented_it_is_reported_once(tmp_path: Path, mlflow: str, mode: str, told_of: int) -> None:
    with release(tmp_path, mlflow, gates={"mode": mode}) as there:
        there.point("champion", 2)
        alias_guard.guard(there.rt)
        alias_guard.guard(there.rt)
        assert there.aliases()["champion"] == 2
        found = told(there)
        assert [a.kind for a in found["actions"] if a.from_version == 2] == [ActionKind.REPORT]
        assert len([s for r, s in found["escalations"] if r == "E-05"]) == told_of


def test_a_release_in_progress_is_not_fought(there: Release) -> None:
    there.approve()
    there.line.broken = lambda method, path: method == "POST" and path.endswith("registered-models/alias")
    with pytest.raises(SourceError):
        promotion.promote(there.rt, there.key(2), "champion")
    begun = told(there)["actions"][-1]
    assert begun.state is ActionState.FAILED
    assert there.aliases()["champion"] == 1
    there.line.broken = lambda _method, _path: False
    assert promotion.promote(there.rt, there.key(2), "champion").attempts == 2


def test_an_alias_moved_between_look_and_write_is_left_alone(there: Release) -> None:
    there.approve()
    there.register(1, f"{there.model}-third")
    there.mlflow("POST", "model-versions/create", name=there.model, source="s3://models/third")
    there.point("champion", 3)
    with pytest.raises(RefusedError, match="moved to v3 meanwhile"):
        promotion.promote(there.rt, there.key(2), "champion")
    assert there.aliases()["champion"] == 3
    there.mlflow("DELETE", "registered-models/delete", name=f"{there.model}-third")


def test_a_version_that_was_deleted_is_not_promoted(there: Release) -> None:
    there.approve()
    there.mlflow("DELETE", "model-versions/delete", name=there.model, version="2")
    with pytest.raises(SourceError):
        promotion.promote(there.rt, there.key(2), "champion")
    assert there.aliases() == {"champion": 1}


@pytest.mark.parametrize("step", ["set-tag", "alias", "get"])
def test_mlflow_failing_at_any_step_of_a_promotion_leaves_nothing_half_done(there: Release, step: str) -> None:
    there.approve()
    there.line.broken = lambda _method, path: step in path.rpartition("/")[2]
    with pytest.raises(SourceUnavailableError):
        promotion.promote(there.rt, there.key(2), "champion")
    assert there.aliases()["champion"] in {1, 2}
    assert may_serve.check(there.rt, there.model, 2)[1] == []
    there.line.broken = lambda _method, _path: False
    assert promotion.promote(there.rt, there.key(2), "champion").state is ActionState.DONE
    assert there.aliases()["champion"] == 2


@on_both
def test_a_waiver_lets_a_failed_check_pass_until_midnight_company_time(there: Release) -> None:
    there.blocked()
    asked = there.waive()
    assert there.decision(2).verdict is GateVerdict.BLOCK
    there.grant(asked)
    decision = there.decision(2)
    assert decision.verdict is GateVerdict.PENDING
    assert [r.waiver for r in decision.reasons if r.check == "bias"] == [asked.id]
    there.approve()
    promotion.promote(there.rt, there.key(2), "champion")
    midnight = datetime.combine(asked.expires_on + timedelta(days=1), time(), JST).astimezone(UTC)
    there.clock.ahead = midnight - datetime.now(UTC) - timedelta(seconds=30)
    alias_guard.guard(there.rt)
    assert there.decision(2).verdict is GateVerdict.PASS
    there.clock.pass_(seconds=60)
    alias_guard.guard(there.rt)
    assert there.decision(2).verdict is GateVerdict.BLOCK
    assert "champion" not in there.aliases()
    assert ("E-20", f"{there.model} v2") in told(there)["escalations"]
    assert waivers.listing(there.rt)[0]["state"] == "expired"


def test_a_waiver_that_ends_closes_the_gate_while_mlflow_is_down(there: Release) -> None:
    there.blocked()
    asked = there.waive()
    there.grant(asked)
    there.approve()
    assert there.decision(2).verdict is GateVerdict.PASS
    there.clock.ahead = datetime.combine(asked.expires_on + timedelta(days=1), time(1), JST) - datetime.now(UTC)
    there.line.broken = lambda _method, _path: True
    with pytest.raises(SourceError):
        alias_guard.guard(there.rt)
    assert there.decision(2).verdict is GateVerdict.BLOCK
    assert ("E-20", str(there.key(2))) in told(there)["escalations"]


def test_who_asked_for_a_waiver_or_owns_the_model_cannot_grant_it(there: Release) -> None:
    there.blocked()
    asked = there.waive(login="sato")
    with pytest.raises(RefusedError, match="made it or asked for it"):
        there.grant(asked)
    with pytest.raises(RefusedError, match="does not hold the seat"):
        waivers.decide(there.rt, asked.id, grant=True, reason=WHY, login="tanaka")
    assert there.decision(2).verdict is GateVerdict.BLOCK


def test_an_owner_who_holds_the_seat_cannot_grant_a_waiver_of_their_own_model(tmp_path: Path, mlflow: str) -> None:
    owned = {"use_cases": {"credit-scoring": {"owner": "sato"}}}
    with release(tmp_path, mlflow, use_cases=owned) as there:
        there.blocked()
        with pytest.raises(RefusedError, match="owns it"):
            there.grant(there.waive())
        assert there.decision(2).verdict is GateVerdict.BLOCK


def test_waivers_that_the_policy_does_not_allow_are_refused(there: Release) -> None:
    there.blocked()
    with pytest.raises(RefusedError, match="has to end between"):
        there.waive(days=31)
    with pytest.raises(NotFoundError, match="performance does not close it"):
        there.waive(check="performance")
    there.measured(2, "performance", Verdict.ERROR)
    there.decide(2)
    asked = there.waive(check="performance")
    waivers.decide(there.rt, asked.id, grant=True, reason=WHY, login="sato")
    assert "performance" in {r.check for r in there.decision(2).reasons if r.blocks}


def test_a_waiver_is_renewed_once_and_can_be_revoked(there: Release) -> None:
    there.blocked()
    for days in (1, 2):
        waivers.decide(there.rt, there.waive(days).id, grant=True, reason=WHY, login="sato")
    with pytest.raises(RefusedError, match="which is the limit"):
        there.waive(3)
    live = [row["waiver"] for row in waivers.listing(there.rt)]
    for id_ in live:
        waivers.revoke(there.rt, id_, reason="the control did not work", login="sato")
    assert there.decision(2).verdict is GateVerdict.BLOCK


def hold(there: Release, **changes: Any) -> Any:
    told_: dict[str, Any] = {"ground": "safety", "reason": "harm was reported", "login": "sato", "emergency": True}
    return holds.place(there.rt, HoldScope.MODEL, there.model, **(told_ | changes))


@on_both
def test_an_emergency_hold_is_proven_within_seconds_and_beats_every_approval(there: Release) -> None:
    there.approve()
    promotion.promote(there.rt, there.key(2), "champion")
    enforced = hold_enforcement.enforce(there.rt, hold(there).id)
    assert enforced.removed == (f"{there.model}@champion (v2)",)
    assert enforced.seconds is not None
    assert enforced.seconds < 60
    assert "champion" not in there.aliases()
    assert there.tags(2)["governance.hold"] == enforced.hold
    assert there.decision(2).verdict is GateVerdict.BLOCK
    with pytest.raises(RefusedError, match="hold"):
        promotion.promote(there.rt, there.key(2), "champion")
    assert hold_enforcement.enforce(there.rt, enforced.hold) == enforced
    assert {rule for rule, _ in told(there)["escalations"]} == {"E-10", "E-11"}


def test_a_hold_ends_enforced_although_mlflow_fails_meanwhile(there: Release) -> None:
    failures = iter(range(9))
    there.line.broken = lambda _method, _path: next(failures, None) is not None
    enforced = hold_enforcement.enforce(there.rt, hold(there).id, sleep=lambda _seconds: None)
    assert enforced.removed
    assert "champion" not in there.aliases()


@on_both
def test_a_hold_that_cannot_be_proven_says_so_and_goes_on_later(there: Release) -> None:
    there.line.broken = lambda _method, _path: True
    placed = hold(there)
    assert there.decision(1).verdict is GateVerdict.BLOCK
    with pytest.raises(SourceUnavailableError, match="is not proven"):
        hold_enforcement.enforce(there.rt, placed.id, patience=1)
    assert told(there)["escalations"].count(("E-10", there.model)) == 2
    there.line.broken = lambda _method, _path: False
    alias_guard.guard(there.rt)
    assert "champion" not in there.aliases()
    assert holds.listing(there.rt)[0]["proven_seconds"] is not None


def test_a_proxy_that_answers_404_proves_nothing(there: Release) -> None:
    there.line.status = 404
    there.line.broken = lambda method, _path: method == "GET"
    placed = hold(there)
    with pytest.raises(SourceUnavailableError, match="is not proven"):
        hold_enforcement.enforce(there.rt, placed.id, patience=1)
    assert there.aliases()["champion"] == 1


def test_a_hold_whose_proof_was_lost_is_proven_again(there: Release) -> None:
    gone: list[str] = []

    def broken(method: str, _path: str) -> bool:
        if method == "DELETE":
            gone.append(method)
            return False
        return bool(gone)

    placed = hold(there)
    there.line.broken = broken
    with pytest.raises(SourceUnavailableError):
        hold_enforcement.enforce(there.rt, placed.id, patience=1)
    assert "champion" not in there.aliases()
    there.line.broken = lambda _method, _path: False
    enforced = hold_enforcement.enforce(there.rt, placed.id)
    assert enforced.removed == (f"{there.model}@champion (v1)",)
    assert [row["unproven"] for row in holds.listing(there.rt)] == [0]


def test_a_hold_that_comes_in_between_takes_a_promotion_back(there: Release) -> None:
    there.approve()
    ordered: list[Any] = []

    def before(method: str, path: str) -> None:
        if method == "POST" and path.endswith("registered-models/alias") and not ordered:
            ordered.append(hold(there))

    there.line.before = before
    with pytest.raises(RefusedError, match="hold"):
        promotion.promote(there.rt, there.key(2), "champion")
    assert there.aliases().get("champion") != 2


def test_what_was_promoted_once_and_moved_since_is_not_promoted_again_by_itself(there: Release) -> None:
    there.approve(1)
    there.approve(2)
    promotion.promote(there.rt, there.key(2), "champion")
    there.point("champion", 1)
    alias_guard.guard(there.rt)
    assert there.aliases()["champion"] == 1
    assert promotion.promotable(there.rt) == []


def test_a_drill_takes_nothing_that_serves(there: Release) -> None:
    orphan = f"{there.model}-orphan"
    there.register(1, orphan)
    there.point("champion", 1, orphan)
    there.sync()
    with pytest.raises(PolicyError, match="takes nothing from what serves"):
        holds.drill(there.rt, orphan, login="sato")
    there.mlflow("DELETE", "registered-models/delete", name=orphan)


@on_both
def test_a_hold_is_released_after_review_and_the_gate_decides_anew(there: Release) -> None:
    there.approve(1)
    placed = hold(there)
    with pytest.raises(RefusedError, match="has not reviewed"):
        holds.release(there.rt, placed.id, conditions="retrained", login="sato")
    holds.review(there.rt, placed.id, finding="justified; lift after retraining", login="ito")
    with pytest.raises(RefusedError, match="holds none of the seats"):
        holds.release(there.rt, placed.id, conditions="retrained", login="tanaka")
    holds.release(there.rt, placed.id, conditions="retrained on corrected labels", login="sato")
    # It rests on the facts it was approved on: the hold is gone, so the same digest holds again.
    assert there.decision(1).verdict is GateVerdict.PASS


def test_only_the_right_seat_orders_a_hold_and_only_on_what_there_is(there: Release) -> None:
    with pytest.raises(RefusedError, match="holds none of the seats"):
        hold(there, login="tanaka")
    with pytest.raises(NotFoundError, match="no such model"):
        holds.place(there.rt, HoldScope.MODEL, "no-such", ground="x", reason="y", login="sato")
    with pytest.raises(NotFoundError, match="MODEL/VERSION"):
        holds.place(there.rt, HoldScope.VERSION, there.model, ground="x", reason="y", login="sato")


def test_a_drill_takes_the_real_path_on_a_canary_and_never_on_what_serves(there: Release) -> None:
    canary = f"{there.model}-canary"
    there.register(1, canary)
    there.sync()
    drilled = holds.drill(there.rt, canary, login="sato")
    assert drilled.removed == (f"{canary}@champion (v1)",)
    assert drilled.seconds is not None
    assert [row["state"] for row in holds.listing(there.rt)] == ["released"]
    with pytest.raises(PolicyError, match="serves a use case"):
        holds.drill(there.rt, there.model, login="sato")
    there.mlflow("DELETE", "registered-models/delete", name=canary)


def test_the_guard_of_a_pipeline_answers_from_the_facts_alone(there: Release) -> None:
    there.line.broken = lambda _method, _path: True
    key, reasons = may_serve.check(there.rt, there.model, alias="champion")
    assert key == there.key(1)
    assert any("approval" in reason for reason in reasons)
    there.approve(1)
    assert may_serve.check(there.rt, there.model, alias="champion") == (there.key(1), [])
    with pytest.raises(NotFoundError, match="is not in the inventory"):
        may_serve.check(there.rt, "no-such-model", alias="champion")


def test_a_proposed_policy_tells_which_decisions_would_differ_and_records_nothing(
    there: Release, tmp_path: Path
) -> None:
    there.say("risk", "suzuki")
    one_seat = {"gates": {"G4": {"approval": {"high": {"seats": ["risk"], "quorum": 1, "veto": None}}}}}
    proposed = tmp_path / "proposed"
    proposed.mkdir()
    for name, section in rules(there.model, gates=one_seat).model_dump(mode="json").items():
        (proposed / f"{name}.yaml").write_text(json.dumps(section, ensure_ascii=False), encoding="utf-8")
    before = there.decision(2)
    found = policy_replay.replay(there.rt, proposed, 1)
    assert [(row["subject"], row["then"], row["now"]) for row in found if row["differs"]] == [
        (f"{there.model} v2", "awaiting approval", "passed")
    ]
    assert len(found) == 3
    assert there.decision(2) == before


def test_an_answer_that_is_too_old_to_count_is_asked_for_and_given_again(tmp_path: Path, mlflow: str) -> None:
    approval = {"gates": {"G4": {"approval": {"high": {"max_age_days": 5}}}}}
    with release(tmp_path, mlflow, gates=approval) as there:
        first = there.say("risk", "suzuki")
        there.clock.pass_(days=6)
        later = replace(there.rt, source="another run")
        [question] = [q for q in approvals.ask(later) if (q.seat, q.version) == ("risk", 2)]
        assert approvals.answered(there.rt, question) is None
        assert approvals.answer(there.rt, question, "suzuki", "approve", WHY) != first
        assert "waiting for caio" in there.decision(2).reasons[-1].text.en
