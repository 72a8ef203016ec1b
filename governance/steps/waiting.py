# SPDX-License-Identifier: Apache-2.0
"""What waits for one person: approvals of their seats, waivers to decide, holds to review, escalations to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Final

from governance.core import approvals, inventory, subjects, tiers
from governance.core.gate_decisions import HoldLine, WaiverLine, hold_line, interests, may_answer, waiver_line
from governance.core.hold_proof import NOTHING_PROVEN
from governance.core.holds import seats_of
from governance.core.terms import GateVerdict, K, Subject, VersionKey
from governance.core.waivers import WaiverState
from governance.steps import escalations, oversight
from governance.steps.escalations import Escalation
from governance.store import oversight as facts
from governance.store import pages as page_facts
from governance.store.facts import AsOf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy.orm import Session

    from governance.core.approvals import Response
    from governance.core.terms import GateDecision
    from governance.runtime import Runtime
    from governance.steps.pages import GateRow, Rows, Standing

MOST: Final = 20
"""Of each kind are shown."""
_LOOKED_AT: Final = 200
_REVIEWS: Final = "secretary"
"""The seat that is told of a hold which the committee has to review."""


@dataclass(frozen=True, slots=True)
class _Who:
    """Whose list it is, and when."""

    person: str
    seats: frozenset[str]
    day: date
    at: AsOf


@dataclass(frozen=True, slots=True)
class Asked:
    """A seat's answer that a gate waits for."""

    key: Subject
    gate: str
    seat: str
    code: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one person."""

    approvals: tuple[Asked, ...] = ()
    waivers: tuple[WaiverLine, ...] = ()
    holds: tuple[HoldLine, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    more: int = 0
    """Escalations that are not shown."""

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self.approvals or self.waivers or self.holds or self.escalations)


NOTHING_WAITS: Final = Waiting()


def on(rt: Runtime, stands: Standing, person: str | None) -> Waiting:
    """What waits for a person now; nothing waits for somebody without a seat."""
    day = rt.clock().astimezone(rt.zone).date()
    seats = seats_of(person, rt.policy.people, day) if person else frozenset[str]()
    if person is None or not seats:
        return NOTHING_WAITS
    with rt.reading() as session:
        at = rt.current(session)
        told, total = escalations.waiting(session, at, seats, MOST)
        return Waiting(
            tuple(islice(_approvals(rt, session, stands, _Who(person, seats, day, at)), MOST)),
            tuple(islice((line for line in _waivers(rt, session, at) if person in line.decide), MOST)),
            tuple(_holds(rt, session, at, person) if _REVIEWS in seats else ()),
            tuple(told),
            total - len(told),
        )


def _waivers(rt: Runtime, session: Session, at: AsOf) -> Iterator[WaiverLine]:
    for waiver in facts.waivers(session, at):
        if waiver.state is not WaiverState.REQUESTED:
            continue
        _slug, case = inventory.use_case_of(waiver.subject.model, rt.policy)
        tier = tiers.classify(case, rt.policy.tiers)
        yield waiver_line(waiver, tier, case.owner if case else None, rt.policy, at.as_of)


def _holds(rt: Runtime, session: Session, at: AsOf, person: str) -> Iterator[HoldLine]:
    for hold in facts.holds(session, at):
        line = hold_line(hold, NOTHING_PROVEN, rt.policy, at.as_of)
        if hold.is_live and person in line.review:
            yield line


def _approvals(rt: Runtime, session: Session, stands: Standing, who: _Who) -> Iterator[Asked]:
    yield from _of_use_cases(rt, session, who)
    asked = (one for one in stands.rows if one[0].is_pending and who.seats & _asked_by(rt, one[0]))
    rows = tuple(islice(asked, _LOOKED_AT))
    for start in range(0, len(rows), MOST):
        yield from _of_some(rt, session, rows[start : start + MOST], who)


def _of_use_cases(rt: Runtime, session: Session, who: _Who) -> Iterator[Asked]:
    standing = oversight.read_use_cases(session, who.at)
    for (key, gate), decision in sorted(standing.recorded.items()):
        if decision.verdict is GateVerdict.PENDING and gate in subjects.gates_for(key, rt.policy):
            mine = [response for response in standing.said.responses if response.subject == key]
            for seat in _missing(rt, decision, {}, mine, who):
                yield Asked(key, gate, seat, approvals.code(decision.facts_digest))


def _of_some(rt: Runtime, session: Session, rows: Rows, who: _Who) -> Iterator[Asked]:
    decisions = page_facts.decisions_by_id(session, [id_ for _row, id_ in rows])
    names = {row.key.model for row, _id in rows}
    tags = page_facts.tags(session, who.at, names)
    said: dict[VersionKey, list[Response]] = {}
    for response in facts.responses(session, who.at, models=names):
        said.setdefault(response.subject, []).append(response)
    for row, id_ in rows:
        for seat in _missing(rt, decisions[id_], tags.get(row.key, {}), said.get(row.key, []), who):
            yield Asked(row.key, row.gate, seat, approvals.code(decisions[id_].facts_digest))


def _asked_by(rt: Runtime, row: GateRow) -> set[str]:
    gate = rt.policy.gates.of_versions.get(row.gate)
    approval = approvals.needed(gate, row.tier) if gate else None
    return set(approval.seats) if approval else set()


def _missing(
    rt: Runtime, decision: GateDecision[K], tags: Mapping[str, str], responses: Iterable[Response[K]], who: _Who
) -> Iterator[str]:
    """The seats whose answer is missing and that this person may give."""
    approval = approvals.needed(rt.policy.gates.gates[decision.gate], decision.tier)
    if approval is None:
        return
    of_gate = [r for r in responses if r.gate == decision.gate]
    settled = approvals.settle(approval, of_gate, decision.facts_digest, now=who.at.as_of)
    _slug, case = subjects.use_case_of(decision.subject, rt.policy)
    own = interests(decision, tags, case, rt.policy)
    for seat in settled.missing:
        if seat in who.seats and who.person in may_answer(seat, rt.policy.people, own, who.day):
            yield seat
