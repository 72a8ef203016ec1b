# SPDX-License-Identifier: Apache-2.0
"""Stopping a model: the CAIO's veto, and what proves that it took hold (3.3-06)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from governance.core import vendors
from governance.core.terms import NOTHING, Subject, VersionKey, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from governance.policy import Holds, People


class HoldScope(StrEnum):
    """What is held."""

    MODEL = "model"
    VERSION = "version"
    """Written `model/3`."""
    USE_CASE = "use_case"
    VENDOR = "vendor"
    """Every use case that stands on it."""


class Enforcement(StrEnum):
    """Whether a hold has taken hold."""

    PROVEN = "proven"
    """MLflow itself said that each protected alias is gone, and each endpoint that it has stopped."""
    UNPROVEN = "unproven"
    """Something of its scope may still serve as far as is proven."""
    NOTHING = "nothing"
    """Nothing of its scope held a protected alias when MLflow was asked."""


@dataclass(frozen=True, slots=True)
class Hold:
    """An order that nothing of its scope may serve, until it is released."""

    id: str
    scope: HoldScope
    target: str
    ground: str
    """The kind of harm it is to stop, for example `safety`."""
    reason: str
    ordered_by: str
    ordered_at: datetime
    is_emergency: bool = False
    is_drill: bool = False
    reviewed_at: datetime | None = None
    review: str = ""
    """What the committee found."""
    released_at: datetime | None = None
    released_by: str | None = None
    conditions: str = ""
    """Under what conditions it was released."""

    @property
    def is_live(self) -> bool:
        """True until it is released."""
        return self.released_at is None


def covers(hold: Hold, key: Subject, use_case: str | None, stands_on: Collection[str]) -> bool:
    """Whether a subject is within the scope of a hold; `stands_on` are its use case's vendors (`vendors.of_use_case`)."""
    match hold.scope:
        case HoldScope.MODEL:
            return isinstance(key, VersionKey) and hold.target == key.model
        case HoldScope.VERSION:
            return isinstance(key, VersionKey) and hold.target == f"{key.model}/{key.version}"
        case HoldScope.USE_CASE:
            return use_case is not None and hold.target == use_case
        case HoldScope.VENDOR:
            return vendors.key(hold.target) in stands_on


def over(holds: Iterable[Hold], key: Subject, use_case: str | None, stands_on: Collection[str]) -> tuple[Hold, ...]:
    """The live holds over a subject, by id."""
    return tuple(sorted((h for h in holds if h.is_live and covers(h, key, use_case, stands_on)), key=lambda h: h.id))


def seats_of(person: str, people: People, day: date) -> frozenset[str]:
    """The seats that a person answers for on a day."""
    return frozenset(seat for seat in people.seats if person in people.holders(seat, day))


def refuse_order(hold: Hold, people: People, policy: Holds, day: date) -> Words:
    """Why a hold cannot be ordered; nothing if it can."""
    seats = policy.emergency_seats if hold.is_emergency else policy.seats
    if not seats_of(hold.ordered_by, people, day) & set(seats):
        named = ", ".join(seats)
        return Words(f"{hold.ordered_by} は {named} でない", f"{hold.ordered_by} holds none of the seats {named}")
    if not hold.reason.strip():
        return Words("理由が必要", "a reason is needed")
    return NOTHING


def refuse_review(hold: Hold, by: str | None, finding: str) -> Words:
    """Why a finding cannot be recorded; nothing if it can, or is already."""
    if by in {None, hold.ordered_by} or not finding.strip():
        said = "nobody of people.yaml, or whoever ordered it, or no finding is given"
        return Words("people.yaml にない者、命じた本人、または所見がない", said)
    if hold.reviewed_at is not None and hold.review != finding.strip():
        return Words(f"審査済み: {hold.review}", f"it was reviewed already: {hold.review}")
    return NOTHING


def refuse_release(hold: Hold, by: str, conditions: str, people: People, policy: Holds, day: date) -> Words:
    """Why a hold cannot be released; nothing if it can. An emergency hold is reviewed first."""
    if not seats_of(by, people, day) & set(policy.seats):
        named = ", ".join(policy.seats)
        return Words(f"{by} は {named} でない", f"{by} holds none of the seats {named}")
    if not hold.is_live:
        said = f"{hold.released_by}: {hold.conditions}"
        return Words(f"解除済み ({said})", f"it was released already ({said})")
    if hold.is_emergency and not hold.is_drill and hold.reviewed_at is None:
        return Words("委員会の審査が済んでいない", "the committee has not reviewed it yet; record that first")
    if not conditions.strip():
        return Words("解除の条件が必要", "say under what conditions it is released, or `none` and why")
    return NOTHING


def review_due(hold: Hold, policy: Holds, is_open: Callable[[date], bool], day: date) -> date | None:
    """The business day by which the committee reviews an emergency hold taken on `day`; None where none is owed."""
    if not hold.is_emergency or hold.is_drill or hold.reviewed_at is not None:
        return None
    left = policy.review_business_days
    while left:
        day += timedelta(days=1)
        left -= is_open(day)
    return day
