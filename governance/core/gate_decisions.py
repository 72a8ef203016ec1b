# SPDX-License-Identifier: Apache-2.0
"""What people have said about a gate, and who may say what next: holds, waivers and answers beside a decision.

Who may is told here for pages and terminals alike; the steps that record it ask again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from governance.core import approvals, holds, waivers
from governance.core.approvals import Interests, Response
from governance.core.exports import person
from governance.core.gates import UNWAIVABLE
from governance.core.hold_proof import Proof
from governance.core.holds import Enforcement, Hold
from governance.core.terms import GateVerdict, K, VersionKey, Words
from governance.core.waivers import Waiver, WaiverState
from governance.core.wording import check_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from governance.core.gates import Oversight
    from governance.core.terms import GateDecision, ModelVersion
    from governance.policy import People, Policy, RiskTier, UseCase

_A_REASON: Final = "a reason"
_RANK: Final = (
    *(WaiverState.REQUESTED, WaiverState.EXPIRING, WaiverState.ACTIVE),
    *(WaiverState.EXPIRED, WaiverState.REVOKED, WaiverState.REJECTED),
)


@dataclass(frozen=True, slots=True)
class HoldLine:
    """A hold, how far it has come, and who may end it."""

    hold: Hold
    state: Enforcement
    proof: Proof
    review: tuple[str, ...] = ()
    """Who may say what the committee found; nobody where it was said or is not owed."""
    release: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WaiverLine:
    """A waiver as it stands, and who may decide on it."""

    waiver: Waiver
    name: Words
    """What its check is called."""
    state: WaiverState
    decide: tuple[str, ...] = ()
    """Who may grant or reject it now."""
    revoke: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeatLine:
    """A seat that a gate waits for, who may answer for it, and what it answered to these facts."""

    seat: str
    answer: tuple[str, ...]
    """Who may answer now."""
    response: Response[Any] | None


@dataclass(frozen=True, slots=True)
class Waivable:
    """A check that closes the gate and that the policy lets be waived: by whom, and until when at the latest."""

    check: str
    name: Words
    first: date
    latest: date
    seat: str
    decide: tuple[str, ...]
    """Who could grant it, whoever asks."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What people have said about one gate of one subject, and who may say what next."""

    code: str
    """Of the facts that an answer is bound to."""
    quorum: int = 0
    """So many different people have to approve; 0: nobody is asked."""
    veto: str | None = None
    is_asked: bool = False
    """The evidence is there, and the seats are waited for."""
    seats: tuple[SeatLine, ...] = ()
    changed: tuple[str, ...] = ()
    """Facts that changed since somebody last answered."""
    holds: tuple[HoldLine, ...] = ()
    waivers: tuple[WaiverLine, ...] = ()
    waivable: tuple[Waivable, ...] = ()
    order: tuple[str, ...] = ()
    """Who may order a hold."""
    order_at_once: tuple[str, ...] = ()
    """Who may order one in an emergency."""


def decided(
    decision: GateDecision[K],
    version: ModelVersion | None,
    case: UseCase | None,
    said: Oversight[K],
    held: Sequence[HoldLine],
    policy: Policy,
    as_of: datetime,
) -> Decided:
    """Put together what people said; `said` is about this subject, `held` are the holds over it.

    `version` is what stands at the gate, or None where that is a use case.
    """
    zone = ZoneInfo(policy.calendar.time_zone)
    day, owner = as_of.astimezone(zone).date(), case.owner if case else None
    found = _answers(decision, version, case, said.responses, policy, as_of, day)
    lines = [
        waiver_line(one, decision.tier, owner, policy, as_of)
        for one in said.waivers
        if (one.subject, one.gate) == (decision.subject, decision.gate)
    ]
    lines.sort(key=lambda line: (_RANK.index(line.state), line.waiver.expires_on, line.waiver.id))
    asked = {line.waiver.check for line in lines if line.state is WaiverState.REQUESTED}
    return Decided(
        code=approvals.code(decision.facts_digest),
        **found,
        holds=tuple(held),
        waivers=tuple(lines),
        waivable=tuple(_waivable(decision, owner, asked, policy, day)),
        order=_any_of(policy.holds.seats, policy.people, day),
        order_at_once=_any_of(policy.holds.emergency_seats, policy.people, day),
    )


