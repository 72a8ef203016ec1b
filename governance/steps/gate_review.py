# SPDX-License-Identifier: Apache-2.0
"""Ask the seats, record what they answer, and promote what they approved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from governance.core import approvals, subjects, tiers
from governance.core.approvals import Answer, Outcome, Request, Response, Settled
from governance.core.terms import GateDecision, GateVerdict, K, Subject, UseCaseKey, VersionKey, Words
from governance.core.wording import decision_report
from governance.errors import ConflictError, NotFoundError, RefusedError
from governance.steps import oversight
from governance.store import gates as gate_facts
from governance.store import oversight as facts
from governance.store.base import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

    from governance.policy import Approval
    from governance.runtime import Runtime
    from governance.steps.oversight import Standing
    from governance.store.facts import AsOf, Telling


@dataclass(frozen=True, slots=True)
class Question:
    """What one seat is asked: a decision on a version or a use case, and the digest of the facts behind it."""

    gate: str
    seat: str
    facts_digest: str
    model: str = ""
    version: int = 0
    use_case: str = ""

    @classmethod
    def about(cls, key: Subject, gate: str, seat: str, facts_digest: str) -> Self:
        """A question about a subject."""
        return cls(gate, seat, facts_digest, **named(key))

    @property
    def key(self) -> Subject:
        """What it is about."""
        return UseCaseKey(self.use_case) if self.use_case else VersionKey(self.model, self.version)


def ask(rt: Runtime) -> list[Question]:
    """The seats to ask now, recorded as asked; who was asked lately is not asked again.

    A seat that has been reminded as often as the policy says is escalated to the CAIO, once; so is a seat that nobody
    holds, to the secretary if that is the CAIO's own.
    """
    oversight.refresh(rt)
    with rt.writing() as session:
        telling = rt.telling(session)
        at = telling.position
        asked, standing = _last_requests(session, at), oversight.read(session, at)
        cases = oversight.read_use_cases(session, at, standing.said)
        return [
            *_ask_about(rt, session, cases, asked, telling),
            *_ask_about(rt, session, standing, asked, telling),
        ]


def _ask_about(
    rt: Runtime, session: Session, standing: Standing[K], asked: dict[tuple[str, ...], Request[Any]], telling: Telling
) -> list[Question]:
    """The questions about versions, or about use cases, recorded as asked."""
    found = list(_questions(rt, standing, asked, telling))
    facts.record_requests(session, [request for _question, request in found], telling)
    for question, request in found:
        if request.times > rt.policy.gates.asking.escalate_after:
            _escalate(session, question, request, telling)
    _tell_vacant(rt, session, standing, telling)
    again = _asked_by(rt, standing, asked, telling.source)
    return list(dict.fromkeys([*again, *(question for question, _request in found)]))


def _asked_by(
    rt: Runtime, standing: Standing[K], asked: dict[tuple[str, ...], Request[Any]], source: str
) -> Iterator[Question]:
    """What this very run has asked before and nobody has answered: a task that runs twice loses no question."""
    for request in asked.values():
        decision = standing.recorded.get((request.subject, request.gate))
        if request.source != source or decision is None or decision.facts_digest != request.facts_digest:
            continue
        if (
            decision.verdict is GateVerdict.PENDING
            and request.seat in settle(rt, standing.said.responses, decision).missing
        ):
            yield Question.about(request.subject, request.gate, request.seat, request.facts_digest)


def _questions(
    rt: Runtime, standing: Standing[K], asked: dict[tuple[str, ...], Request[Any]], telling: Telling
) -> Iterator[tuple[Question, Request[K]]]:
    day = telling.at.astimezone(rt.zone).date()
    for decision, missing in _waiting(rt, standing):
        key, gate = decision.subject, decision.gate
        mine = {seat: r for seat in missing if (r := asked.get(_series(decision, seat)))}
        due = approvals.to_ask(missing, mine, rt.policy.people, rt.policy.gates.asking, now=telling.at, day=day)
        for seat, times in due:
            question = Question.about(key, gate, seat, decision.facts_digest)
            yield question, Request(key, gate, decision.facts_digest, seat, times, telling.at)


def _waiting(rt: Runtime, standing: Standing[K]) -> Iterator[tuple[GateDecision[K], tuple[str, ...]]]:
    """Each decision that waits for people, and the seats whose answer is missing."""
    for (key, gate), decision in sorted(standing.recorded.items(), key=lambda item: (str(item[0][0]), item[0][1])):
        if decision.verdict is GateVerdict.PENDING and gate in subjects.gates_for(key, rt.policy):
            yield decision, settle(rt, standing.said.responses, decision).missing


def _tell_vacant(rt: Runtime, session: Session, standing: Standing[K], telling: Telling) -> None:
    """A gate that waits for a seat that nobody holds would wait for ever."""
    day = telling.at.astimezone(rt.zone).date()
    for decision, missing in _waiting(rt, standing):
        for seat, told in approvals.vacant(missing, rt.policy.people, day):
            where = f"{decision.gate} {decision.subject}"
            text = Words(f"{where}: 役職 {seat} に在任者がいない", f"{where}: nobody holds the seat {seat}")
            ground = f"{decision.gate} {decision.facts_digest} {seat} vacant"
            facts.escalate(session, "E-26", str(decision.subject), ground, told, text, telling)


def settle(rt: Runtime, responses: Sequence[Response[K]], decision: GateDecision[K]) -> Settled[K]:
    """What the answers to a decision come to now."""
    approval = approvals.needed(rt.policy.gates.gates[decision.gate], decision.tier)
    if approval is None:
        return Settled(Outcome.APPROVED)
    mine = [r for r in responses if (r.subject, r.gate) == (decision.subject, decision.gate)]
    return approvals.settle(approval, mine, decision.facts_digest, now=rt.clock())


def _series(decision: GateDecision[K], seat: str) -> tuple[str, ...]:
    return (str(decision.subject), decision.gate, decision.facts_digest, seat)


def _last_requests(session: Session, at: AsOf) -> dict[tuple[str, ...], Request[Any]]:
    return {(str(r.subject), r.gate, r.facts_digest, r.seat): r for r in facts.requests(session, at)}


def _escalate(session: Session, question: Question, request: Request[K], telling: Telling) -> None:
    text = Words(
        f"{question.gate} {question.key}: 役職 {question.seat} が {request.times - 1} 回の依頼に未回答",
        f"{question.gate} {question.key}: {question.seat} left {request.times - 1} requests unanswered",
    )
    ground = f"{question.gate} {question.facts_digest} {question.seat}"
    facts.escalate(session, "E-26", str(question.key), ground, "caio", text, telling)


def question(rt: Runtime, key: Subject, gate: str, seat: str, code: str | None = None) -> Question:
    """What a seat answers from a shell: the newest decision, which has to bear the code if one is named.

    Raises:
        RefusedError: the code is of other facts.
        NotFoundError: the gate has not decided on it.
    """
    with rt.reading() as session:
        decision = gate_facts.decisions_of(session, key, rt.current(session)).get(gate)
    if decision is None:
        raise NotFoundError(f"{gate} has not decided on {key}", hint="Take it to its gates first, or correct the name.")
    now = approvals.code(decision.facts_digest)
    if code is not None and code.upper() != now:
        why = Words(f"照合コードはいま {now}。事実が変わった", f"the code is {now} by now: the facts have changed")
        oversight.refuse(rt, str(key), f"answer {gate}", rt.actor, why)
    return Question.about(key, gate, seat, decision.facts_digest)


def shown(rt: Runtime, question: Question) -> str:
    """What the seat is shown, in Markdown: the decision with its reasons, and the code to compare.

    Raises:
        RefusedError: the facts have changed since the seat was asked.
    """
    decision = _current(rt, question)
    language = rt.settings.language
    told = [line.removeprefix("- ") for line in decision_report(decision, language).splitlines()]
    code = Words("照合コード", "code").in_(language)
    facts_of = [f"{name}: {value[:60]}" for name, value in sorted(decision.bound.items())]
    return f"{code} **{approvals.code(decision.facts_digest)}**\n\n{_quoted([*told, *facts_of])}"


def _quoted(lines: Iterable[str]) -> str:
    """One item a line, each as code: what comes from MLflow must not become a link, a heading or a picture."""
    return "\n".join(f"- {_code(line)}" for line in lines)


def _code(text: str) -> str:
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"


def _current(rt: Runtime, question: Question) -> GateDecision[Any]:
    """The decision as the facts stand, if it is still the one that was asked about."""
    with rt.reading() as session:
        standing = oversight.read_for(session, rt.current(session), question.key)
    now = {d.gate: d for d in oversight.decide(rt, standing, [question.key])}
    recorded = standing.recorded.get((question.key, question.gate))
    decision = now.get(question.gate)
    if decision is None or recorded is None:
        raise NotFoundError(f"{question.gate} has not decided on {question.key}", hint="Take it to its gates first.")
    if decision.facts_digest != question.facts_digest:
        was = recorded.bound if recorded.facts_digest == question.facts_digest else {}
        differs = "; ".join(approvals.changed(was, decision.bound)) if was else "facts"
        raise RefusedError(
            f"{question.gate} {question.key}: changed since it was shown: {differs}",
            hint="Look at the decision again; the seat is asked anew.",
        )
    return decision


def is_outdated(rt: Runtime, question: Question) -> bool:
    """Whether the facts have changed since the seat was asked."""
    try:
        _current(rt, question)
    except RefusedError:
        return True
    return False


def answered(rt: Runtime, question: Question) -> str | None:
    """Id of the seat's answer to exactly these facts, if it has given one."""
    with rt.reading() as session:
        found = _given(rt, facts.responses_to(session, rt.current(session), question.key), question)
    return found.id if found else None


