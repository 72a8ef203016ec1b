# SPDX-License-Identifier: Apache-2.0
"""Take what a hold covers out of service, and ask until that is proven (3.3-06a)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from governance.core import gates, hold_proof, inventory, twins, vendors
from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.declared import DeclaredSystem
from governance.core.gate_decisions import HoldLine, hold_line
from governance.core.holds import Hold, HoldScope
from governance.core.terms import VersionKey, Words
from governance.core.twins import Copies
from governance.errors import GovernanceError, NotFoundError, PolicyError, SourceError, SourceUnavailableError
from governance.runtime import NOW, Asked
from governance.sources import endpoints, model_registry_write
from governance.steps import alias_actions, evidence_seal, oversight
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts
from governance.store.declared import declared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from governance.core.hold_proof import Proof
    from governance.runtime import Runtime
    from governance.store.facts import AsOf

_PAUSE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Enforced:
    """What a hold came to."""

    hold: str
    removed: tuple[str, ...]
    """`model@alias (vN)`, each proven gone."""
    seconds: float | None
    """From the order to the last proof; None: nothing of its scope held a protected alias."""
    in_time: bool = True
    """Whether all of it was proven within the limit, counted from the order."""
    stopped: tuple[str, ...] = ()
    """Endpoints that answered as they do once stopped."""
    out_of_reach: tuple[str, ...] = ()
    """Declared systems of a held vendor that nothing in MLflow stops; somebody has to do that elsewhere."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about holds at one moment."""

    holds: Mapping[str, Hold]
    actions: Sequence[AliasAction]
    systems: tuple[DeclaredSystem, ...]
    registered: frozenset[str]
    """Of the models whose use cases declared systems name, those that MLflow has."""
    copies: Copies
    """What was copied into protected twins."""
    as_of: datetime
    """When it was so."""


def known(rt: Runtime, asked: Asked = NOW) -> Facts:
    """Read holds, what was done because of them, and what vendors deliver."""
    with rt.reading() as session:
        return read(rt, session, rt.asked(session, asked))


def read(rt: Runtime, session: Session, at: AsOf) -> Facts:
    """As `known`, at a position."""
    cases, systems = rt.policy.use_cases.use_cases, declared(session, at)
    named = {model for s in systems if s.use_case in cases for model in cases[s.use_case].models}
    return Facts(
        {hold.id: hold for hold in facts.holds(session, at)},
        facts.actions(session, at),
        systems,
        frozenset(name for name in named if inventory_facts.model(session, name, at)),
        facts.copies(session, at),
        at.as_of,
    )


def lines(rt: Runtime, session: Session, holds: Iterable[Hold], at: AsOf) -> list[HoldLine]:
    """Each of some holds with how far it is proven and who may end it; nothing is read where nothing is held."""
    wanted = list(holds)
    if not wanted:
        return []
    found = read(rt, session, at)
    return [hold_line(hold, proof(rt, hold, found), rt.policy, at.as_of) for hold in wanted]


def one(found: Facts, id_: str) -> Hold:
    """A hold by its id.

    Raises:
        NotFoundError: there is none.
    """
    if id_ not in found.holds:
        raise NotFoundError(f"no hold {id_}", hint="`governance hold list` shows them all.")
    return found.holds[id_]


def models(rt: Runtime, hold: Hold, found: Facts) -> list[str]:
    """The registered models that a hold may touch, and the protected twins that serve for them."""
    named = _named(rt, hold, found)
    return [name for model in named for name in (model, twins.twin_of(model, rt.policy)) if name is not None]


def _named(rt: Runtime, hold: Hold, found: Facts) -> list[str]:
    cases = rt.policy.use_cases.use_cases
    match hold.scope:
        case HoldScope.MODEL:
            return [hold.target]
        case HoldScope.VERSION:
            return [hold.target.rpartition("/")[0]]
        case HoldScope.USE_CASE:
            return list(cases[hold.target].models) if hold.target in cases else []
        case HoldScope.VENDOR:
            slugs = vendors.use_cases_on(hold.target, rt.policy, found.systems)
            return [model for slug in slugs for model in cases[slug].models]


def out_of_reach(rt: Runtime, hold: Hold, found: Facts) -> tuple[str, ...]:
    """Declared systems of a held vendor that nothing in MLflow stops."""
    if hold.scope is not HoldScope.VENDOR:
        return ()
    return vendors.out_of_reach(hold.target, rt.policy, found.systems, found.registered)


