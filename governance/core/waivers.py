# SPDX-License-Identifier: Apache-2.0
"""Letting a failed check pass for a while, with something else in its place (X-01)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from governance.core.approvals import Interests
from governance.core.terms import NOTHING, Verdict, VersionKey, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from governance.core.terms import GateDecision, Reason
    from governance.policy import RiskTier, WaiverRule, Waivers


class WaiverState(StrEnum):
    """Where a waiver stands; the last two are told from the clock."""

    REQUESTED = "requested"
    REJECTED = "rejected"
    REVOKED = "revoked"
    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Waiver:
    """One check of one version at one gate, let pass until the end of a day."""

    id: str
    subject: VersionKey
    gate: str
    check: str
    reason: str
    control: str
    """What is done instead, so that the risk is kept."""
    requested_by: str
    requested_at: datetime
    expires_on: date
    """The last day, company time."""
    state: WaiverState = WaiverState.REQUESTED
    """As recorded: requested, rejected, revoked or active."""
    decided_by: str | None = None
    decided_at: datetime | None = None
    renewal_of: str | None = None


def state(waiver: Waiver, zone: ZoneInfo, expiring_days: int, *, now: datetime) -> WaiverState:
    """Where it stands now: a waiver ends with its last day, at midnight company time."""
    if waiver.state not in {WaiverState.ACTIVE, WaiverState.REQUESTED}:
        return waiver.state
    today = now.astimezone(zone).date()
    if today > waiver.expires_on:
        return WaiverState.EXPIRED
    if waiver.state is WaiverState.REQUESTED:
        return WaiverState.REQUESTED
    return WaiverState.EXPIRING if waiver.expires_on - today < timedelta(days=expiring_days) else WaiverState.ACTIVE


def live(waivers: Iterable[Waiver], zone: ZoneInfo, *, now: datetime) -> tuple[Waiver, ...]:
    """Those that hold now, by id."""
    in_force = {WaiverState.ACTIVE, WaiverState.EXPIRING}
    return tuple(sorted((w for w in waivers if state(w, zone, 1, now=now) in in_force), key=lambda w: w.id))


def covers(waiver: Waiver, gate: str, check: str, verdict: Verdict, rule: WaiverRule | None) -> bool:
    """Whether it lets this check pass at this gate, however the policy has changed since it was granted."""
    if rule is None or (waiver.gate, waiver.check) != (gate, check) or verdict.value in rule.never:
        return False
    granted = (waiver.decided_at or waiver.requested_at).date()
    return (waiver.expires_on - granted).days <= rule.most_days + 1  # the tier may be stricter by now


def interests(waiver: Waiver, owner: str | None) -> Interests:
    """Whose own a waiver is: the model's owner's, and whose who asked for it."""
    return Interests(owner, frozenset({waiver.requested_by}))


def refuse_request(asked: Waiver, tier: RiskTier, known: Sequence[Waiver], policy: Waivers, today: date) -> Words:
    """Why a waiver cannot be asked for; nothing if it can."""
    rule = policy.tiers.get(tier)
    if rule is None:
        return Words(f"区分 {tier} に適用除外はない", f"the tier {tier} has no waivers")
    latest = today + timedelta(days=rule.most_days)
    if not today <= asked.expires_on <= latest:
        return Words(f"期限は {today} から {latest} まで", f"it has to end between {today} and {latest}")
    if not asked.reason.strip() or not asked.control.strip():
        return Words("理由と代替措置が必要", "a reason and a compensating control are needed")
    granted = [w for w in known if _same(w, asked) and w.decided_at and w.state is not WaiverState.REJECTED]
    if len(granted) > policy.renewals:
        return Words(f"更新は {policy.renewals} 回まで", f"it was renewed {policy.renewals} times, which is the limit")
    waiting = (w for w in known if w.state is WaiverState.REQUESTED and w.expires_on >= today)
    if any(_same(w, asked) and w.id != asked.id for w in waiting):
        return Words("同じ申請が審査中", "the same waiver is already waiting for an answer")
    return NOTHING


def renewed(asked: Waiver, known: Sequence[Waiver]) -> str | None:
    """The waiver that a new one would renew: the last granted for the same check, version and gate."""
    granted = [w for w in known if _same(w, asked) and w.decided_at and w.state is not WaiverState.REJECTED]
    return max(granted, key=lambda w: w.expires_on).id if granted else None


def _same(one: Waiver, other: Waiver) -> bool:
    return (one.subject, one.gate, one.check) == (other.subject, other.gate, other.check)


def debt(waivers: Iterable[Waiver], weigh: Callable[[Waiver], int], zone: ZoneInfo, *, now: datetime) -> int:
    """What the company owes its own rules (K-R06): days that waivers in force have been open, weighted, added up."""
    return sum(weigh(w) * (now - (w.decided_at or w.requested_at)).days for w in live(waivers, zone, now=now))


def overdue(
    waivers: Iterable[Waiver],
    decisions: Mapping[tuple[VersionKey, str], GateDecision],
    zone: ZoneInfo,
    *,
    now: datetime,
) -> tuple[Waiver, ...]:
    """Waivers that were granted and have ended while their check still closes the gate, by id; each check once."""
    ended: dict[tuple[VersionKey, str, str], Waiver] = {}
    for waiver in sorted(waivers, key=lambda w: w.id):
        if waiver.state is WaiverState.ACTIVE and state(waiver, zone, 1, now=now) is WaiverState.EXPIRED:
            ended[waiver.subject, waiver.gate, waiver.check] = waiver
    return tuple(
        waiver
        for (subject, gate, check), waiver in ended.items()
        if any(r.blocks and r.check == check for r in _reasons(decisions.get((subject, gate))))
    )


def _reasons(decision: GateDecision | None) -> tuple[Reason, ...]:
    return decision.reasons if decision else ()
