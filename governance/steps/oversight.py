# SPDX-License-Identifier: Apache-2.0
"""How gates stand at this moment: the newest facts, decided again; nothing is measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from governance.core import alias_guard, gates, inventory, twins
from governance.core.gates import Oversight
from governance.core.holds import HoldScope
from governance.core.terms import CheckResult, GateDecision, RegisteredModel, VersionKey, Words
from governance.core.twins import Copies
from governance.core.wording import closed
from governance.errors import RefusedError
from governance.store import gates as gate_facts
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts
from governance.store import registers
from governance.store.declared import declared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from governance.core.approvals import Response
    from governance.core.holds import Hold
    from governance.core.waivers import Waiver
    from governance.runtime import Runtime
    from governance.store.facts import AsOf, Telling

Decided = dict[tuple[VersionKey, str], GateDecision]


@dataclass(frozen=True, slots=True)
class Standing:
    """The facts that gates weigh, read at once."""

    models: Mapping[str, RegisteredModel]
    results: Mapping[VersionKey, Mapping[str, CheckResult]]
    recorded: Decided
    said: Oversight
    copies: Copies
    """What was copied into protected twins."""


def of(
    session: Session, at: AsOf, model: str | None = None, slug: str | None = None, *, ended_too: bool = False
) -> Oversight:
    """What people said about one model, or about all; three queries, and one more where a vendor is held.

    Released holds only with `ended_too`.
    """
    holds = tuple(hold for hold in facts.holds(session, at) if hold.is_live or ended_too)
    return gates.Oversight(
        waivers=tuple(facts.waivers(session, at)),
        holds=holds,
        responses=tuple(facts.responses(session, at, model)),
        slug=slug,
        systems=declared(session, at) if any(hold.scope is HoldScope.VENDOR for hold in holds) else (),
    )


def read(session: Session, at: AsOf, model: str | None = None) -> Standing:
    """Everything that the gates weigh, of one model or of all; a fixed number of queries.

    Of a protected twin, also what its versions are copies of.
    """
    copies = facts.copies(session, at)
    if model is None:
        models = {one.name: one for one in inventory_facts.models(session, at)}
        results, recorded = gate_facts.results(session, at), gate_facts.decisions(session, at)
        return Standing(models, results, recorded, of(session, at), copies)
    standing = _of_model(session, at, model, copies)
    for origin in {copy.origin.model for key, copy in copies.items() if key.model == model} - {model}:
        standing = _both(standing, _of_model(session, at, origin, copies))
    return standing


def _of_model(session: Session, at: AsOf, model: str, copies: Copies) -> Standing:
    found = inventory_facts.model(session, model, at)
    results, recorded = gate_facts.results_of_model(session, model, at), gate_facts.decisions(session, at, model)
    return Standing({found.name: found} if found else {}, results, recorded, of(session, at, model), copies)


def _both(one: Standing, other: Standing) -> Standing:
    return replace(
        one,
        models={**one.models, **other.models},
        results={**one.results, **other.results},
        recorded={**one.recorded, **other.recorded},
        said=replace(one.said, responses=(*one.said.responses, *other.said.responses)),
    )


def decide(rt: Runtime, standing: Standing, keys: Iterable[VersionKey]) -> list[GateDecision]:
    """What each gate that has decided on these versions before would decide now."""
    decided: list[GateDecision] = []
    now, said_of = rt.clock(), _by_version(standing.said)
    for key in keys:
        model = standing.models.get(key.model)
        version = next((v for v in model.versions if v.key == key), None) if model else None
        if version is None:
            continue
        slug, case = inventory.use_case_of(key.model, rt.policy)
        codes = [code for code in rt.policy.gates.of_versions if (key, code) in standing.recorded]
        said = gates.about(said_of.get(key, replace(standing.said, waivers=(), responses=())), key, slug, rt.policy)
        decided += gates.decide_each(codes, version, case, standing.results.get(key, {}), rt.policy, said, now=now)
    return decided


def _is_news(now: GateDecision, before: GateDecision) -> bool:
    """Whether a decision says anything else than the one before it."""
    return replace(now, at=before.at, id=before.id) != before


def _by_version(said: Oversight) -> dict[VersionKey, Oversight]:
    """Answers and waivers sorted once by version; holds stay as they are, there are few."""
    waivers: dict[VersionKey, list[Waiver]] = defaultdict(list)
    responses: dict[VersionKey, list[Response]] = defaultdict(list)
    for waiver in said.waivers:
        waivers[waiver.subject].append(waiver)
    for response in said.responses:
        responses[response.subject].append(response)
    return {
        key: replace(said, waivers=tuple(waivers.get(key, ())), responses=tuple(responses.get(key, ())))
        for key in waivers.keys() | responses.keys()
    }


def refresh(rt: Runtime, model: str | None = None) -> list[GateDecision]:
    """Decide again where something other than a measurement may have changed the outcome, and record what differs.

    That is where a protected alias, an answer, a waiver or a hold is concerned: a waiver that ran out at midnight
    or a result that went stale closes the gate with the next pass. Whoever needs to know is told once. `model`
    narrows it to one.

    Returns:
        The decisions whose verdict is another than before.
    """
    with rt.writing() as session:
        telling = rt.telling(session)
        standing = read(session, telling.position, model)
        before = standing.recorded
        decided = decide(rt, standing, sorted(_concerned(rt, standing)))
        registers.record_policy(session, rt.policy, telling)
        # To ask for each whether it is news takes longer than to decide.
        for decision in (d for d in decided if _is_news(d, before[d.subject, d.gate])):
            gate_facts.record_decision(session, decision, rt.code_version, telling)
        turned = [d for d in decided if d.verdict is not before[d.subject, d.gate].verdict]
        for decision in turned:
            _tell_reopened(session, before[decision.subject, decision.gate], decision, telling)
    return turned


def _concerned(rt: Runtime, standing: Standing) -> set[VersionKey]:
    """Versions that were decided on and that people or aliases make a difference to."""
    decided = {key for key, _gate in standing.recorded}
    serving = {key for key, _alias in alias_guard.protected(standing.models.values(), rt.policy)}
    serving |= {VersionKey(model.name, n) for model in standing.models.values() for n in model.serving.values()}
    spoken = {w.subject for w in standing.said.waivers} | {r.subject for r in standing.said.responses}
    held = {key for key in decided if held_by(rt, standing, key)}
    released = {key for (key, _gate), d in standing.recorded.items() if any(r.check == "hold" for r in d.reasons)}
    return decided & (serving | spoken | held | released)


def held_by(rt: Runtime, standing: Standing, key: VersionKey) -> tuple[Hold, ...]:
    """The live holds over a version, by id; over a copy in a protected twin, those over its origin as well."""
    slug, copy = inventory.use_case_of(key.model, rt.policy)[0], standing.copies.get(key)
    over = (key, copy.origin) if copy else (key,)
    return tuple(dict.fromkeys(hold for one in over for hold in gates.held(standing.said, one, slug, rt.policy)))


def _tell_reopened(session: Session, before: GateDecision, now: GateDecision, telling: Telling) -> None:
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
