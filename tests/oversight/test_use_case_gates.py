# SPDX-License-Identifier: Apache-2.0
"""Use cases at their gates: asked, answered, bound to what use_cases.yaml says, and holding back their models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from governance.core.approvals import code as code_of
from governance.core.terms import GateVerdict, UseCaseKey
from governance.errors import NotFoundError, RefusedError
from governance.policy import RiskTier
from governance.steps import alias_guard, gate_review, oversight, policy_replay, promotion, use_case_gate
from governance.steps import emergency_hold as holds
from governance.store import oversight as facts
from tests.factories import shipped
from tests.integration.databases import KINDS, database
from tests.integration.releases import WHY, Release, release, rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from governance.steps.gate_review import Question

KEY = UseCaseKey("credit-scoring")
CASES = {
    "G0": shipped().gates.gates["G0"].model_dump(mode="json"),
    "G1": shipped().gates.gates["G1"].model_dump(mode="json"),
    "G4": {"after": ["G1"]},
}


@pytest.fixture
def there(request: pytest.FixtureRequest, tmp_path: Path, mlflow: str) -> Iterator[Release]:
    kind, gates = getattr(request, "param", "sqlite"), {"gates": CASES}
    with (
        database(kind, tmp_path) as url,
        release(tmp_path, mlflow, database_url=url, gates=gates) as found,
    ):
        use_case_gate.decide(found.rt)
        yield found


def verdicts(there: Release, key: UseCaseKey = KEY) -> dict[str, GateVerdict]:
    return {one.gate: one.verdict for one in oversight.decisions(there.rt, key)}


def answer(there: Release, gate: str, seat: str, login: str, said: str = "approve", why: str = WHY) -> str:
    question = gate_review.question(there.rt, KEY, gate, seat)
    return gate_review.answer(there.rt, question, login, said, why)


def approve_all(there: Release) -> None:
    answer(there, "G0", "risk", "suzuki")
    answer(there, "G1", "risk", "suzuki")
    answer(there, "G1", "caio", "sato")


def about(questions: list[Question]) -> list[tuple[str, str]]:
    return [(one.gate, one.seat) for one in questions if one.key == KEY]


def asked_by(there: Release, source: str) -> list[Question]:
    return gate_review.ask(replace(there.rt, source=source))


def with_case(there: Release, **changes: Any) -> Release:
    return there.under(rules(there.model, gates={"gates": CASES}, use_cases={"use_cases": {KEY.use_case: changes}}))


@pytest.mark.parametrize("there", KINDS, indirect=True)
def test_a_use_case_is_asked_about_gate_by_gate_until_it_may_be_built(there: Release) -> None:
    assert verdicts(there) == {"G0": GateVerdict.PENDING, "G1": GateVerdict.BLOCK}
    assert about(asked_by(there, "gate_review/1")) == [("G0", "risk")]
    assert about(asked_by(there, "gate_review/2")) == []  # asked already
    assert about(asked_by(there, "gate_review/1")) == [("G0", "risk")]  # the same run, once more
    answer(there, "G0", "risk", "suzuki")
    assert verdicts(there) == {"G0": GateVerdict.PASS, "G1": GateVerdict.PENDING}
    assert about(asked_by(there, "gate_review/1")) == [("G1", "caio"), ("G1", "risk")]
    answer(there, "G1", "risk", "suzuki")
    assert verdicts(there)["G1"] is GateVerdict.PENDING
    answer(there, "G1", "caio", "sato")
    assert verdicts(there) == {"G0": GateVerdict.PASS, "G1": GateVerdict.PASS}
    assert "credit-scoring" not in use_case_gate.decide(there.rt)


def test_the_same_answer_is_told_once_and_another_one_is_refused(there: Release) -> None:
    question = gate_review.question(there.rt, KEY, "G0", "risk")
    first = gate_review.answer(there.rt, question, "suzuki", "approve", WHY)
    assert gate_review.answer(there.rt, question, "suzuki", "approve", WHY) == first
    with pytest.raises(RefusedError, match="has already said approve"):
        gate_review.answer(there.rt, question, "suzuki", "reject", WHY)
    assert gate_review.report_unanswered(there.rt, [question], [first]) == []


def test_nobody_approves_a_use_case_of_their_own(there: Release) -> None:
    own = UseCaseKey("health-support")  # suzuki owns it and holds the seat
    question = gate_review.question(there.rt, own, "G0", "risk")
    for login, why in (("suzuki", "owns it"), ("tanaka", "does not hold the seat"), ("nobody", "is nobody")):
        with pytest.raises(RefusedError, match=why):
            gate_review.answer(there.rt, question, login, "approve", WHY)
    with pytest.raises(RefusedError, match="no reason"):
        answer(there, "G0", "risk", "suzuki", why=" ")
    with there.rt.reading() as session:
        refused = [(one.subject, one.person) for one in facts.refusals(session, there.rt.current(session))]
    assert set(refused) == {(str(own), "suzuki"), (str(own), "tanaka"), (str(own), "nobody"), (str(KEY), "suzuki")}
    assert verdicts(there, own)["G0"] is GateVerdict.PENDING


def test_what_use_cases_yaml_says_anew_reopens_its_gates_and_an_answer_to_the_old_is_refused(there: Release) -> None:
    approve_all(there)
    question = gate_review.question(there.rt, KEY, "G0", "risk")
    anew = with_case(there, audience="internal", tier="high")
    with pytest.raises(RefusedError, match="use_case audience: customers -> internal"):
        gate_review.answer(anew.rt, question, "suzuki", "approve", WHY)
    assert "credit-scoring" in use_case_gate.decide(anew.rt)
    assert verdicts(anew) == {"G0": GateVerdict.PENDING, "G1": GateVerdict.BLOCK}
    assert "use_case audience: customers -> internal" in use_case_gate.blocked(anew.rt, KEY)
    with there.rt.reading() as session:
        told = [(one.rule, one.subject) for one in facts.escalations(session, there.rt.current(session))]
    assert (("E-04", str(KEY))) in told
    use_case_gate.decide(there.rt)  # as it was before
    assert verdicts(there) == {"G0": GateVerdict.PASS, "G1": GateVerdict.PASS}


def test_a_code_of_other_facts_is_refused_in_a_shell(there: Release) -> None:
    [now] = [one for one in oversight.decisions(there.rt, KEY) if one.gate == "G0"]
    question = gate_review.question(there.rt, KEY, "G0", "risk", code_of(now.facts_digest).lower())
    assert question.facts_digest == now.facts_digest
    with pytest.raises(RefusedError, match="the facts have changed"):
        gate_review.question(there.rt, KEY, "G0", "risk", "0000-0000")


def test_a_hold_on_a_use_case_closes_its_gates_and_its_release_opens_them(there: Release) -> None:
    approve_all(there)
    held = holds.place(there.rt, "use_case", KEY.use_case, ground="safety", reason="harm was reported", login="sato")
    assert verdicts(there) == {"G0": GateVerdict.BLOCK, "G1": GateVerdict.BLOCK}
    holds.release(there.rt, held.id, conditions="retrained on corrected labels", login="sato")
    assert verdicts(there) == {"G0": GateVerdict.PASS, "G1": GateVerdict.PASS}


def test_a_version_serves_only_while_its_use_case_is_approved(there: Release) -> None:
    there.decide(2)
    assert there.decision(2).verdict is GateVerdict.BLOCK
    assert {reason.check for reason in there.decision(2).reasons if reason.blocks} == {"order"}
    approve_all(there)
    alias_guard.guard(there.rt)
    there.approve(2)
    assert there.decision(2).verdict is GateVerdict.PASS
    promotion.promote(there.rt, there.key(2), "champion")
    anew = with_case(there, audience="internal", tier="high")
    alias_guard.guard(anew.rt)
    assert "champion" not in there.aliases()
    assert {reason.check for reason in anew.decision(2).reasons if reason.blocks} == {"order"}


def test_a_use_case_that_is_gone_is_asked_about_no_more(there: Release) -> None:
    content = there.rt.policy.model_dump(mode="json")
    del content["use_cases"]["use_cases"]["credit-scoring"]
    gone = there.under(type(there.rt.policy).model_validate(content, strict=False))
    assert about(asked_by(gone, "gate_review/9")) == []
    assert KEY not in {one.subject for one in use_case_gate.standing(gone.rt)}
    question = gate_review.question(gone.rt, KEY, "G0", "risk")
    with pytest.raises(RefusedError, match="does not ask risk"):
        gate_review.answer(gone.rt, question, "suzuki", "approve", WHY)
    with pytest.raises(NotFoundError, match="no gate has decided"):
        use_case_gate.read(gone.rt, KEY)


def test_under_a_proposed_policy_decisions_on_use_cases_and_on_their_versions_are_taken_again(
    there: Release, tmp_path: Path
) -> None:
    approve_all(there)
    there.decide(2)
    content = there.rt.policy.model_dump(mode="json")
    asks_three = {"seats": ["risk", "caio", "secretary"], "quorum": 3}
    content["gates"]["gates"]["G1"]["approval"] = {RiskTier.HIGH.value: asks_three}
    home = tmp_path / "proposed"
    home.mkdir()
    for name, section in content.items():
        (home / f"{name}.yaml").write_text(yaml.safe_dump(section, allow_unicode=True), encoding="utf-8")
    rows = policy_replay.replay(there.rt, home, 1)
    differing = {(row["subject"], row["gate"], row["then"], row["now"]) for row in rows if row["differs"]}
    assert differing == {
        (str(KEY), "G1", "passed", "awaiting approval"),
        (str(there.key(2)), "G4", "awaiting approval", "blocked"),
    }
