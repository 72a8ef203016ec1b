# SPDX-License-Identifier: Apache-2.0
"""Order a hold, take the aliases away until that is proven, review it, release it; and drill it (3.3-06)."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from governance.core import holds, inventory, twins
from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.evidence import digest
from governance.core.holds import Hold, HoldScope
from governance.core.terms import VersionKey, Words
from governance.errors import GovernanceError, NotFoundError, PolicyError, SourceError, SourceUnavailableError
from governance.runtime import NOW, Asked, Runtime, business_days
from governance.sources import model_registry_write
from governance.steps import alias_actions, evidence_seal, oversight
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

_PAUSE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Enforced:
    """What a hold came to in MLflow."""

    hold: str
    removed: tuple[str, ...]
    """`model@alias (vN)`, each proven gone."""
    seconds: float | None
    """From the order to the last proof; None: nothing of its scope held a protected alias."""


def place(
    rt: Runtime, scope: HoldScope | str, target: str, *, ground: str, reason: str, login: str, emergency: bool = False
) -> Hold:
    """Order a hold; every gate of its scope is closed from then on, whatever MLflow does.

    The same order within one minute is one hold.

    Raises:
        RefusedError: that person may not order it, or gives no reason; recorded.
        NotFoundError: nothing of that name is known.
        PolicyError: the scope is a vendor, which nothing can enforce yet.
    """
    scope = HoldScope(scope)
    _require_known(rt, scope, target)
    now = rt.clock()
    person = rt.policy.people.who(login) or login
    minute = now.replace(second=0, microsecond=0).isoformat()
    ended = [h for h in _all(rt) if (h.scope, h.target) == (scope, target) and not h.is_live]
    id_ = "H-" + digest([scope.value, target, person, emergency, minute, len(ended)])[:10].upper()
    hold = Hold(id_, scope, target, ground, reason.strip(), person, now, is_emergency=emergency)
    why = holds.refuse_order(hold, rt.policy.people, rt.policy.holds, _day(rt, now))
    if why:
        oversight.refuse(rt, target, f"hold {scope.value}", login, why)
    with rt.writing() as session:
        telling = rt.telling(session)
        known = next((h for h in facts.holds(session, telling.position) if h.id == id_), None)
        if known is None:
            facts.record_hold(session, hold, telling)
            text = Words(f"停止命令 {id_}: {target} ({reason})", f"hold {id_} on {target}: {reason}")
            facts.escalate(session, "E-10", target, id_, "caio", text, telling)
            if emergency:
                due = holds.review_due(hold, rt.policy.holds, business_days(rt.policy), _day(rt, now))
                asked = Words(f"{due} までに委員会の審査", f"the committee reviews it by {due}")
                facts.escalate(session, "E-11", target, id_, "secretary", text.then(asked), telling)
    oversight.refresh(rt)
    return known or hold


def enforce(
    rt: Runtime, id_: str, *, patience: float | None = None, sleep: Callable[[float], None] = time.sleep
) -> Enforced:
    """Take every protected alias of a hold's scope away, and ask MLflow until it says so itself.

    MLflow may be down or answer wrongly for a while: each look that fails is followed by another until the limit of
    holds.yaml (`patience` seconds, if given). Done twice, it is done once.

    Raises:
        SourceUnavailableError: it is not proven by then. That is escalated; running it again goes on.
    """
    hold = _one(rt, id_)
    limit = rt.clock() + timedelta(seconds=patience if patience is not None else rt.policy.holds.enforce_minutes * 60)
    while True:
        try:
            done = _enforced(rt, hold)
        except SourceError as error:
            if rt.clock() + timedelta(seconds=_PAUSE) >= limit:
                _tell_late(rt, hold, error)
                raise SourceUnavailableError(
                    f"hold {id_} is not proven: {str(error).splitlines()[0]}",
                    hint=f"The gates are closed, but MLflow may still serve it. Run `governance hold enforce {id_}`.",
                ) from error
            sleep(_PAUSE)
        else:
            if hold.is_drill and hold.is_live:
                _record(rt, replace(hold, released_at=rt.clock(), released_by=hold.ordered_by, conditions="drill"))
            return done


def enforced(rt: Runtime, id_: str) -> dict[str, Any]:
    """As `enforce`, small enough for XCom."""
    done = enforce(rt, id_)
    return {"hold": done.hold, "removed": list(done.removed), "seconds": done.seconds}


def _enforced(rt: Runtime, hold: Hold) -> Enforced:
    for action in _unproven(rt, hold):
        # It began, and whoever did it died, or could not look again: done anew, it is proven.
        _end_action(rt, hold, action)
    for model in _with_twins(rt, _models(rt, hold)):
        held = model_registry_write.aliases(rt.settings, model)
        for alias, number in sorted(held.items()):
            if rt.policy.gates.protecting(alias) and _covers(rt, hold, VersionKey(model, number)):
                _take_away(rt, hold, VersionKey(model, number), alias)
    oversight.refresh(rt)
    evidence_seal.seal_soon(rt)
    return _proof(rt, hold)


def _take_away(rt: Runtime, hold: Hold, key: VersionKey, alias: str) -> None:
    with rt.reading() as session:
        known = facts.actions(session, rt.current(session), key.model)
    same = [a for a in known if (a.ground, a.alias, a.from_version) == (hold.id, alias, key.version)]
    times = len([a for a in same if a.state is ActionState.DONE])  # it came back: another proof, not a later one
    id_ = digest(["enforce", hold.id, key.model, alias, key.version, times])[:16]
    action = AliasAction(
        id_, ActionKind.ENFORCE, key.model, alias, key.version, None, hold.id, ActionState.BEGUN, rt.clock()
    )
    _end_action(rt, hold, action, since=hold.ordered_at if times == 0 else rt.clock())


def _end_action(rt: Runtime, hold: Hold, action: AliasAction, since: datetime | None = None) -> None:
    marks = {action.from_version: {"governance.hold": hold.id}} if action.from_version else {}
    ended = alias_actions.perform(rt, action, marks, since=since or hold.ordered_at)
    if ended.state is not ActionState.DONE and action.from_version == ended.proof.get("after"):
        raise SourceUnavailableError(f"{action.model}@{action.alias} is still there")


def _unproven(rt: Runtime, hold: Hold) -> list[AliasAction]:
    with rt.reading() as session:
        known = facts.actions(session, rt.current(session))
    open_ = {ActionState.BEGUN, ActionState.FAILED}
    return [a for a in known if a.ground == hold.id and a.kind is ActionKind.ENFORCE and a.state in open_]


def _proof(rt: Runtime, hold: Hold) -> Enforced:
    with rt.reading() as session:
        found = [a for a in facts.actions(session, rt.current(session)) if a.ground == hold.id]
    done = [a for a in found if a.kind is ActionKind.ENFORCE and a.state is ActionState.DONE]
    seconds = max((a.seconds for a in done if a.seconds is not None), default=None)
    return Enforced(hold.id, tuple(f"{a.model}@{a.alias} (v{a.from_version})" for a in done), seconds)


def review(rt: Runtime, id_: str, *, finding: str, login: str) -> Hold:
    """Record what the committee found about a hold (3.3-06b).

    Raises:
        RefusedError: nobody of the people says so, or nothing is said; recorded.
    """
    hold, person = _one(rt, id_), rt.policy.people.who(login)
    if person in {None, hold.ordered_by} or not finding.strip():
        said = "nobody of people.yaml, or whoever ordered it, or no finding is given"
        why = Words("people.yaml にない者、命じた本人、または所見がない", said)
        oversight.refuse(rt, hold.target, f"review {id_}", login, why)
    reviewed = replace(hold, reviewed_at=rt.clock(), review=finding.strip())
    _record(rt, reviewed)
    return reviewed


def release(rt: Runtime, id_: str, *, conditions: str, login: str) -> Hold:
    """End a hold under conditions. Its gates decide anew; no alias comes back by itself.

    Raises:
        RefusedError: that person may not, an emergency hold was not reviewed, or no conditions are given; recorded.
    """
    hold, now = _one(rt, id_), rt.clock()
    person = rt.policy.people.who(login) or login
    if not hold.is_live:
        return hold
    why = holds.refuse_release(hold, person, conditions, rt.policy.people, rt.policy.holds, _day(rt, now))
    if why:
        oversight.refuse(rt, hold.target, f"release {id_}", login, why)
    released = replace(hold, released_at=now, released_by=person, conditions=conditions.strip())
    _record(rt, released)
    oversight.refresh(rt)
    return released


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
    _record(rt, hold)
    return hold


def listing(rt: Runtime, asked: Asked = NOW) -> list[dict[str, Any]]:
    """Every hold, live ones first, with how it was proven and whether a review is owed."""
    with rt.reading() as session:
        at = rt.asked(session, asked)
        found, actions = facts.holds(session, at), facts.actions(session, at)
    is_open = business_days(rt.policy)
    return [
        _row(rt, hold, actions, is_open) for hold in sorted(found, key=lambda h: (not h.is_live, h.ordered_at, h.id))
    ]


def _row(rt: Runtime, hold: Hold, actions: Sequence[AliasAction], is_open: Callable[[date], bool]) -> dict[str, Any]:
    mine = [a for a in actions if a.ground == hold.id and a.kind is ActionKind.ENFORCE]
    proven = [a.seconds for a in mine if a.state is ActionState.DONE and a.seconds is not None]
    due = holds.review_due(hold, rt.policy.holds, is_open, _day(rt, hold.ordered_at))
    return {
        "hold": hold.id,
        "scope": hold.scope.value,
        "target": hold.target,
        "ordered_at": hold.ordered_at.isoformat(timespec="seconds"),
        "ordered_by": hold.ordered_by,
        "state": "live" if hold.is_live else "released",
        "drill": hold.is_drill,
        "proven_seconds": max(proven, default=None),
        "unproven": len(mine) - len(proven),
        "review_due": due.isoformat() if due else "",
        "reason": hold.reason,
    }


def _tell_late(rt: Runtime, hold: Hold, error: GovernanceError) -> None:
    said = str(error).splitlines()[0]
    text = Words(f"停止命令 {hold.id} を証明できない: {said}", f"hold {hold.id} cannot be proven: {said}")
    with rt.writing() as session:
        facts.escalate(session, "E-10", hold.target, f"{hold.id} unproven", "caio", text, rt.telling(session))


def _models(rt: Runtime, hold: Hold) -> list[str]:
    """The registered models that a hold may touch."""
    match hold.scope:
        case HoldScope.MODEL:
            return [hold.target]
        case HoldScope.VERSION:
            return [hold.target.rpartition("/")[0]]
        case HoldScope.USE_CASE:
            case_ = rt.policy.use_cases.use_cases.get(hold.target)
            return list(case_.models) if case_ else []
        case HoldScope.VENDOR:
            return []


def _with_twins(rt: Runtime, models: Sequence[str]) -> list[str]:
    """The models, and what serves for them."""
    return [name for model in models for name in (model, twins.twin_of(model, rt.policy)) if name is not None]


def _covers(rt: Runtime, hold: Hold, key: VersionKey) -> bool:
    slug = inventory.use_case_of(key.model, rt.policy)[0]
    return holds.covers(hold, key, slug) or _covers_origin(rt, hold, key, slug)


def _covers_origin(rt: Runtime, hold: Hold, key: VersionKey, slug: str | None) -> bool:
    """Whether what a twin's version is a copy of is within the scope; one that nobody knows may be anything."""
    with rt.reading() as session:
        copy = facts.copies(session, rt.current(session)).get(key)
    if copy is not None:
        return holds.covers(hold, copy.origin, slug)
    name = twins.origin_of(key.model, rt.policy)
    return name is not None and name in {hold.target, hold.target.rpartition("/")[0]}


