# SPDX-License-Identifier: Apache-2.0
"""Read what the pages list: gates, inventory, one model's history, and what is asked of whoever looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from governance.core import inventory as inventory_rules
from governance.core import twins
from governance.core.aliases import AliasChange
from governance.core.exports import person
from governance.core.gate_changes import Passage
from governance.core.inventory import FindingKind
from governance.core.terms import (
    NOTHING,
    GateVerdict,
    K,
    KpiValue,
    RegisteredModel,
    Risk,
    UseCaseKey,
    Verdict,
    VersionKey,
    Words,
)
from governance.core.tiers import classify
from governance.core.wording import gist
from governance.errors import NotFoundError
from governance.policy import RiskTier
from governance.steps import use_case_gate
from governance.store import declared, ledger, oversight, registers
from governance.store import inventory as inventory_facts
from governance.store import pages as facts
from governance.store.pages import Ended, Outline

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from governance.core.terms import GateDecision
    from governance.policy import Policy
    from governance.runtime import Runtime
    from governance.store.facts import AsOf

T = TypeVar("T")
PAGE_SIZE: Final = 50
MOST_EVENTS: Final = 200
_TOP: Final = 10
_LAST_PAGE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of many."""

    rows: tuple[T, ...]
    number: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page; the first one is 1."""
        return max(1, -(-self.total // PAGE_SIZE))


@dataclass(frozen=True, slots=True)
class GateRow(Generic[K]):
    """A version or a use case at a gate; without a decision, nobody knows."""

    key: K
    gate: str
    tier: RiskTier
    blocks: bool | None
    at: datetime | None
    aliases: tuple[str, ...]
    owner: Words
    why: Words = NOTHING
    is_pending: bool = False
    """Only people's answers are missing."""


Rows = tuple[tuple[GateRow, str], ...]
"""Versions at gates, with the ids of the decisions."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A registered model in the inventory."""

    name: str
    use_case: Words
    tier: RiskTier
    owner: Words
    versions: int
    aliases: Mapping[str, int]
    blocked: tuple[int, ...]
    """Versions that a gate holds back."""


@dataclass(frozen=True, slots=True)
class SystemRow:
    """A declared system."""

    name: str
    kind: str
    vendor: str
    use_case: Words
    owner: Words


@dataclass(frozen=True, slots=True)
class Overview:
    """How the company stands, and what is asked of whoever looks."""

    counts: Mapping[str, int]
    """`blocked`, `open` and `unknown` versions at gates."""
    blocked: tuple[GateRow, ...]
    mine: tuple[GateRow, ...]
    findings: Mapping[FindingKind, int]
    risks: tuple[Risk, ...]
    open_risks: int
    kpis: Mapping[str, KpiValue]
    swept_at: datetime | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a model with how its checks and gates stand."""

    key: VersionKey
    created_at: datetime | None
    aliases: tuple[str, ...]
    checks: tuple[tuple[str, Verdict, datetime], ...]
    gates: tuple[Outline, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a model."""

    at: datetime
    decision: tuple[str, Passage] | None = None
    alias: AliasChange | None = None


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A model with its history."""

    model: RegisteredModel
    use_case: Words
    purpose: Words
    tier: RiskTier
    owner: Words
    versions: tuple[VersionRow, ...]
    events: tuple[Event, ...]
    more: bool
    """There were earlier events."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Every version at a gate, closed ones first: the one reading that grows with the inventory."""

    size: int
    """Of the ledger when it was read."""
    by_model: Mapping[str, Rows]
    rows: Rows


def standing(rt: Runtime, known: Standing | None = None) -> Standing:
    """Read which versions stand at gates; of what was `known`, only the models that something was told of since."""
    with rt.reading() as session:
        at, size = rt.current(session), ledger.size(session)
        if known is not None and known.size == size:
            return known
        names = facts.touched(session, known.size) if known is not None else None
        if known is not None and names is not None:
            by_model = {**dict.fromkeys(names, ()), **_stand(rt, session, at, names)}
            by_model = {**known.by_model, **by_model}
        else:
            by_model = _stand(rt, session, at, None)
    order = {True: 0, None: 1, False: 2}
    rows = (row for found in by_model.values() for row in found)
    return Standing(
        size, by_model, tuple(sorted(rows, key=lambda one: (order[one[0].blocks], one[0].key, one[0].gate)))
    )