def proof(rt: Runtime, hold: Hold, found: Facts) -> Proof:
    """How far a hold is proven."""
    return hold_proof.of(hold, models(rt, hold, found), found.actions, rt.policy.holds, now=found.as_of)


def enforce(
    rt: Runtime, id_: str, *, patience: float | None = None, sleep: Callable[[float], None] = time.sleep
) -> Enforced:
    """Take every protected alias of a hold's scope away, and ask MLflow, then the endpoints, until they say so.

    They may be down or answer wrongly for a while: each look that fails is followed by another until the limit of
    holds.yaml (`patience` seconds, if given) is over. It counts from the order; past it there is one look at every
    call. Done twice, it is done once. A released hold takes nothing away.

    Raises:
        SourceUnavailableError: it is not proven by then. That is escalated, once; running it again goes on.
        PolicyError: the settings do not allow to ask an endpoint of the scope; escalated as well.
    """
    hold = one(known(rt), id_)
    most = rt.policy.holds.enforce_minutes * 60 if patience is None else patience
    limit = hold.ordered_at + timedelta(seconds=most)
    while True:
        try:
            return attempt(rt, id_)
        except SourceError as error:
            if rt.clock() + timedelta(seconds=_PAUSE) >= limit:
                _tell_unproven(rt, hold, error)
                raise SourceUnavailableError(
                    f"hold {id_} is not proven: {_first_line(error)}",
                    hint=f"The gates are closed, but it may still serve. Run `governance hold enforce {id_}`.",
                ) from error
            sleep(_PAUSE)
        except PolicyError as error:
            _tell_unproven(rt, hold, error)
            raise


def attempt(rt: Runtime, id_: str) -> Enforced:
    """Enforce a hold as far as it goes now: aliases of all its models first, then endpoints.

    Raises:
        SourceError: MLflow or an endpoint did not do or say it; what was done is recorded.
        PolicyError: the settings do not allow to ask an endpoint.
    """
    found = known(rt)
    hold = one(found, id_)
    if hold.is_live:
        scope = models(rt, hold, found)
        _each(scope, lambda model: _take_out(rt, hold, model, found))
        oversight.refresh(rt)
        evidence_seal.seal_soon(rt)
        _each([name for name in scope if name in rt.policy.holds.endpoints], lambda model: _ask(rt, hold, model, found))
        if hold.is_drill:
            _end_drill(rt, hold)
        found = known(rt)
    told = proof(rt, one(found, id_), found)
    beyond = out_of_reach(rt, hold, found)
    return Enforced(id_, told.removed, told.seconds, not told.is_late, told.stopped, beyond)


def go_on(rt: Runtime) -> list[str]:
    """Go on with every live hold that is not proven, each as far as it goes now.

    Returns:
        Ids of those that are still not proven; past their limit that is escalated, once each.
    """
    found, left = known(rt), []
    for hold in found.holds.values():
        if hold.is_live and proof(rt, hold, found).missing:
            try:
                attempt(rt, hold.id)
            except (SourceError, PolicyError) as error:
                left.append(hold.id)
                if rt.clock() >= hold_proof.limit(hold, rt.policy.holds):
                    _tell_unproven(rt, hold, error)
    return left


def _each(names: Sequence[str], act: Callable[[str], None]) -> None:
    """One model that fails keeps none of the others in service."""
    failed: GovernanceError | None = None
    for name in names:
        try:
            act(name)
        except (SourceError, PolicyError) as error:
            failed = error
    if failed is not None:
        raise failed


def _take_out(rt: Runtime, hold: Hold, model: str, found: Facts) -> None:
    for begun in _begun(rt, hold, model):
        # Whoever did it died, or could not look again: done anew, it is proven.
        take_away(rt, hold, VersionKey(model, begun.from_version or 0), begun.alias)
    held = model_registry_write.aliases(rt.settings, model)
    for alias, number in sorted(held.items()):
        key = VersionKey(model, number)
        if rt.policy.gates.protecting(alias) and _covers(rt, hold, key, found):
            take_away(rt, hold, key, alias)
    with rt.writing() as session:
        telling = rt.telling(session)
        nothing = hold_proof.look(hold, model, facts.actions(session, telling.position, model), now=telling.at)
        if nothing is not None:
            facts.record_action(session, nothing, telling)


