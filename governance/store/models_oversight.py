# SPDX-License-Identifier: Apache-2.0
"""Tables of what people said about gates, and of what was done to aliases because of it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Mapped

from governance.store.base import Fact, OfUseCase, OfVersion


class _Request:
    """A seat was asked to answer at a gate."""

    gate: Mapped[str]
    facts_digest: Mapped[str]
    seat: Mapped[str]
    times: Mapped[int]


class _Approval:
    """What a seat answered at a gate, to exactly the facts that it was shown."""

    gate: Mapped[str]
    facts_digest: Mapped[str]
    seat: Mapped[str]
    person: Mapped[str]
    answer: Mapped[str]
    reason: Mapped[str]
    bound: Mapped[dict[str, Any]]
    """The facts that were shown."""


_ASKED = ("gate", "facts_digest", "seat")


class ApprovalRequest(OfVersion, _Request, Fact):
    """A seat was asked to answer for a model version."""

    __tablename__ = "approval_request"
    series = ("model", "version", *_ASKED)
    disclosed = (*series, "times")


class ApprovalRow(OfVersion, _Approval, Fact):
    """What a seat answered for a model version."""

    __tablename__ = "approval"
    series = ("model", "version", *_ASKED)
    disclosed = (*series, "answer")


class UseCaseApprovalRequest(OfUseCase, _Request, Fact):
    """A seat was asked to answer for a use case."""

    __tablename__ = "use_case_approval_request"
    series = ("use_case", *_ASKED)
    disclosed = (*series, "times")


class UseCaseApprovalRow(OfUseCase, _Approval, Fact):
    """What a seat answered for a use case."""

    __tablename__ = "use_case_approval"
    series = ("use_case", *_ASKED)
    disclosed = (*series, "answer")


class WaiverRow(Fact):
    """A waiver as it stood after each step: asked for, granted, rejected or revoked."""

    __tablename__ = "waiver"
    series = ("waiver",)
    disclosed = ("waiver", "model", "version", "gate", "check", "expires_on", "state", "renewal_of")

    waiver: Mapped[str]
    model: Mapped[str]
    version: Mapped[int]
    gate: Mapped[str]
    check: Mapped[str]
    reason: Mapped[str]
    control: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    expires_on: Mapped[date]
    state: Mapped[str]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    renewal_of: Mapped[str | None]


class HoldRow(Fact):
    """An order to stop, as it stood after each step: ordered, reviewed, released."""

    __tablename__ = "hold"
    series = ("hold",)
    disclosed = ("hold", "scope", "target", "ground", "ordered_at", "is_emergency", "is_drill", "released_at")

    hold: Mapped[str]
    scope: Mapped[str]
    target: Mapped[str]
    ground: Mapped[str]
    reason: Mapped[str]
    ordered_by: Mapped[str]
    ordered_at: Mapped[datetime]
    is_emergency: Mapped[bool]
    is_drill: Mapped[bool]
    reviewed_at: Mapped[datetime | None]
    review: Mapped[str]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]
    conditions: Mapped[str]


class AliasActionRow(Fact):
    """Something the pipeline did to a protected alias, and what proves it."""

    __tablename__ = "alias_action"
    series = ("action",)
    disclosed = ("action", "kind", "model", "alias", "from_version", "to_version", "state", "seconds", "attempts")

    action: Mapped[str]
    kind: Mapped[str]
    model: Mapped[str]
    alias: Mapped[str]
    from_version: Mapped[int | None]
    to_version: Mapped[int | None]
    ground: Mapped[str]
    state: Mapped[str]
    seconds: Mapped[float | None]
    attempts: Mapped[int]
    proof: Mapped[dict[str, Any]]


class Refusal(Fact):
    """Somebody tried what they may not, or what the facts do not carry: nothing came of it."""

    __tablename__ = "refusal"
    disclosed = ("action",)

    action: Mapped[str]
    """What was tried, for example `approve G4`."""
    person: Mapped[str]
    why: Mapped[str]


class EscalationRow(Fact):
    """Somebody has to be told, by a rule of the guidebook's catalogue."""

    __tablename__ = "escalation"
    series = ("rule", "subject", "ground")
    disclosed = ("rule", "seat")

    rule: Mapped[str]
    """For example `E-05`."""
    ground: Mapped[str]
    """Id of the fact, or words, that gave rise to it; the same ground escalates once."""
    seat: Mapped[str]
    text: Mapped[dict[str, Any]]


class AcknowledgementRow(Fact):
    """Whoever an escalation is for has taken note of it, and says what comes of it."""

    __tablename__ = "acknowledgement"
    series = ("escalation",)
    disclosed = ("escalation",)

    escalation: Mapped[str]
    """Id of the escalation."""
    person: Mapped[str]
    note: Mapped[str]