def _stand(rt: Runtime, session: Session, at: AsOf, names: Iterable[str] | None) -> dict[str, Rows]:
    copies = oversight.copies(session, at)
    if names is not None:  # what a twin serves is told of its origin
        told = set(names)
        names = told | {copy.origin.model for key, copy in copies.items() if key.model in told}
        copies = {key: copy for key, copy in copies.items() if copy.origin.model in names}
    aliases, versions = facts.aliases(session, at, names), facts.versions(session, at, names)
    outlines = {(one.key, one.gate): one for one in facts.outlines(session, at, names)}
    slugs = inventory_rules.use_cases(rt.policy)
    serving = twins.serving(facts.aliases(session, at, {key.model for key in copies}), copies)
    models = [
        RegisteredModel(name, aliases=aliases[name], versions=tuple(found), serving=serving.get(name, {}))
        for name, found in versions.items()
    ]
    cases = {slug: _owned(slug, rt.policy) for slug in {None, *slugs.values()}}  # many models are of one use case
    return {model.name: tuple(_at_gates(model, outlines, *cases[slugs.get(model.name)], rt.policy)) for model in models}


def _owned(slug: str | None, policy: Policy) -> tuple[Words, RiskTier]:
    case = policy.use_cases.use_cases.get(slug) if slug else None
    return person(case.owner if case else None, policy), classify(case, policy.tiers)


def _at_gates(
    model: RegisteredModel,
    outlines: Mapping[tuple[VersionKey, str], Outline],
    owner: Words,
    tier: RiskTier,
    policy: Policy,
) -> list[tuple[GateRow, str]]:
    found = []
    for code, gate in policy.gates.gates.items():
        for version in inventory_rules.governed(model, gate, policy):
            one = outlines.get((version.key, code))
            names = model.aliases_of(version.key.version)
            row = GateRow(
                version.key,
                code,
                one.tier if one else tier,
                one.blocks if one else None,
                one.at if one else None,
                names,
                owner,
                is_pending=one is not None and one.is_pending,
            )
            found.append((row, one.id if one else ""))
    return found


def use_cases(rt: Runtime, number: int) -> Page[GateRow[UseCaseKey]]:
    """A page of the use cases, held back first: each at the first gate that is closed, or at its last."""
    found = use_case_gate.stops(rt)
    shown = found[_start(number) : _start(number) + PAGE_SIZE]
    return Page(tuple(_case_row(one, rt.policy) for one in shown), number, len(found))


def held_back(rt: Runtime) -> Page[GateRow[UseCaseKey]]:
    """The first use cases that a gate holds back."""
    found = [one for one in use_case_gate.stops(rt) if one.blocks]
    return Page(tuple(_case_row(one, rt.policy) for one in found[:_TOP]), 1, len(found))


def _case_row(decision: GateDecision[UseCaseKey], policy: Policy) -> GateRow[UseCaseKey]:
    case = policy.use_cases.use_cases[decision.subject.use_case]
    why = gist([reason for reason in decision.reasons if reason.blocks])
    of = decision.subject, decision.gate, decision.tier, decision.blocks, decision.at
    return GateRow(*of, (), person(case.owner, policy), why, is_pending=decision.verdict is GateVerdict.PENDING)


def gates(rt: Runtime, stands: Standing, number: int, state: str = "") -> Page[GateRow]:
    """A page of the versions at gates, with the most telling reason of each."""
    wanted = {"blocked": True, "open": False, "unknown": None}
    rows = [one for one in stands.rows if state not in wanted or one[0].blocks is wanted[state]]
    shown = rows[_start(number) : _start(number) + PAGE_SIZE]
    return Page(_with_reasons(rt, shown), number, len(rows))


def _with_reasons(rt: Runtime, rows: Sequence[tuple[GateRow, str]]) -> tuple[GateRow, ...]:
    with rt.reading() as session:
        found = facts.decisions_by_id(session, [id_ for row, id_ in rows if row.blocks and id_])
    told = {id_: gist([reason for reason in one.reasons if reason.blocks]) for id_, one in found.items()}
    return tuple(replace(row, why=told.get(id_, Words())) for row, id_ in rows)


def overview(rt: Runtime, stands: Standing, user: str) -> Overview:
    """How the company stands; `user` is the name that Airflow knows whoever looks by."""
    counts = Counter({True: "blocked", False: "open", None: "unknown"}[row.blocks] for row, _ in stands.rows)
    owner = _owner(user, rt.policy)
    mine = [one for one in stands.rows if owner and one[0].owner == owner and one[0].blocks is not False]
    blocked = [one for one in stands.rows if one[0].blocks]
    with rt.reading() as session:
        at = rt.current(session)
        sweep, kpis = inventory_facts.last_sweep(session, at), registers.kpis(session, at)
        risks = sorted((r for r in registers.risks(session, at) if r.is_open), key=lambda r: (-r.score, r.subject))
    found = Counter(FindingKind(one["kind"]) for one in (sweep.findings if sweep else []))
    return Overview(
        counts,
        _with_reasons(rt, blocked[:_TOP]),
        _with_reasons(rt, mine[:_TOP]),
        found,
        tuple(risks[:_TOP]),
        len(risks),
        kpis,
        sweep.effective_at if sweep else None,
    )