def take_away(rt: Runtime, hold: Hold, key: VersionKey, alias: str) -> AliasAction:
    """Take one alias away because of a hold, and prove it.

    Raises:
        SourceError: MLflow did not do it, or still shows it.
    """
    with rt.reading() as session:
        done = facts.actions(session, rt.current(session), key.model)
    action, since = hold_proof.removal(hold, key, alias, done, now=rt.clock())
    marks = {key.version: {"governance.hold": hold.id}}
    ended = alias_actions.perform(rt, action, marks, since=since)
    if ended.state is not ActionState.DONE and action.from_version == ended.proof.get("after"):
        raise SourceUnavailableError(f"{action.model}@{action.alias} is still there")
    return ended


def _begun(rt: Runtime, hold: Hold, model: str) -> list[AliasAction]:
    with rt.reading() as session:
        done = facts.actions(session, rt.current(session), model)
    return [a for a in done if a.ground == hold.id and a.kind is ActionKind.ENFORCE and a.state in hold_proof.OPEN]


def _covers(rt: Runtime, hold: Hold, key: VersionKey, found: Facts) -> bool:
    """Whether a version is in the scope, or what it is a copy of; a twin's version that nobody knows may be anything."""
    said, copy = gates.Oversight(holds=(hold,), systems=found.systems), found.copies.get(key)
    slug = inventory.use_case_of(key.model, rt.policy)[0]
    if any(gates.held(said, one, slug, rt.policy) for one in ((key, copy.origin) if copy else (key,))):
        return True
    origin = twins.origin_of(key.model, rt.policy)
    return copy is None and origin is not None and origin in {hold.target, hold.target.rpartition("/")[0]}


def _ask(rt: Runtime, hold: Hold, model: str, found: Facts) -> None:
    """Ask a model's endpoint whether it has stopped, unless that is known."""
    with rt.writing() as session:
        telling = rt.telling(session)
        due = hold_proof.probe(hold, model, facts.actions(session, telling.position, model), now=telling.at)
        if due is None:
            return
        begun, since = due
        facts.record_action(session, begun, telling)
    proven = _answer(rt, hold, begun, found)
    seconds = round((rt.clock() - since).total_seconds(), 3)
    with rt.writing() as session:
        facts.record_action(session, replace(proven, seconds=seconds, attempts=1), rt.telling(session))


def _answer(rt: Runtime, hold: Hold, begun: AliasAction, found: Facts) -> AliasAction:
    """How the question to an endpoint ended."""
    others = _others_serving(rt, hold, begun.model, found)
    if others:
        # It may go on serving those: what it answers says nothing about the version that is held.
        return replace(begun, state=ActionState.OVERTAKEN, proof={"serving": others})
    endpoint = rt.policy.holds.endpoints[begun.model]
    status = endpoints.status(rt.settings, endpoint.url)
    if status not in endpoint.stopped:
        raise SourceUnavailableError(
            f"the endpoint of {begun.model} answers HTTP {status}, which does not prove that it stopped",
            hint="Stop what serves it, or correct `stopped` in holds.yaml.",
        )
    proof_ = {"url": endpoint.url, "status": status, "read_at": rt.clock().isoformat()}
    return replace(begun, state=ActionState.DONE, proof=proof_)


def _others_serving(rt: Runtime, hold: Hold, model: str, found: Facts) -> dict[str, int]:
    """The protected aliases that versions outside a version's hold have by now."""
    if hold.scope is not HoldScope.VERSION:
        return {}
    held = model_registry_write.aliases(rt.settings, model)
    guarded = {alias: number for alias, number in held.items() if rt.policy.gates.protecting(alias)}
    return {a: n for a, n in guarded.items() if not _covers(rt, hold, VersionKey(model, n), found)}


def _end_drill(rt: Runtime, hold: Hold) -> None:
    with rt.writing() as session:
        telling = rt.telling(session)
        ended = replace(hold, released_at=telling.at, released_by=hold.ordered_by, conditions="drill")
        facts.record_hold(session, ended, telling)


def _tell_unproven(rt: Runtime, hold: Hold, error: GovernanceError) -> None:
    said = _first_line(error)
    text = Words(f"停止命令 {hold.id} を証明できない: {said}", f"hold {hold.id} cannot be proven: {said}")
    with rt.writing() as session:
        facts.escalate(session, "E-10", hold.target, f"{hold.id} unproven", "caio", text, rt.telling(session))


def _first_line(error: GovernanceError) -> str:
    return str(error).splitlines()[0]
