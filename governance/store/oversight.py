# SPDX-License-Identifier: Apache-2.0
"""Remember what people said about gates and what was done to aliases, and read it back as of a moment."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import func, select

from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.approvals import Answer, Request, Response
from governance.core.evidence import plain
from governance.core.holds import Hold, HoldScope
from governance.core.terms import K, UseCaseKey, VersionKey, Words
from governance.core.twins import Copy
from governance.core.waivers import Waiver, WaiverState
from governance.store.base import Fact, about, named
from governance.store.facts import fact_id, newest, newest_one, record, record_changed
from governance.store.models_oversight import (
    AcknowledgementRow,
    AliasActionRow,
    ApprovalRequest,
    ApprovalRow,
    EscalationRow,
    HoldRow,
    Refusal,
    UseCaseApprovalRequest,
    UseCaseApprovalRow,
    WaiverRow,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from governance.store.facts import AsOf, Telling

F = TypeVar("F", bound=Fact)
_REQUESTS: Final[dict[type[Any], type[ApprovalRequest | UseCaseApprovalRequest]]] = {
    VersionKey: ApprovalRequest,
    UseCaseKey: UseCaseApprovalRequest,
}
_ANSWERS: Final[dict[type[Any], type[ApprovalRow | UseCaseApprovalRow]]] = {
    VersionKey: ApprovalRow,
    UseCaseKey: UseCaseApprovalRow,
}


def responses(
    session: Session, at: AsOf, model: str | None = None, *, models: Collection[str] | None = None
) -> list[Response]:
    """Every answer of every seat, of all models, of one or of some; one query."""
    where = [] if model is None else [ApprovalRow.model == plain(model)]
    where += [] if models is None else [ApprovalRow.model.in_(models)]
    return [_response(row, row.key) for row in newest(session, ApprovalRow, at, *where)]


def responses_on_use_cases(session: Session, at: AsOf) -> list[Response[UseCaseKey]]:
    """Every answer of every seat about a use case; one query."""
    return [_response(row, row.key) for row in newest(session, UseCaseApprovalRow, at)]


def responses_to(session: Session, at: AsOf, key: K) -> list[Response[K]]:
    """Every answer of every seat about one subject."""
    table = _ANSWERS[type(key)]
    return [_response(row, key) for row in newest(session, table, at, *about(table, key))]


def _response(row: ApprovalRow | UseCaseApprovalRow, key: K) -> Response[K]:
    said = row.seat, row.person, Answer(row.answer), row.reason
    return Response(key, row.gate, row.facts_digest, *said, row.effective_at, row.bound, row.id)


def record_response(
    session: Session, response: Response[K], telling: Telling, *, fresh_since: datetime | None = None
) -> None:
    """Append a seat's answer; whether it may answer is for the step to ask, in the same transaction.

    The same answer is told again only once the last one is from before `fresh_since`.
    """
    table = _ANSWERS[type(response.subject)]
    row = table(
        subject=str(response.subject),
        **named(response.subject),
        gate=response.gate,
        facts_digest=response.facts_digest,
        seat=response.seat,
        person=response.person,
        answer=response.answer.value,
        reason=response.reason,
        bound=dict(response.bound),
    )
    record_changed(session, [row], telling, *about(table, response.subject), fresh_since=fresh_since)


def requests(session: Session, at: AsOf) -> list[Request[Any]]:
    """The last request to each seat for each state of the facts, about versions and use cases; two queries."""
    return [
        Request(r.key, r.gate, r.facts_digest, r.seat, r.times, r.effective_at, r.source)
        for table in _REQUESTS.values()
        for r in newest(session, table, at)
    ]


def record_requests(session: Session, asked: Sequence[Request[Any]], telling: Telling) -> None:
    """Append that seats were asked."""
    for kind, table in _REQUESTS.items():
        rows = [
            table(
                subject=str(one.subject),
                **named(one.subject),
                gate=one.gate,
                facts_digest=one.facts_digest,
                seat=one.seat,
                times=one.times,
            )
            for one in asked
            if isinstance(one.subject, kind)
        ]
        record_changed(session, rows, telling)


def waivers(session: Session, at: AsOf) -> list[Waiver]:
    """Every waiver as it stands."""
    return [
        Waiver(
            id=row.waiver,
            subject=VersionKey(row.model, row.version),
            state=WaiverState(row.state),
            **_taken(row, "gate", "check", "reason", "control", "requested_by", "requested_at", "expires_on"),
            **_taken(row, "decided_by", "decided_at", "renewal_of"),
        )
        for row in newest(session, WaiverRow, at)
    ]


def record_waiver(session: Session, waiver: Waiver, telling: Telling) -> None:
    """Append how a waiver stands now."""
    said = asdict(waiver) | {"waiver": waiver.id, "state": waiver.state.value}
    said |= {"model": waiver.subject.model, "version": waiver.subject.version, "subject": str(waiver.subject)}
    _append(session, WaiverRow, said, telling, WaiverRow.waiver == waiver.id)


def holds(session: Session, at: AsOf) -> list[Hold]:
    """Every hold as it stands."""
    return [
        Hold(
            id=row.hold,
            scope=HoldScope(row.scope),
            **_taken(row, "target", "ground", "reason", "ordered_by", "ordered_at", "is_emergency", "is_drill"),
            **_taken(row, "reviewed_at", "review", "released_at", "released_by", "conditions"),
        )
        for row in newest(session, HoldRow, at)
    ]


def record_hold(session: Session, hold: Hold, telling: Telling) -> None:
    """Append how a hold stands now."""
    said = asdict(hold) | {"hold": hold.id, "scope": hold.scope.value, "subject": f"{hold.scope.value} {hold.target}"}
    _append(session, HoldRow, said, telling, HoldRow.hold == hold.id)


def actions(session: Session, at: AsOf, model: str | None = None) -> list[AliasAction]:
    """Every action on an alias as it stands, oldest first."""
    rows = [row for row in newest(session, AliasActionRow, at) if model is None or row.model == plain(model)]
    return [_action(row) for row in sorted(rows, key=lambda row: (row.effective_at, row.action))]


def action(session: Session, id_: str, at: AsOf) -> AliasAction | None:
    """One action as it stands."""
    row = newest_one(session, AliasActionRow, at, AliasActionRow.action == id_)
    return _action(row) if row else None


def _action(row: AliasActionRow) -> AliasAction:
    return AliasAction(
        id=row.action,
        kind=ActionKind(row.kind),
        state=ActionState(row.state),
        at=row.effective_at,
        **_taken(row, "model", "alias", "from_version", "to_version", "ground", "seconds", "attempts", "proof"),
    )


def copies(session: Session, at: AsOf) -> dict[VersionKey, Copy]:
    """Every copy that was made into a protected twin, whatever became of the attempt since; one query."""
    row = AliasActionRow
    made = row.kind == ActionKind.COPY.value, row.state == ActionState.DONE.value
    wanted = select(row).where(*made, row.effective_at <= at.as_of, row.recorded_at <= at.known_at)
    rows = session.scalars(wanted.order_by(row.effective_at, row.recorded_at))
    return {copy.key: copy for copy in map(_copy, rows)}


def _copy(row: AliasActionRow) -> Copy:
    told = row.proof
    origin = VersionKey(told["origin"], told["version"])
    return Copy(VersionKey(row.model, row.to_version or 0), origin, told["made"], told["origin_made"])


def record_action(session: Session, action: AliasAction, telling: Telling) -> None:
    """Append how far an action has come."""
    said = asdict(action) | {"action": action.id, "kind": action.kind.value, "state": action.state.value}
    said |= {"subject": action.model, "proof": dict(action.proof)}
    _append(session, AliasActionRow, said, telling, AliasActionRow.action == action.id)


def record_refusal(session: Session, subject: str, action: str, person: str, why: Words, telling: Telling) -> None:
    """Append that something was refused; the same attempt of one task or command is told once."""
    said = f"{why.en} / {why.ja}"
    id_ = fact_id(Refusal, subject, action, person, said, telling.source)
    known = newest_one(session, Refusal, telling.position, Refusal.id == id_)
    if known is None:
        record(session, [Refusal(id=id_, subject=subject, action=action, person=person, why=said)], telling)


def refusals(session: Session, at: AsOf) -> Sequence[Refusal]:
    """Every refused attempt, oldest first."""
    wanted = select(Refusal).where(Refusal.effective_at <= at.as_of, Refusal.recorded_at <= at.known_at)
    return session.scalars(wanted.order_by(Refusal.effective_at, Refusal.id)).all()


def escalate(session: Session, rule: str, subject: str, ground: str, seat: str, text: Words, telling: Telling) -> bool:
    """Append that somebody has to be told; the same ground escalates once. True if it is new."""
    id_ = fact_id(EscalationRow, rule, subject, ground)
    if newest_one(session, EscalationRow, telling.position, EscalationRow.id == id_) is not None:
        return False
    row = EscalationRow(id=id_, subject=subject, rule=rule, ground=ground, seat=seat, text=plain(text))
    return bool(record(session, [row], telling))


def escalations(session: Session, at: AsOf) -> Sequence[EscalationRow]:
    """Everything that was escalated, oldest first."""
    return sorted(newest(session, EscalationRow, at), key=lambda row: (row.effective_at, row.id))


def escalation(session: Session, id_: str, at: AsOf) -> EscalationRow | None:
    """One escalation by the id of its fact."""
    return newest_one(session, EscalationRow, at, EscalationRow.id == id_)


def unnoted(session: Session, at: AsOf, seats: Collection[str], most: int) -> tuple[Sequence[EscalationRow], int]:
    """The newest escalations to some seats that nobody has taken note of, and how many there are; two queries."""
    row, noted = EscalationRow, AcknowledgementRow
    known = select(noted.escalation).where(noted.effective_at <= at.as_of, noted.recorded_at <= at.known_at)
    where = (row.seat.in_(seats), row.effective_at <= at.as_of, row.recorded_at <= at.known_at, row.id.not_in(known))
    total = session.scalar(select(func.count()).select_from(row).where(*where)) or 0
    found = select(row).where(*where).order_by(row.effective_at.desc(), row.id).limit(most)
    return session.scalars(found).all(), total


def acknowledged(session: Session, at: AsOf) -> dict[str, AcknowledgementRow]:
    """Escalations that somebody has taken note of, by their ids."""
    return {row.escalation: row for row in newest(session, AcknowledgementRow, at)}


def record_acknowledgement(
    session: Session, escalation: EscalationRow, person: str, note: str, telling: Telling
) -> None:
    """Append that somebody has taken note of an escalation; the first word stands."""
    id_ = fact_id(AcknowledgementRow, escalation.id)
    if newest_one(session, AcknowledgementRow, telling.position, AcknowledgementRow.id == id_) is None:
        row = AcknowledgementRow(id=id_, subject=escalation.subject, escalation=escalation.id, person=person, note=note)
        record(session, [row], telling)


def told_by(session: Session, source: str, since: datetime) -> str | None:
    """Id of the hold, waiver, answer or escalation that a form was about, if it told a fact since a moment."""
    orders = ((HoldRow, HoldRow.hold), (WaiverRow, WaiverRow.waiver))
    answers = ((ApprovalRow, ApprovalRow.id), (UseCaseApprovalRow, UseCaseApprovalRow.id))
    for table, column in (*orders, *answers, (AcknowledgementRow, AcknowledgementRow.escalation)):
        told = select(column).where(table.effective_at >= since, table.source == source)
        found = session.scalars(told.limit(1)).first()
        if found is not None:
            return found
    return None


def _taken(row: Fact, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _append(
    session: Session, table: type[F], said: Mapping[str, object], telling: Telling, *where: ColumnElement[bool]
) -> None:
    columns = {c.key for c in table.__table__.columns} - {"id", "effective_at"}
    row = table(**{name: value for name, value in said.items() if name in columns})
    record_changed(session, [row], telling, *where)