def _owner(user: str, policy: Policy) -> Words | None:
    """The person of the policy who looks: by slug or by address."""
    known = policy.people.who(user)
    for slug, one in policy.people.people.items():
        if user and (slug == known or user in {slug, one.email}):
            return Words(one.name.ja, one.name.en)
    return None


def inventory(rt: Runtime, wanted: str, number: int) -> tuple[Page[ModelRow], Page[SystemRow]]:
    """A page of registered models whose name contains a text, and of declared systems likewise."""
    with rt.reading() as session:
        at = rt.current(session)
        names, total = facts.models(session, at, wanted, offset=_start(number), most=PAGE_SIZE)
        aliases, versions = facts.aliases(session, at, names), facts.versions(session, at, names)
        outlines = facts.outlines(session, at, names)
        systems = [one for one in declared.declared(session, at) if wanted.casefold() in one.name.casefold()]
    blocked: dict[str, set[int]] = {}
    for one in outlines:
        if one.blocks:
            blocked.setdefault(one.key.model, set()).add(one.key.version)
    rows = tuple(
        _model_row(name, len(versions[name]), aliases[name], tuple(sorted(blocked.get(name, ()))), rt.policy)
        for name in names
    )
    shown = tuple(_system_row(one, rt.policy) for one in systems[_start(number) : _start(number) + PAGE_SIZE])
    return Page(rows, number, total), Page(shown, number, len(systems))


def _start(number: int) -> int:
    return (min(max(number, 1), _LAST_PAGE) - 1) * PAGE_SIZE


def _model_row(
    name: str, versions: int, aliases: Mapping[str, int], blocked: tuple[int, ...], policy: Policy
) -> ModelRow:
    _slug, case = inventory_rules.use_case_of(name, policy)
    title = Words(case.name.ja, case.name.en) if case else Words()
    owner = person(case.owner if case else None, policy)
    return ModelRow(name, title, classify(case, policy.tiers), owner, versions, aliases, blocked)


def _system_row(system: Any, policy: Policy) -> SystemRow:  # noqa: ANN401 - a DeclaredSystem
    case = policy.use_cases.use_cases.get(system.use_case or "")
    title = Words(case.name.ja, case.name.en) if case else Words(system.use_case or "", system.use_case or "")
    return SystemRow(system.name, system.kind.value, system.vendor or "", title, person(system.owner, policy))


def model(rt: Runtime, name: str) -> ModelPage:
    """One model with its versions and what happened to them, newest first.

    Raises:
        NotFoundError: the inventory does not know it.
    """
    with rt.reading() as session:
        at = rt.current(session)
        found = inventory_facts.model(session, name, at)
        if found is None:
            raise NotFoundError(f"{name} is not in the inventory", hint="Run inventory_sync, or `governance sync`.")
        ended, outlines = facts.ended(session, at, name), facts.outlines(session, at, [name])
        decisions = facts.passages_of_model(session, name, at, MOST_EVENTS)
        moves = inventory_facts.alias_history(session, at, name)[-MOST_EVENTS:]
    _slug, case = inventory_rules.use_case_of(name, rt.policy)
    events = [Event(one[1].at, decision=one) for one in decisions] + [Event(one.at, alias=one) for one in moves]
    events.sort(key=lambda event: event.at, reverse=True)
    versions = sorted(found.versions, key=lambda version: version.key, reverse=True)
    return ModelPage(
        found,
        Words(case.name.ja, case.name.en) if case else Words(),
        Words(case.purpose.ja, case.purpose.en) if case else Words(),
        classify(case, rt.policy.tiers),
        person(case.owner if case else None, rt.policy),
        tuple(_version_row(found, version.key, version.created_at, ended, outlines) for version in versions),
        tuple(events[:MOST_EVENTS]),
        len(events) > MOST_EVENTS,
    )


def _version_row(
    model_: RegisteredModel,
    key: VersionKey,
    created_at: datetime | None,
    ended: Sequence[Ended],
    outlines: Sequence[Outline],
) -> VersionRow:
    return VersionRow(
        key,
        created_at,
        model_.aliases_of(key.version),
        tuple((one.check, Verdict(one.verdict), one.at) for one in ended if one.key == key),
        tuple(one for one in outlines if one.key == key),
    )


def of_run(rt: Runtime, source: str, since: datetime | None, until: datetime | None) -> list[VersionKey]:
    """The versions that gates decided on within a DAG run; of a run over very many, `MOST_EVENTS` of them."""
    with rt.reading() as session:
        return facts.told_by(session, source, since, until, MOST_EVENTS)