def _given(rt: Runtime, responses: Sequence[Response[K]], question: Question) -> Response[K] | None:
    """The seat's answer to exactly these facts, if it is young enough to count."""
    approval = _approval(rt, question)
    return next(
        (
            r
            for r in responses
            if _answers(r, question) and approval and approvals.is_fresh(r, approval, now=rt.clock())
        ),
        None,
    )


def _approval(rt: Runtime, question: Question) -> Approval | None:
    """Who has to approve that subject at that gate; None if nobody."""
    gate = subjects.gates_for(question.key, rt.policy).get(question.gate)
    _slug, case = subjects.use_case_of(question.key, rt.policy)
    return approvals.needed(gate, tiers.classify(case, rt.policy.tiers)) if gate else None


def _answers(response: Response[K], question: Question) -> bool:
    return (response.subject, response.gate, response.seat, response.facts_digest) == (
        question.key,
        question.gate,
        question.seat,
        question.facts_digest,
    )


def answer(rt: Runtime, question: Question, login: str, said: str, reason: str) -> str:
    """Record what a seat answers, if that person may answer for it and was shown what still holds.

    The same answer told twice is told once.

    Returns:
        Id of the answer.

    Raises:
        RefusedError: the person may not answer, gave no reason, answered before, or the facts have changed. The
            attempt is recorded.
    """
    person = rt.policy.people.who(login)
    try:
        why = _why_not(rt, question, login, person, said, reason)
        decision = None if why else _current(rt, question)
    except RefusedError as error:
        why, decision = Words(str(error), str(error)), None
    if decision is None or person is None:
        oversight.refuse(rt, str(question.key), f"{said} {question.gate}", login, why)
    with rt.writing() as session:
        telling = rt.telling(session)
        known = _given(rt, facts.responses_to(session, telling.position, question.key), question)
        response = Response(
            question.key,
            question.gate,
            question.facts_digest,
            question.seat,
            person or "",
            Answer(said),
            reason.strip(),
            telling.at,
            decision.bound,
        )
        if known is None:
            facts.record_response(session, response, telling, fresh_since=telling.at)
    if known is not None and (known.person, known.answer) != (response.person, response.answer):
        told = Words(
            f"役職 {question.seat} は回答済み ({known.answer})", f"{question.seat} has already said {known.answer}"
        )
        oversight.refuse(rt, str(question.key), f"{said} {question.gate}", login, told)
    oversight.refresh_for(rt, question.key)
    found = answered(rt, question)
    if found is None:
        raise ConflictError(f"{question.key}: the answer is not there", hint="Run it again.")
    return found


