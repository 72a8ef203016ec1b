# SPDX-License-Identifier: Apache-2.0
"""How gates stand at this moment: the newest facts, decided again; nothing is measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn

from governance.core import alias_guard, gates, inventory, subjects, twins
from governance.core.gates import Oversight
from governance.core.holds import HoldScope
from governance.core.terms import CheckResult, GateDecision, K, RegisteredModel, Subject, UseCaseKey, VersionKey, Words
from governance.core.twins import Copies
from governance.core.wording import closed
from governance.errors import NotFoundError, RefusedError
from governance.store import gates as gate_facts
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts
from governance.store import registers
from governance.store.declared import declared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from governance.core.approvals import Response
    from governance.core.holds import Hold
    from governance.core.terms import Candidate
    from governance.core.waivers import Waiver
    from governance.runtime import Runtime
    from governance.store.facts import AsOf, Telling

Decided = dict[tuple[K, str], GateDecision[K]]


@dataclass(frozen=True, slots=True)
class Standing(Generic[K]):
    """The facts that gates weigh, read at once: of versions, or of use cases."""

    models: Mapping[str, RegisteredModel]
    results: Mapping[K, Mapping[str, CheckResult]]
    recorded: Decided[K]
    said: Oversight[K]
    copies: Copies
    """What was copied into protected twins."""
    cases: Standing[UseCaseKey] | None = None
    """Of versions, how their use cases stand."""


_TO_DECIDE: Final = {
    VersionKey: "Run `governance sync`, then `governance check run MODEL VERSION`.",
    UseCaseKey: "Run `governance use-case decide`; use_cases.yaml names the use cases.",
}


def decisions(rt: Runtime, key: K) -> list[GateDecision[K]]:
    """The newest decision of each gate on a subject.

    Raises:
        NotFoundError: no gate has decided on it.
    """
    with rt.reading() as session:
        found = gate_facts.decisions_of(session, key, rt.current(session))
    if not found:
        raise NotFoundError(f"{key}: no gate has decided on it", hint=_TO_DECIDE[type(key)])
    return [found[code] for code in sorted(found)]


def of(
    session: Session, at: AsOf, model: str | None = None, slug: str | None = None, *, ended_too: bool = False
) -> Oversight:
    """What people said about one model, or about all; three queries, and one more where a vendor is held.

    Released holds only with `ended_too`.
    """
    said = _orders(session, at, ended_too=ended_too)
    waivers, responses = facts.waivers(session, at), facts.responses(session, at, model)
    return replace(said, waivers=tuple(waivers), responses=tuple(responses), slug=slug)


def _orders(session: Session, at: AsOf, *, ended_too: bool = False) -> Oversight[Any]:
    holds = tuple(hold for hold in facts.holds(session, at) if hold.is_live or ended_too)
    by_vendor = any(hold.scope is HoldScope.VENDOR for hold in holds)
    return gates.Oversight(holds=holds, systems=declared(session, at) if by_vendor else ())


def read(session: Session, at: AsOf, model: str | None = None) -> Standing:
    """Everything that the gates weigh, of one model or of all; a fixed number of queries.

    Of a protected twin, also what its versions are copies of.
    """
    copies = facts.copies(session, at)
    if model is None:
        models = {one.name: one for one in inventory_facts.models(session, at)}
        results, recorded = gate_facts.results(session, at), gate_facts.decisions(session, at)
        said = of(session, at)
        return Standing(models, results, recorded, said, copies, read_use_cases(session, at, said))
    standing = _of_model(session, at, model, copies)
    for origin in {copy.origin.model for key, copy in copies.items() if key.model == model} - {model}:
        standing = _both(standing, _of_model(session, at, origin, copies))
    return standing


def read_use_cases(session: Session, at: AsOf, known: Oversight[Any] | None = None) -> Standing[UseCaseKey]:
    """Everything that the gates of use cases weigh; a fixed number of queries. `known` holds the holds, if read."""
    responses = tuple(facts.responses_on_use_cases(session, at))
    said = replace(known or _orders(session, at), waivers=(), responses=responses)
    return Standing({}, {}, gate_facts.decisions_on_use_cases(session, at), said, {})


def before(rt: Runtime, cases: Standing[UseCaseKey] | None, slug: str | None) -> Mapping[str, GateDecision[Any]]:
    """What the gates of a use case would decide now, by gate; nothing where no gate of versions asks."""
    if cases is None or slug is None or not rt.policy.gates.ask_use_cases:
        return {}
    return {decision.gate: decision for decision in decide(rt, cases, [UseCaseKey(slug)])}


def read_for(session: Session, at: AsOf, key: Subject) -> Standing[Any]:
    """Everything that the gates of one subject weigh."""
    return read_use_cases(session, at) if isinstance(key, UseCaseKey) else read(session, at, key.model)


def _of_model(session: Session, at: AsOf, model: str, copies: Copies) -> Standing:
    found = inventory_facts.model(session, model, at)
    results, recorded = gate_facts.results_of_model(session, model, at), gate_facts.decisions(session, at, model)
    said = of(session, at, model)
    models = {found.name: found} if found else {}
    return Standing(models, results, recorded, said, copies, read_use_cases(session, at, said))


def _both(one: Standing, other: Standing) -> Standing:
    return replace(
        one,
        models={**one.models, **other.models},
        results={**one.results, **other.results},
        recorded={**one.recorded, **other.recorded},
        said=replace(one.said, responses=(*one.said.responses, *other.said.responses)),
    )


def decide(rt: Runtime, standing: Standing[K], keys: Iterable[K]) -> list[GateDecision[K]]:
    """What the gates would decide now: on a version, those that have decided before; on a use case, all of them."""
    decided: list[GateDecision[K]] = []
    now, said_of = rt.clock(), _by_subject(standing.said)
    earlier: dict[str | None, Mapping[str, GateDecision[Any]]] = {}
    for key in keys:
        found = candidate(rt, standing, key)
        if found is None:
            continue
        codes = [code for code in subjects.gates_for(key, rt.policy) if _decides(standing, key, code)]
        slug, case = subjects.use_case_of(key, rt.policy)
        said = gates.about(said_of.get(key, replace(standing.said, waivers=(), responses=())), key, slug, rt.policy)
        if slug not in earlier:
            earlier[slug] = before(rt, standing.cases, slug)
        said = replace(said, earlier=earlier[slug])
        decided += gates.decide_each(codes, found, case, standing.results.get(key, {}), rt.policy, said, now=now)
    return decided


def candidate(rt: Runtime, standing: Standing[Any], key: Subject) -> Candidate[Any] | None:
    """What stands at gates under a name; None of what is not there any more."""
    if isinstance(key, UseCaseKey):
        return subjects.declared(key, rt.policy)
    model = standing.models.get(key.model)
    return next((v for v in model.versions if v.key == key), None) if model else None


def _decides(standing: Standing[K], key: K, code: str) -> bool:
    """A version stands at a gate once it was measured there; a use case from its declaration on."""
    return isinstance(key, UseCaseKey) or (key, code) in standing.recorded


def _is_news(now: GateDecision[K], before: GateDecision[K] | None) -> bool:
    """Whether a decision says anything else than the one before it."""
    return before is None or replace(now, at=before.at, id=before.id) != before


def _by_subject(said: Oversight[K]) -> dict[Subject, Oversight[K]]:
    """Answers and waivers sorted once by what they are about; holds stay as they are, there are few."""
    waivers: dict[Subject, list[Waiver]] = defaultdict(list)
    responses: dict[Subject, list[Response[K]]] = defaultdict(list)
    for waiver in said.waivers:
        waivers[waiver.subject].append(waiver)
    for response in said.responses:
        responses[response.subject].append(response)
    return {
        key: replace(said, waivers=tuple(waivers.get(key, ())), responses=tuple(responses.get(key, ())))
        for key in waivers.keys() | responses.keys()
    }


def refresh(rt: Runtime, model: str | None = None) -> list[GateDecision[Any]]:
    """Decide again where something other than a measurement may have changed the outcome, and record what differs.

    That is where a protected alias, an answer, a waiver or a hold is concerned: a waiver that ran out at midnight
    or a result that went stale closes the gate with the next pass. Whoever needs to know is told once. Use cases
    are taken to all of their gates. `model` narrows it to that one.

    Returns:
        The decisions whose verdict is another than before.
    """
    with rt.writing() as session:
        telling = rt.telling(session)
        cases = _refresh_use_cases(rt, session, telling) if model is None else []
        standing = read(session, telling.position, model)
        return [*cases, *_record(rt, session, standing, sorted(_concerned(rt, standing)), telling)]


def refresh_use_cases(rt: Runtime) -> list[GateDecision[UseCaseKey]]:
    """Take every use case of the policy to its gates, and record what differs from before.

    Returns:
        The decisions whose verdict is another than before.
    """
    with rt.writing() as session:
        return _refresh_use_cases(rt, session, rt.telling(session))


def _refresh_use_cases(rt: Runtime, session: Session, telling: Telling) -> list[GateDecision[UseCaseKey]]:
    keys = [UseCaseKey(slug) for slug in sorted(rt.policy.use_cases.use_cases)]
    return _record(rt, session, read_use_cases(session, telling.position), keys, telling)


def refresh_for(rt: Runtime, key: Subject) -> None:
    """Decide again on one subject, and record what differs from before."""
    if isinstance(key, UseCaseKey):
        refresh_use_cases(rt)
    else:
        refresh(rt, key.model)


def _record(
    rt: Runtime, session: Session, standing: Standing[K], keys: Sequence[K], telling: Telling
) -> list[GateDecision[K]]:
    decided, turned = decide(rt, standing, keys), []
    registers.record_policy(session, rt.policy, telling)
    for decision in decided:
        before = standing.recorded.get((decision.subject, decision.gate))
        # To ask the database for each whether it is news takes longer than to decide.
        if _is_news(decision, before):
            gate_facts.record_decision(session, decision, rt.code_version(), telling)
        if before is not None and decision.verdict is not before.verdict:
            turned.append(decision)
            _tell_reopened(session, before, decision, telling)
    return turned


_ENDS: Final = frozenset({"hold", "order"})
"""Reasons that end without a measurement: a hold is released, an earlier gate opens."""


def _concerned(rt: Runtime, standing: Standing) -> set[VersionKey]:
    """Versions that were decided on and that people or aliases make a difference to."""
    decided = {key for key, _gate in standing.recorded}
    serving = {key for key, _alias in alias_guard.protected(standing.models.values(), rt.policy)}
    serving |= {VersionKey(model.name, n) for model in standing.models.values() for n in model.serving.values()}
    spoken = {w.subject for w in standing.said.waivers} | {r.subject for r in standing.said.responses}
    held = {key for key in decided if held_by(rt, standing, key)}
    freed = {key for (key, _gate), d in standing.recorded.items() if any(r.check in _ENDS for r in d.reasons)}
    return decided & (serving | spoken | held | freed)


def held_by(rt: Runtime, standing: Standing, key: VersionKey) -> tuple[Hold, ...]:
    """The live holds over a version, by id; over a copy in a protected twin, those over its origin as well."""
    slug, copy = inventory.use_case_of(key.model, rt.policy)[0], standing.copies.get(key)
    over = (key, copy.origin) if copy else (key,)
    return tuple(dict.fromkeys(hold for one in over for hold in gates.held(standing.said, one, slug, rt.policy)))


def _tell_reopened(session: Session, before: GateDecision[K], now: GateDecision[K], telling: Telling) -> None:
    """A gate that was open and closes by itself is told to the CAIO: a waiver ran out (E-20), or evidence did (E-04).

    A hold has been told by itself.
    """
    if before.blocks or not now.blocks or any(reason.check == "hold" for reason in now.reasons):
        return
    rule = "E-20" if any(reason.waiver for reason in before.reasons) else "E-04"
    why = "; ".join(sorted({reason.check for reason in now.reasons if reason.blocks}))
    text = Words(f"{now.gate} {now.subject}: 再び閉鎖 ({why})", f"{now.gate} {now.subject} closed again: {why}")
    facts.escalate(session, rule, str(now.subject), f"{now.gate} {now.facts_digest}", "caio", text, telling)


def why_not(rt: Runtime, standing: Standing, key: VersionKey, alias: str) -> list[str]:
    """As `against`, for what is recorded and for programs."""
    return [reason.en for reason in against(rt, standing, key, alias)]


def may_not_serve(rt: Runtime, standing: Standing, key: VersionKey, alias: str | None = None) -> list[Words]:
    """Why a version may not hold an alias that a gate protects; of none or of another alias, why not every one that is."""
    wanted = [alias] if alias and rt.policy.gates.protecting(alias) else rt.policy.gates.protected_aliases
    if not wanted:
        return [Words("エイリアスを守るゲートがない", "no gate protects an alias")]
    return list(dict.fromkeys(reason for name in wanted for reason in against(rt, standing, key, name)))


def against(rt: Runtime, standing: Standing, key: VersionKey, alias: str) -> list[Words]:
    """Why a version may not hold a protected alias now; empty if it may.

    Every gate that protects the alias has to have decided on it, and has to decide the same again on the facts as
    they stand: an approval for facts that changed since carries nothing. A protected twin's version is judged by its
    origin, and by holds on the twin itself.
    """
    if twins.origin_of(key.model, rt.policy) is not None:
        doubt = twins.doubt(key, standing.models, standing.copies, rt.policy)
        held = [
            Words(f"停止命令 {hold.id}: {hold.reason}", f"hold {hold.id}: {hold.reason}")
            for hold in gates.held(standing.said, key, None, rt.policy)
        ]
        return [doubt] if doubt else held + against(rt, standing, standing.copies[key].origin, alias)
    if key.model not in standing.models:
        return [Words(f"{key}: インベントリにない", f"{key}: not in the inventory")]
    now = {decision.gate: decision for decision in decide(rt, standing, [key])}
    found: dict[Words, None] = {}
    for code in rt.policy.gates.protecting(alias):
        for decision in (standing.recorded.get((key, code)), now.get(code)):
            found |= dict.fromkeys(closed(code, decision))
    return list(found)


def refuse(rt: Runtime, subject: str, action: str, login: str, why: Words) -> NoReturn:
    """Record that something was refused, and say so.

    Raises:
        RefusedError: always.
    """
    with rt.writing() as session:
        facts.record_refusal(session, subject, action, login, why, rt.telling(session))
    raise RefusedError(f"{action} {subject}: {why.in_(rt.settings.language)}", hint="The attempt is recorded.")
