# SPDX-License-Identifier: Apache-2.0
"""Ask for a waiver, grant or reject it, revoke it, and list what is waived (X-01)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from governance.core import inventory, tiers, waivers
from governance.core.approvals import refusal
from governance.core.evidence import digest
from governance.core.terms import VersionKey, Words
from governance.core.waivers import Waiver, WaiverState
from governance.core.wording import check_name
from governance.errors import ConflictError, NotFoundError, PolicyError
from governance.runtime import NOW, Asked, Runtime
from governance.steps import oversight
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.policy import RiskTier
    from governance.steps.oversight import Standing


def request(  # noqa: PLR0913 - what the form asks
    rt: Runtime, key: VersionKey, gate: str, check: str, *, reason: str, control: str, expires_on: date, login: str
) -> Waiver:
    """Ask that a check of a version may fail at a gate until the end of a day.

    Asked twice on the same day for the same, it is one request. Looked at, decided and recorded in one transaction: of
    two who ask at once the second sees the first, or both would be within the limit on renewals.

    Raises:
        RefusedError: the policy allows no such waiver; recorded.
        NotFoundError: the gate has not decided on the version, or the check does not close it.
    """
    (_owner, tier), person = _case(rt, key), rt.policy.people.who(login) or login
    with rt.writing() as session:
        telling = rt.telling(session)
        _require_closed(oversight.read(session, telling.position, key.model), key, gate, check)
        known, today = facts.waivers(session, telling.position), telling.at.astimezone(rt.zone).date()
        asked = Waiver("", key, gate, check, reason.strip(), control.strip(), person, telling.at, expires_on)
        asked = replace(asked, id=_id(asked, known, today), renewal_of=waivers.renewed(asked, known))
        if mine := next((w for w in known if w.id == asked.id), None):
            return mine
        why = waivers.refuse_request(asked, tier, known, rt.policy.waivers, today)
        if not why:
            facts.record_waiver(session, asked, telling)
            return asked
    oversight.refuse(rt, str(key), f"waive {check} at {gate}", login, why)
    return None


def _id(asked: Waiver, known: Sequence[Waiver], today: date) -> str:
    """The same for the same request on one day, unless it was rejected or revoked since."""
    ended, about = {WaiverState.REJECTED, WaiverState.REVOKED}, (asked.subject, asked.gate, asked.check)
    before = len([w for w in known if (w.subject, w.gate, w.check) == about and w.state in ended])
    said = [str(asked.subject), asked.gate, asked.check, today.isoformat(), asked.expires_on.isoformat(), before]
    return "W-" + digest(said)[:10].upper()


def request_from_form(rt: Runtime, key: VersionKey, *, until: str | None, **said: Any) -> Waiver:  # noqa: ANN401 - texts
    """As `request`, with the day as a form tells it.

    Raises:
        PolicyError: it is no day.
    """
    try:
        day = date.fromisoformat(until or "")
    except ValueError as error:
        raise PolicyError(f"until: {until!r} is no day", hint="Write it as YYYY-MM-DD.") from error
    return request(rt, key, expires_on=day, **said)


def decide(rt: Runtime, id_: str, *, grant: bool, reason: str, login: str) -> Waiver:
    """Grant or reject a waiver that was asked for.

    Raises:
        RefusedError: that person may not: not of the right seat, the owner, the one who asked, or no reason; recorded.
        NotFoundError: no such waiver is known.
    """
    waiver = _one(rt, id_)
    owner, tier = _case(rt, waiver.subject)
    rule, action = rt.policy.waivers.tiers.get(tier), f"{'grant' if grant else 'reject'} {id_}"
    person = rt.policy.people.who(login)
    wanted = WaiverState.ACTIVE if grant else WaiverState.REJECTED
    if waiver.state is wanted and waiver.decided_by == person:
        return waiver
    why = Words(f"{login} は people.yaml にない", f"{login} is nobody in people.yaml")
    if rule is None:
        why = Words("この区分に適用除外はない", "that tier has no waivers")
    elif waiver.state is not WaiverState.REQUESTED:
        why = Words(f"{id_} は決裁済み ({waiver.state})", f"{id_} is already {waiver.state}")
    elif person is not None:
        own = waivers.interests(waiver, owner)
        why = refusal(person, rule.seat, reason, rt.policy.people, own, _today(rt))
    if not why and _today(rt) > waiver.expires_on:
        why = Words("期限を過ぎている", "it would have ended by now")
    if why:
        oversight.refuse(rt, str(waiver.subject), action, login, why)
    decided = replace(waiver, state=wanted, decided_by=person, decided_at=rt.clock())
    _record(rt, decided, waiver.state)
    oversight.refresh(rt, waiver.subject.model)
    return decided


def revoke(rt: Runtime, id_: str, *, reason: str, login: str) -> Waiver:
    """End a waiver before its time; its seat or the CAIO may.

    Raises:
        RefusedError: that person may not; recorded.
    """
    waiver = _one(rt, id_)
    _owner, tier = _case(rt, waiver.subject)
    rule, person = rt.policy.waivers.tiers.get(tier), rt.policy.people.who(login)
    seats = {"caio", *([rule.seat] if rule else [])}
    holders = {holder for seat in seats for holder in rt.policy.people.holders(seat, _today(rt))}
    if person not in holders or not reason.strip() or waiver.state is not WaiverState.ACTIVE:
        said = f"only {', '.join(sorted(seats))} may revoke it, with a reason, and only what was granted"
        why = Words("権限または理由がない、または認められていない", said)
        oversight.refuse(rt, str(waiver.subject), f"revoke {id_}", login, why)
    revoked = replace(waiver, state=WaiverState.REVOKED, decided_by=person, decided_at=rt.clock())
    _record(rt, revoked, waiver.state)
    oversight.refresh(rt, waiver.subject.model)
    return revoked


def listing(rt: Runtime, asked: Asked = NOW) -> list[dict[str, Any]]:
    """Every waiver as it stands, the one that ends first on top."""
    with rt.reading() as session:
        at = rt.asked(session, asked)
        found = facts.waivers(session, at)
    days = rt.policy.waivers.expiring_days
    return [
        {
            "waiver": w.id,
            "subject": str(w.subject),
            "gate": w.gate,
            "check": check_name(w.check, rt.settings.language),
            "state": waivers.state(w, rt.zone, days, now=at.as_of).value,
            "expires_on": w.expires_on.isoformat(),
            "requested_by": w.requested_by,
            "decided_by": w.decided_by or "",
            "control": w.control,
        }
        for w in sorted(found, key=lambda w: (w.expires_on, w.id))
    ]


def _today(rt: Runtime) -> date:
    return rt.clock().astimezone(rt.zone).date()


def _case(rt: Runtime, key: VersionKey) -> tuple[str | None, RiskTier]:
    """The owner of the use case that a model serves, and its tier."""
    _slug, case = inventory.use_case_of(key.model, rt.policy)
    return case.owner if case else None, tiers.classify(case, rt.policy.tiers)


def _known(rt: Runtime) -> Sequence[Waiver]:
    with rt.reading() as session:
        return facts.waivers(session, rt.current(session))


def _one(rt: Runtime, id_: str) -> Waiver:
    found = next((w for w in _known(rt) if w.id == id_), None)
    if found is None:
        raise NotFoundError(f"no waiver {id_}", hint="`governance waiver list` shows them all.")
    return found


def _require_closed(standing: Standing, key: VersionKey, gate: str, check: str) -> None:
    """Only a check that closes the gate, or is waived already, can be waived."""
    decision = standing.recorded.get((key, gate))
    closing = {r.check for r in decision.reasons if r.blocks or r.waiver} if decision else set()
    if check not in closing:
        named = ", ".join(sorted(closing)) or "nothing"
        raise NotFoundError(f"{gate} {key}: {check} does not close it ({named} does)", hint="Name one of these checks.")


def _record(rt: Runtime, waiver: Waiver, was: WaiverState) -> None:
    """Append how a waiver stands, unless somebody else decided on it since it was read."""
    with rt.writing() as session:
        telling = rt.telling(session)
        known = next((w for w in facts.waivers(session, telling.position) if w.id == waiver.id), None)
        if known is None or known.state is not was:
            raise ConflictError(f"{waiver.id} was decided on meanwhile", hint="Look at it again.")
        facts.record_waiver(session, waiver, telling)
