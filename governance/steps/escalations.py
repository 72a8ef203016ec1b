# SPDX-License-Identifier: Apache-2.0
"""Read what was escalated to a seat, and record that whoever holds it has taken note."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from governance.core.holds import seats_of
from governance.core.terms import Words
from governance.errors import NotFoundError
from governance.steps import oversight
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from governance.runtime import Runtime
    from governance.store.facts import AsOf
    from governance.store.models_oversight import AcknowledgementRow, EscalationRow


@dataclass(frozen=True, slots=True)
class Escalation:
    """Something that a seat was told, and who has taken note of it."""

    id: str
    rule: str
    subject: str
    seat: str
    text: Words
    at: datetime
    person: str = ""
    """Who has taken note; nobody yet."""
    note: str = ""
    noted_at: datetime | None = None


def waiting(session: Session, at: AsOf, seats: Collection[str], most: int) -> tuple[list[Escalation], int]:
    """What was escalated to some seats and nobody has taken note of, newest first, and how many there are."""
    rows, total = facts.unnoted(session, at, seats, most)
    return [_escalation(row, None) for row in rows], total


def one(rt: Runtime, id_: str) -> Escalation:
    """One escalation.

    Raises:
        NotFoundError: there is none of that id.
    """
    with rt.reading() as session:
        at = rt.current(session)
        return _escalation(_row(session, at, id_), facts.acknowledged(session, at).get(id_))


def acknowledge(rt: Runtime, id_: str, *, note: str, login: str) -> Escalation:
    """Record that somebody of the seat has taken note, and what comes of it; the first word stands.

    Raises:
        RefusedError: that person does not hold the seat; recorded.
        NotFoundError: there is no such escalation.
    """
    known = one(rt, id_)
    person = rt.policy.people.who(login)
    day = rt.clock().astimezone(rt.zone).date()
    if person is None or known.seat not in seats_of(person, rt.policy.people, day):
        why = Words(f"{login} は役職 {known.seat} でない", f"{login} does not hold the seat {known.seat}")
        oversight.refuse(rt, known.subject, f"acknowledge {known.rule}", login, why)
    if not note.strip():
        oversight.refuse(
            rt, known.subject, f"acknowledge {known.rule}", login, Words("対応が書かれていない", "nothing is said")
        )
    with rt.writing() as session:
        telling = rt.telling(session)
        facts.record_acknowledgement(session, _row(session, telling.position, id_), person, note.strip(), telling)
    return one(rt, id_)


def _row(session: Session, at: AsOf, id_: str) -> EscalationRow:
    found = facts.escalation(session, id_, at)
    if found is None:
        raise NotFoundError("there is no such escalation", hint="The overview lists those addressed to you.")
    return found


def _escalation(row: EscalationRow, noted: AcknowledgementRow | None) -> Escalation:
    said = Escalation(row.id, row.rule, row.subject, row.seat, Words(**row.text), row.effective_at)
    if noted is None:
        return said
    return Escalation(
        said.id, said.rule, said.subject, said.seat, said.text, said.at, noted.person, noted.note, noted.effective_at
    )
