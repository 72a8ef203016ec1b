# SPDX-License-Identifier: Apache-2.0
"""Who may answer at a gate, and what the answers come to (3.2-01, 3.3-05, 5.2-01g).

An answer is bound to the digest of the facts that were shown. Once one of them changes, it counts no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Generic

from governance.core.terms import NOTHING, K, Words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from governance.policy import Approval, Asking, Gate, People, RiskTier, UseCase

_LEAST_REASON: Final = 5
_CODE: Final = 4


class Answer(StrEnum):
    """What a seat says."""

    APPROVE = "approve"
    REJECT = "reject"


class Outcome(StrEnum):
    """What the answers come to."""

    APPROVED = "approved"
    REJECTED = "rejected"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Response(Generic[K]):
    """What one seat answered, and to what."""

    subject: K
    gate: str
    facts_digest: str
    """Digest of the facts that were shown."""
    seat: str
    person: str
    answer: Answer
    reason: str
    at: datetime
    bound: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The facts that were shown."""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Request(Generic[K]):
    """A seat was asked."""

    subject: K
    gate: str
    facts_digest: str
    seat: str
    times: int
    """How often by now."""
    at: datetime
    source: str = ""
    """The DAG run that asked."""


@dataclass(frozen=True, slots=True)
class Settled(Generic[K]):
    """What the answers come to, and whose are missing."""

    outcome: Outcome
    missing: tuple[str, ...] = ()
    """Seats that have not answered to these facts."""
    counted: tuple[Response[K], ...] = ()
    """The answers that count."""
    outdated: tuple[Response[K], ...] = ()
    """Answers to facts that have changed since, newest first."""


def code(facts_digest: str) -> str:
    """The digest as people compare it: `1A2B-3C4D`."""
    return f"{facts_digest[:_CODE]}-{facts_digest[_CODE : 2 * _CODE]}".upper()


def needed(gate: Gate, tier: RiskTier) -> Approval | None:
    """Who has to approve at a gate; None where the evidence alone opens it."""
    return gate.approval.get(tier)


def settle(approval: Approval, responses: Iterable[Response[K]], facts_digest: str, *, now: datetime) -> Settled[K]:
    """Count the answers to exactly these facts.

    The veto seat's no rejects, and so does any no that leaves fewer seats than the quorum needs. A person who
    answers for two seats counts once.
    """
    asked = [r for r in responses if r.seat in approval.seats and is_fresh(r, approval, now=now)]
    counted = tuple(r for r in asked if r.facts_digest == facts_digest)
    outdated = tuple(sorted((r for r in asked if r.facts_digest != facts_digest), key=lambda r: r.at, reverse=True))
    missing = tuple(seat for seat in approval.seats if seat not in {r.seat for r in counted})
    return Settled(_outcome(approval, counted, missing), missing, counted, outdated)


def is_fresh(response: Response[K], approval: Approval, *, now: datetime) -> bool:
    """Whether an answer is young enough to count; an older one may be given again."""
    return now - response.at < timedelta(days=approval.max_age_days)


def _outcome(approval: Approval, counted: Sequence[Response[K]], missing: Collection[str]) -> Outcome:
    yes = {r.person for r in counted if r.answer is Answer.APPROVE}
    no = {r.seat for r in counted if r.answer is Answer.REJECT}
    if approval.veto in no or len(yes) + len(missing) < approval.quorum:
        return Outcome.REJECTED
    vetoed = approval.veto is not None and approval.veto in missing
    return Outcome.PENDING if vetoed or len(yes) < approval.quorum else Outcome.APPROVED


@dataclass(frozen=True, slots=True)
class Interests:
    """Who must not answer, because it would be their own."""

    owner: str | None = None
    requesters: frozenset[str] = frozenset()
    """Logins or names of those who made or put up the version."""
    authors: frozenset[str] = frozenset()
    """People who wrote the checks that the decision rests on."""


def interests(case: UseCase | None, tags: Mapping[str, str], authors: Iterable[str | None]) -> Interests:
    """Whose own a version is: its use case's owner, whoever logged its run, and the authors of its checks."""
    made_by = frozenset(tags[name] for name in ("mlflow.user",) if tags.get(name))
    return Interests(case.owner if case else None, made_by, frozenset(author for author in authors if author))


def refusal(person: str, seat: str, reason: str, people: People, own: Interests, day: date) -> Words:
    """Why a person may not answer for a seat with that reason; nothing if they may."""
    holders, left_on = people.holders(seat, day), people.people[person].left_on
    if left_on is not None and left_on <= day:
        return Words(f"{person} は {left_on} に退任した", f"{person} left on {left_on}")
    if not holders:
        return Words(f"役職 {seat} に在任者がいない", f"nobody holds the seat {seat} today; name one in people.yaml")
    if person not in holders:
        return Words(f"{person} は役職 {seat} の在任者・代行者でない", f"{person} does not hold the seat {seat} today")
    if len(reason.strip()) < _LEAST_REASON:
        return Words("理由がない (5 文字以上)", "no reason is given; write at least 5 characters")
    return _conflict(person, people, own)


def _conflict(person: str, people: People, own: Interests) -> Words:
    known = people.people[person]
    names = {person, known.login or person, known.email, known.email.partition("@")[0]}
    if person == own.owner:
        return Words(f"{person} は責任者本人", f"{person} owns it and cannot approve it")
    if {name.casefold() for name in names} & {name.casefold() for name in own.requesters}:
        return Words(f"{person} は作成または申請した本人", f"{person} made it or asked for it and cannot approve it")
    if person in own.authors:
        return Words(f"{person} はチェックの作成者", f"{person} wrote one of the checks and cannot approve by it")
    return NOTHING


def changed(shown: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of the facts that differ, for example `check bias: pass -> fail`."""
    told = []
    for name in sorted(shown.keys() | now.keys()):
        old, new = shown.get(name, "-"), now.get(name, "-")
        if old != new:
            told.append(f"{name}: {_short(old)} -> {_short(new)}")
    return told


def _short(value: str) -> str:
    digest_length, shown = 64, 8
    return value[:shown] if len(value) == digest_length else value[:60]


def to_ask(
    missing: Sequence[str], asked: Mapping[str, Request[K]], people: People, asking: Asking, *, now: datetime, day: date
) -> list[tuple[str, int]]:
    """The seats to ask now, and for the how manieth time; `asked` holds the last request of each for these facts."""
    found = []
    for seat in missing:
        last = asked.get(seat)
        if last is not None and now - last.at < timedelta(hours=asking.remind_after_hours):
            continue
        if people.holders(seat, day):
            found.append((seat, last.times + 1 if last else 1))
    return found


def vacant(missing: Sequence[str], people: People, day: date) -> list[tuple[str, str]]:
    """The seats that nobody answers for on a day, each with the seat to tell: the CAIO's, or else the secretary's."""
    told = "caio" if people.holders("caio", day) else "secretary"
    return [(seat, told) for seat in missing if not people.holders(seat, day)]
