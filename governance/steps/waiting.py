# SPDX-License-Identifier: Apache-2.0
"""What waits for one person: approvals of their seats, waivers to decide, holds to review, escalations to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from governance.core import approvals, inventory, tiers
from governance.core.gate_decisions import HoldLine, WaiverLine, hold_line, interests, may_answer, waiver_line
from governance.core.holds import seats_of
from governance.core.terms import VersionKey
from governance.steps import escalations
from governance.steps.escalations import Escalation
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts
from governance.store import pages as page_facts
from governance.store.facts import AsOf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.orm import Session

    from governance.core.approvals import Response
    from governance.core.terms import GateDecision
    from governance.runtime import Runtime
    from governance.steps.pages import GateRow, Standing

MOST: Final = 20
"""Of each kind are shown; the rest is counted."""
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

    key: VersionKey
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
        told = escalations.waiting(session, at, seats)
        return Waiting(
            tuple(_approvals(rt, session, stands, _Who(person, seats, day, at))),
            tuple(line for line in _waivers(rt, session, at) if person in line.decide),
            tuple(_holds(rt, session, at, person) if _REVIEWS in seats else ()),
            tuple(told[:MOST]),
            max(0, len(told) - MOST),
        )


def _waivers(rt: Runtime, session: Session, at: AsOf) -> Iterator[WaiverLine]:
    for waiver in facts.waivers(session, at):
        _slug, case = inventory.use_case_of(waiver.subject.model, rt.policy)
        tier = tiers.classify(case, rt.policy.tiers)
        yield waiver_line(waiver, tier, case.owner if case else None, rt.policy, at.as_of)


def _holds(rt: Runtime, session: Session, at: AsOf, person: str) -> Iterator[HoldLine]:
    for hold in facts.holds(session, at):
        line = hold_line(hold, (), rt.policy, at.as_of, is_there=False)
        if hold.is_live and person in line.review:
            yield line


def _approvals(rt: Runtime, session: Session, stands: Standing, who: _Who) -> Iterator[Asked]:
    found = 0
    rows = [one for one in stands.rows if one[0].is_pending and who.seats & _asked_by(rt, one[0])][:_LOOKED_AT]
    decisions = page_facts.decisions_by_id(session, [id_ for _row, id_ in rows])
    by_model: dict[str, list[Response]] = {}
    for _row, id_ in rows:
        decision = decisions[id_]
        model = decision.subject.model
        if model not in by_model:
            by_model[model] = facts.responses(session, who.at, model)
        for seat in _missing(rt, session, decision, by_model[model], who):
            yield Asked(decision.subject, decision.gate, seat, approvals.code(decision.facts_digest))
            found += 1
        if found >= MOST:
            return


def _asked_by(rt: Runtime, row: GateRow) -> set[str]:
    gate = rt.policy.gates.of_versions.get(row.gate)
    approval = approvals.needed(gate, row.tier) if gate else None
    return set(approval.seats) if approval else set()


def _missing(
    rt: Runtime, session: Session, decision: GateDecision, responses: Iterable[Response], who: _Who
) -> Iterator[str]:
    """The seats whose answer is missing and that this person may give."""
    approval = approvals.needed(rt.policy.gates.gates[decision.gate], decision.tier)
    if approval is None:
        return
    of_gate = [r for r in responses if (r.subject, r.gate) == (decision.subject, decision.gate)]
    settled = approvals.settle(approval, of_gate, decision.facts_digest, now=who.at.as_of)
    model = inventory_facts.model(session, decision.subject.model, who.at)
    version = next((one for one in model.versions if one.key == decision.subject), None) if model else None
    _slug, case = inventory.use_case_of(decision.subject.model, rt.policy)
    own = interests(decision, version, case, rt.policy)
    for seat in settled.missing:
        if seat in who.seats and who.person in may_answer(seat, rt.policy.people, own, who.day):
            yield seat