def _require_known(rt: Runtime, scope: HoldScope, target: str) -> None:
    with rt.reading() as session:
        at = rt.current(session)
        models = {model.name: model for model in inventory_facts.models(session, at)}
    name, _, number = target.rpartition("/")
    known = {
        HoldScope.MODEL: target in models,
        HoldScope.VERSION: name in models and number in {str(v.key.version) for v in models[name].versions},
        HoldScope.USE_CASE: target in rt.policy.use_cases.use_cases,
        HoldScope.VENDOR: False,
    }
    if scope is HoldScope.VENDOR:
        raise PolicyError(
            "a vendor's systems are not in MLflow, and no gate knows them yet",
            hint="Hold the use cases that they serve: `governance hold place use_case NAME`.",
        )
    if not known[scope]:
        how = "MODEL/VERSION" if scope is HoldScope.VERSION else scope.value
        raise NotFoundError(f"{target}: no such {scope.value}", hint=f"Name a {how} that the inventory knows.")


def _day(rt: Runtime, moment: datetime) -> date:
    return moment.astimezone(rt.zone).date()


def _all(rt: Runtime) -> list[Hold]:
    with rt.reading() as session:
        return facts.holds(session, rt.current(session))


def _one(rt: Runtime, id_: str) -> Hold:
    found = next((h for h in _all(rt) if h.id == id_), None)
    if found is None:
        raise NotFoundError(f"no hold {id_}", hint="`governance hold list` shows them all.")
    return found


def _record(rt: Runtime, hold: Hold) -> None:
    with rt.writing() as session:
        facts.record_hold(session, hold, rt.telling(session))