def _answers(
    decision: GateDecision[K],
    version: ModelVersion | None,
    case: UseCase | None,
    responses: Iterable[Response[K]],
    policy: Policy,
    as_of: datetime,
    day: date,
) -> dict[str, Any]:
    gate = policy.gates.gates.get(decision.gate)
    approval = approvals.needed(gate, decision.tier) if gate else None
    if approval is None:
        return {}
    mine = [r for r in responses if (r.subject, r.gate) == (decision.subject, decision.gate)]
    settled = approvals.settle(approval, mine, decision.facts_digest, now=as_of)
    own = interests(decision, version.tags if version else {}, case, policy)
    given, is_asked = {r.seat: r for r in settled.counted}, decision.verdict is GateVerdict.PENDING
    seats = tuple(
        SeatLine(
            seat,
            may_answer(seat, policy.people, own, day) if is_asked and seat in settled.missing else (),
            given.get(seat),
        )
        for seat in approval.seats
    )
    changed = approvals.changed(settled.outdated[0].bound, decision.bound) if settled.outdated else []
    return {
        "quorum": approval.quorum,
        "veto": approval.veto,
        "is_asked": is_asked,
        "seats": seats,
        "changed": tuple(changed),
    }


def interests(decision: GateDecision[K], tags: Mapping[str, str], case: UseCase | None, policy: Policy) -> Interests:
    """Whose own a decision is: see `approvals.interests`."""
    authors = [policy.checks.checks[name].author for name in decision.evidence if name in policy.checks.checks]
    return approvals.interests(case, tags, authors)


def may_answer(seat: str, people: People, own: Interests, day: date) -> tuple[str, ...]:
    """The people who may answer for a seat on a day: its holders, but for those whose own it is."""
    there = people.holders(seat, day)
    return tuple(one for one in there if not approvals.refusal(one, seat, _A_REASON, people, own, day))


def _any_of(seats: Iterable[str], people: People, day: date) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for seat in seats for one in people.holders(seat, day)))


def waiver_line(waiver: Waiver, tier: RiskTier, owner: str | None, policy: Policy, as_of: datetime) -> WaiverLine:
    """A waiver as it stands, and who may decide on it."""
    zone, rules = ZoneInfo(policy.calendar.time_zone), policy.waivers
    day, rule, people = as_of.astimezone(zone).date(), rules.tiers.get(tier), policy.people
    now = waivers.state(waiver, zone, rules.expiring_days, now=as_of)
    decide: tuple[str, ...] = ()
    if rule is not None and now is WaiverState.REQUESTED:
        decide = may_answer(rule.seat, people, waivers.interests(waiver, owner), day)
    ends = _any_of(("caio", *([rule.seat] if rule else [])), people, day)
    may_end = now in {WaiverState.ACTIVE, WaiverState.EXPIRING}
    return WaiverLine(waiver, name_of(waiver.check, policy), now, decide, ends if may_end else ())


def _waivable(
    decision: GateDecision[K], owner: str | None, asked: Collection[str], policy: Policy, day: date
) -> Iterator[Waivable]:
    if not isinstance(decision.subject, VersionKey):
        return  # a waiver is of a version's check
    rule = policy.waivers.tiers.get(decision.tier)
    closing = {reason.check: reason.verdict for reason in decision.reasons if reason.blocks}
    for check, verdict in closing.items():
        if rule is None or check in UNWAIVABLE or check in asked or verdict.value in rule.never:
            continue
        grants = may_answer(rule.seat, policy.people, Interests(owner), day)
        latest = day + timedelta(days=rule.most_days)
        yield Waivable(check, name_of(check, policy), day, latest, rule.seat, grants)


def name_of(check: str, policy: Policy) -> Words:
    """What the policy calls a check; one that it no longer has goes by what the product calls it."""
    rules = policy.checks.checks.get(check)
    return Words(rules.name.ja, rules.name.en) if rules else Words(check_name(check, "ja"), check_name(check, "en"))


def hold_line(hold: Hold, proof: Proof, policy: Policy, as_of: datetime) -> HoldLine:
    """How far a hold has come, and who may end it."""
    day, people = as_of.astimezone(ZoneInfo(policy.calendar.time_zone)).date(), policy.people
    owed = hold.is_emergency and not hold.is_drill and hold.reviewed_at is None
    review = tuple(one for one in people.people if one != hold.ordered_by and holds.seats_of(one, people, day))
    release = () if owed else _any_of(policy.holds.seats, people, day)
    return HoldLine(hold, _state(proof), proof, review if owed else (), release if hold.is_live else ())


def _state(proof: Proof) -> Enforcement:
    if proof.missing:
        return Enforcement.UNPROVEN
    return Enforcement.PROVEN if proof.removed or proof.stopped else Enforcement.NOTHING


def names(who: Iterable[str], policy: Policy) -> list[Words]:
    """The names of some people."""
    return [person(one, policy) for one in who]