def _why_not(rt: Runtime, question: Question, login: str, person: str | None, said: str, reason: str) -> Words:
    if person is None:
        return Words(f"{login} は people.yaml にない", f"{login} is nobody in people.yaml")
    if said not in set(Answer):
        return Words(f"回答 {said} はない", f"{said} is no answer; say approve or reject")
    with rt.reading() as session:
        standing = oversight.read_for(session, rt.current(session), question.key)
    approval = _approval(rt, question)
    if (
        approval is None
        or (question.key, question.gate) not in standing.recorded
        or question.seat not in approval.seats
    ):
        return Words(
            f"{question.gate} は役職 {question.seat} に尋ねていない", f"{question.gate} does not ask {question.seat}"
        )
    own = _interests(rt, standing, question)
    return approvals.refusal(
        person, question.seat, reason, rt.policy.people, own, rt.clock().astimezone(rt.zone).date()
    )


def _interests(rt: Runtime, standing: Standing[Any], question: Question) -> approvals.Interests:
    _slug, case = subjects.use_case_of(question.key, rt.policy)
    model = standing.models.get(question.model)
    version = next((v for v in model.versions if v.key == question.key), None) if model else None
    decision = standing.recorded[question.key, question.gate]
    authors = [rt.policy.checks.checks[name].author for name in decision.evidence if name in rt.policy.checks.checks]
    return approvals.interests(case, version.tags if version else {}, authors)


def report_unanswered(rt: Runtime, questions: Sequence[Question], ids: Sequence[str]) -> list[str]:
    """Say which waiting tasks ended as if answered although no answer is recorded.

    Whoever marks such a task as success, or writes an XCom, achieves nothing; that they tried is a fact and told to
    the CAIO once.

    Returns:
        One line per task or forged answer.
    """
    with rt.reading() as session:
        at = rt.current(session)
        known: list[Response[Any]] = [*facts.responses(session, at), *facts.responses_on_use_cases(session, at)]
    recorded = {r.id for r in known}
    lines = [f"{id_[:80]}: no such answer" for id_ in ids if id_ and id_ not in recorded]
    lines += [
        f"{q.gate} {q.key} {q.seat}: the task ended without an answer"
        for q in questions
        if not any(_answers(r, q) for r in known)
    ]
    with rt.writing() as session:
        telling = rt.telling(session)
        for line in lines:
            why = Words(f"記録された回答なしで終了: {line}", line)
            facts.record_refusal(session, "gate_review", "bypass approval", "unknown", why, telling)
            facts.escalate(session, "E-05", "gate_review", f"{telling.source} {line}", "caio", why, telling)
    return lines
