# SPDX-License-Identifier: Apache-2.0
"""Order a hold, review it, release it, list them; and drill it (3.3-06). What it comes to is `hold_enforcement`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from governance.core import holds, inventory, vendors
from governance.core.evidence import digest
from governance.core.holds import Hold, HoldScope
from governance.core.terms import Words
from governance.errors import NotFoundError, PolicyError
from governance.runtime import NOW, Asked, Runtime, business_days
from governance.sources import model_registry_write
from governance.steps import hold_enforcement, oversight
from governance.steps.hold_enforcement import Enforced, Facts, enforce
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from governance.store.facts import Telling

Change = Hold | Words
"""A hold as it is to stand, or why it cannot."""


def place(
    rt: Runtime, scope: HoldScope | str, target: str, *, ground: str, reason: str, login: str, emergency: bool = False
) -> Hold:
    """Order a hold; every gate of its scope is closed from then on, whatever MLflow does.

    The same order within one minute is one hold. Of a vendor the order goes by its name as policy or declared
    systems write it.

    Raises:
        RefusedError: that person may not order it, or gives no reason; recorded.
        NotFoundError: nothing of that name is known.
    """
    scope, now = HoldScope(scope), rt.clock()
    found = hold_enforcement.known(rt)
    target = _known(rt, scope, target, found)
    person = rt.policy.people.who(login) or login
    hold = Hold("", scope, target, ground, reason.strip(), person, now, is_emergency=emergency)
    why = holds.refuse_order(hold, rt.policy.people, rt.policy.holds, _day(rt, now))
    if why:
        oversight.refuse(rt, target, f"hold {scope.value}", login, why)
    with rt.writing() as session:
        telling = rt.telling(session)
        every = {one.id: one for one in facts.holds(session, telling.position)}
        hold = replace(hold, id=_id(hold, every.values()))
        if hold.id not in every:
            facts.record_hold(session, hold, telling)
            _tell(rt, session, hold, hold_enforcement.out_of_reach(rt, hold, found), telling)
    oversight.refresh(rt)
    return every.get(hold.id, hold)


def _id(hold: Hold, every: Iterable[Hold]) -> str:
    """The same for the same order within a minute, unless it was released since."""
    ended = [one for one in every if (one.scope, one.target) == (hold.scope, hold.target) and not one.is_live]
    minute = hold.ordered_at.replace(second=0, microsecond=0).isoformat()
    said = [hold.scope.value, hold.target, hold.ordered_by, hold.is_emergency, minute, len(ended)]
    return "H-" + digest(said)[:10].upper()


def _tell(rt: Runtime, session: Session, hold: Hold, beyond: tuple[str, ...], telling: Telling) -> None:
    text = Words(
        f"停止命令 {hold.id}: {hold.target} ({hold.reason})", f"hold {hold.id} on {hold.target}: {hold.reason}"
    )
    if beyond:
        named = ", ".join(beyond)
        text = text.then(Words(f"MLflow では止められない: {named}", f"nothing in MLflow stops {named}"))
    facts.escalate(session, "E-10", hold.target, hold.id, "caio", text, telling)
    due = holds.review_due(hold, rt.policy.holds, business_days(rt.policy), _day(rt, hold.ordered_at))
    if due is not None:
        asked = Words(f"{due} までに委員会の審査", f"the committee reviews it by {due}")
        facts.escalate(session, "E-11", hold.target, hold.id, "secretary", text.then(asked), telling)


def enforced(rt: Runtime, id_: str) -> dict[str, Any]:
    """As `enforce`, small enough for XCom."""
    told = asdict(enforce(rt, id_))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}


def review(rt: Runtime, id_: str, *, finding: str, login: str) -> Hold:
    """Record what the committee found about a hold (3.3-06b). The same finding told twice is told once.

    Raises:
        RefusedError: nobody of the people says so, nothing is said, or another finding is recorded; recorded.
    """
    person = rt.policy.people.who(login)

    def change(hold: Hold, now: datetime) -> Change:
        why = holds.refuse_review(hold, person, finding)
        return why or (hold if hold.reviewed_at else replace(hold, reviewed_at=now, review=finding.strip()))

    return _change(rt, id_, f"review {id_}", login, change)


def release(rt: Runtime, id_: str, *, conditions: str, login: str) -> Hold:
    """End a hold under conditions. Its gates decide anew; no alias comes back by itself.

    Raises:
        RefusedError: that person may not, an emergency hold was not reviewed, no conditions are given, or somebody
            released it under others; recorded.
    """
    person = rt.policy.people.who(login) or login

    def change(hold: Hold, now: datetime) -> Change:
        if (hold.released_by, hold.conditions) == (person, conditions.strip()):
            return hold
        why = holds.refuse_release(hold, person, conditions, rt.policy.people, rt.policy.holds, _day(rt, now))
        return why or replace(hold, released_at=now, released_by=person, conditions=conditions.strip())

    released = _change(rt, id_, f"release {id_}", login, change)
    oversight.refresh(rt)
    return released


def _change(rt: Runtime, id_: str, action: str, login: str, change: Callable[[Hold, datetime], Change]) -> Hold:
    """Look at a hold, decide, and record it in one transaction: of two who come at once the second sees the first."""
    with rt.writing() as session:
        telling = rt.telling(session)
        hold = next((one for one in facts.holds(session, telling.position) if one.id == id_), None)
        if hold is None:
            raise NotFoundError(f"no hold {id_}", hint="`governance hold list` shows them all.")
        changed = change(hold, telling.at)
        if isinstance(changed, Hold):
            facts.record_hold(session, changed, telling)
            return changed
    oversight.refuse(rt, hold.target, action, login, changed)
    return None


def drill(rt: Runtime, model: str, *, login: str) -> Enforced:
    """Take the real path on a model that serves nobody: order, enforcement, proof, release; and tell the seconds.

    Raises:
        PolicyError: a use case names the model; a drill must not stop what serves.
        NotFoundError: MLflow has no such model, or it has no version.
        RefusedError: that person may not order a hold; recorded.
    """
    return enforce(rt, drill_order(rt, target=model, login=login).id)


def drill_order(rt: Runtime, *, target: str, login: str, **_form: Any) -> Hold:  # noqa: ANN401 - what a drill ignores
    """Put a protected alias on a canary model's newest version, and order that it be taken away.

    Raises:
        As `drill`.
    """
    if inventory.use_case_of(target, rt.policy)[0] is not None:
        raise PolicyError(f"{target} serves a use case", hint="Drill on a canary model that no use case names.")
    alias = next((a for g in rt.policy.gates.of_versions.values() for a in g.protected_aliases), None)
    with rt.reading() as session:
        known = inventory_facts.model(session, target, rt.current(session))
    if known is None or not known.versions or alias is None:
        raise NotFoundError(f"{target} has no version in the inventory", hint="Register one, then `governance sync`.")
    now, person = rt.clock(), rt.policy.people.who(login) or login
    id_ = "H-" + digest(["drill", target, now.isoformat()])[:10].upper()
    hold = Hold(id_, HoldScope.MODEL, target, "drill", "drill", person, now, is_emergency=True, is_drill=True)
    why = holds.refuse_order(hold, rt.policy.people, rt.policy.holds, _day(rt, now))
    if why:
        oversight.refuse(rt, target, "drill a hold", login, why)
    newest = max(version.key.version for version in known.versions)
    if model_registry_write.aliases(rt.settings, target).get(alias) is not None:
        raise PolicyError(f"{target}: somebody holds {alias}", hint="A drill takes nothing from what serves.")
    model_registry_write.move(rt.settings, target, alias, newest, expected=None, tags={})
    with rt.writing() as session:
        facts.record_hold(session, hold, rt.telling(session))
    return hold


def listing(rt: Runtime, asked: Asked = NOW) -> list[dict[str, Any]]:
    """Every hold, live ones first, with how it was proven, whether in time, and whether a review is owed."""
    found, is_open = hold_enforcement.known(rt, asked), business_days(rt.policy)
    every = sorted(found.holds.values(), key=lambda h: (not h.is_live, h.ordered_at, h.id))
    return [_row(rt, hold, found, is_open) for hold in every]


def _row(rt: Runtime, hold: Hold, found: Facts, is_open: Callable[[date], bool]) -> dict[str, Any]:
    proven = hold_enforcement.proof(rt, hold, found)
    due = holds.review_due(hold, rt.policy.holds, is_open, _day(rt, hold.ordered_at))
    return {
        "hold": hold.id,
        "scope": hold.scope.value,
        "target": hold.target,
        "ordered_at": hold.ordered_at.isoformat(timespec="seconds"),
        "ordered_by": hold.ordered_by,
        "state": "live" if hold.is_live else "released",
        "drill": hold.is_drill,
        "proven_seconds": proven.seconds,
        "unproven": len(proven.missing),
        "missing": list(proven.missing),
        "late": "late" if proven.is_late else "",
        "out_of_reach": list(hold_enforcement.out_of_reach(rt, hold, found)),
        "review_due": due.isoformat() if due else "",
        "reason": hold.reason,
    }


def _known(rt: Runtime, scope: HoldScope, target: str, found: Facts) -> str:
    """What is to be held, as the facts or the policy write it.

    Raises:
        NotFoundError: nothing of that name is known.
    """
    if scope is HoldScope.VENDOR:
        return _vendor(rt, target, found)
    with rt.reading() as session:
        name = target.rpartition("/")[0] if scope is HoldScope.VERSION else target
        model = inventory_facts.model(session, name, rt.current(session))
    numbers = {str(version.key.version) for version in model.versions} if model else set()
    known = {
        HoldScope.MODEL: model is not None,
        HoldScope.VERSION: target.rpartition("/")[2] in numbers,
        HoldScope.USE_CASE: target in rt.policy.use_cases.use_cases,
    }
    if not known[scope]:
        how = "MODEL/VERSION" if scope is HoldScope.VERSION else scope.value
        raise NotFoundError(f"{target}: no such {scope.value}", hint=f"Name a {how} that the inventory knows.")
    return target


def _vendor(rt: Runtime, target: str, found: Facts) -> str:
    written = vendors.spelling(target, rt.policy, found.systems)
    if written is None:
        raise NotFoundError(
            f"{target}: no use case stands on such a vendor, and no declared system in use comes from it",
            hint="`governance inventory list` shows vendors; else add it to `vendors` of a use case in use_cases.yaml.",
        )
    return written


def _day(rt: Runtime, moment: datetime) -> date:
    return moment.astimezone(rt.zone).date()
