# SPDX-License-Identifier: Apache-2.0
"""One gate decision explained to a model's owner: what failed, by how much, since when, what changed, who can help.

Tab, page, terminal and pack show this one structure. Every figure in it was measured by a check and recorded; here it
is only put beside what it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from governance.core import gate_changes, gate_pictures
from governance.core.exports import person
from governance.core.gate_changes import Change, Passage, Past
from governance.core.gate_decisions import Decided, HoldLine, decided, name_of
from governance.core.gate_pictures import Picture
from governance.core.gates import NO_OVERSIGHT, OPEN, Oversight, aged
from governance.core.inventory import use_case_of
from governance.core.terms import (
    NOTHING,
    CheckResult,
    GateDecision,
    GateVerdict,
    Light,
    ModelVersion,
    Observation,
    Reason,
    RegisteredModel,
    Verdict,
    VersionKey,
    Words,
)
from governance.core.verdicts import WORST_FIRST
from governance.core.wording import check_name, gist, label
from governance.policy import Family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.policy import Check, Policy, UseCase

WAIVING_SEAT: Final = "caio"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table of reasons; a check that is well has one row for the whole of it."""

    check: str
    name: Words
    verdict: Verdict
    text: Words = NOTHING
    observation: Observation | None = None
    n: int | None = None
    at: datetime | None = None
    age: timedelta | None = None
    blocks: bool = False
    exempt: bool = False


@dataclass(frozen=True, slots=True)
class CheckPart:
    """What one check saw, drawn, with its cause and remedy."""

    check: str
    name: Words
    verdict: Verdict
    """As it counts at the report's moment: an old result is stale."""
    at: datetime
    n: int | None
    cause: Words
    remedy: Words
    """What to do; nothing where the check is well."""
    pictures: tuple[Picture, ...]
    data_digest: str
    engines: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody and how to reach them; without a name, nobody has that part."""

    name: Words = NOTHING
    email: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """Who is asked: the owner mends, the seat may waive, the committee meets."""

    owner: Contact
    waives: Contact
    seat: str
    is_own: bool
    """The owner holds the waiving seat: nobody waives for a model of their own."""
    meets_on: date | None


@dataclass(frozen=True, slots=True)
class Proof:
    """A fact that the decision rests on, and its place in the ledger."""

    kind: str
    id: str
    about: Words
    index: int | None = None
    sealed_at: int | None = None
    """Size of the first checkpoint over it; None: not sealed yet."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report is made from, all as of the same position on both clocks."""

    decision: GateDecision
    model: RegisteredModel
    version: ModelVersion | None
    results: Mapping[str, CheckResult]
    """Check -> the result that the decision rested on."""
    passages: Sequence[Passage]
    """Every decision of this gate on this version, oldest first."""
    past: Past | None = None
    """What passed before."""
    pictured: Mapping[str, gate_pictures.Material] = field(default_factory=dict)
    """Check -> counts, samples and past results to draw."""
    entries: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    """Fact -> index in the ledger, and size of the first checkpoint over it."""
    said: Oversight = NO_OVERSIGHT
    """What people said about the version."""
    held: Sequence[HoldLine] = ()
    """The live holds over it."""


@dataclass(frozen=True, slots=True)
class GateReport:
    """A gate's decision on a version with all that its owner has to know."""

    decision: GateDecision
    gate_name: Words
    use_case: Words
    purpose: Words
    aliases: tuple[str, ...]
    light: Light
    """Green only where the gate is open and nothing that it rests on is out of date."""
    verdict: Words
    """One sentence."""
    since: datetime
    """Since when the gate has said the same, without a break."""
    lines: tuple[Line, ...]
    parts: tuple[CheckPart, ...]
    past: Past | None
    changes: tuple[Change, ...]
    people: People
    decided: Decided
    """What people have said about this gate, and who may say what next."""
    proofs: tuple[Proof, ...]
    code_version: str
    as_of: datetime
    known_at: datetime

    @property
    def key(self) -> VersionKey:
        """Which version it is about."""
        return self.decision.subject


def report(facts: Facts, policy: Policy, as_of: datetime, known_at: datetime, meets_on: date | None) -> GateReport:
    """Put a report together; the same facts, policy and moments give an equal report."""
    decision = facts.decision
    _slug, case = use_case_of(facts.model.name, policy)
    max_age = timedelta(days=policy.tiers.tiers[decision.tier].max_age_days)
    current = {check: aged(result, max_age, as_of) for check, result in facts.results.items()}
    lines, since = tuple(_lines(facts, current, policy, as_of)), _since(facts)
    gate = policy.gates.gates.get(decision.gate)
    name = Words(gate.name.ja, gate.name.en) if gate else NOTHING
    outdated = tuple(check for check, verdict in sorted(current.items()) if verdict is Verdict.STALE)
    return GateReport(
        decision=decision,
        gate_name=name,
        use_case=Words(case.name.ja, case.name.en) if case else NOTHING,
        purpose=Words(case.purpose.ja, case.purpose.en) if case else NOTHING,
        aliases=facts.model.aliases_of(decision.subject.version),
        light=light(decision, outdated),
        verdict=_sentence(decision, name, lines, outdated),
        since=since,
        lines=lines,
        parts=tuple(_parts(facts, current, policy)),
        past=facts.past,
        changes=gate_changes.changes(facts.past, facts.passages[-1], facts.results, facts.version)
        if facts.past and facts.passages
        else (),
        people=_people(case, policy, meets_on),
        decided=decided(decision, facts.version, case, facts.said, facts.held, policy, as_of),
        proofs=tuple(_proofs(facts, policy)),
        code_version=facts.passages[-1].code_version if facts.passages else "",
        as_of=as_of,
        known_at=known_at,
    )


def light(decision: GateDecision, outdated: Sequence[str]) -> Light:
    """Red where the gate is closed, amber where only answers are missing; grey where its evidence is out of date."""
    if decision.verdict is GateVerdict.PENDING:
        return Light.AMBER
    if decision.blocks:
        return Light.RED
    return Light.GREY if outdated else Light.GREEN


def _sentence(decision: GateDecision, gate: Words, lines: Sequence[Line], outdated: Sequence[str]) -> Words:
    """The verdict in plain words, with the most telling reason."""
    said = _subject(decision, gate)
    if decision.blocks:
        why = gist([reason for reason in decision.reasons if reason.blocks])
        if decision.verdict is GateVerdict.PENDING:
            return Words(f"{said.ja}は承認待ちです", f"{said.en} waits for approval").then(why)
        return Words(f"{said.ja}を通過できません", f"{said.en} is blocked").then(why)
    checks = {line.check: line for line in lines}
    exempt = sum(line.exempt for line in checks.values())
    warned = sum(line.verdict is Verdict.WARN for line in checks.values())
    well = len(checks) - exempt
    told = Words(
        f"{said.ja}を通過できます。必須チェック {well} 件がすべて通過",
        f"{said.en} is open. All {well} required checks let it through",
    )
    for count, ja, en in ((warned, "注意", "with a warning"), (exempt, "対象外", "more exempt")):
        told = told if not count else Words(f"{told.ja}、{ja} {count} 件", f"{told.en}, {count} {en}")
    if outdated:
        ja, en = ("、".join(check_name(c, "ja") for c in outdated), ", ".join(check_name(c, "en") for c in outdated))
        return told.then(
            Words(
                f"ただし期限切れの結果があり、今は分かりません: {ja}",
                f"but results are out of date, so nobody can tell today: {en}",
            )
        )
    return told


def _subject(decision: GateDecision, gate: Words) -> Words:
    ja, en = (f"({gate.ja})", f" ({gate.en})") if gate else ("", "")
    return Words(
        f"{decision.subject} はゲート {decision.gate}{ja}",
        f"{decision.subject}: gate {decision.gate}{en}",
    )


def _since(facts: Facts) -> datetime:
    """The first of the unbroken row of like decisions that ends with this one."""
    since = facts.decision.at
    for passage in reversed(facts.passages):
        if passage.blocks is not facts.decision.blocks:
            break
        since = min(since, passage.at)
    return since


def _lines(facts: Facts, current: Mapping[str, Verdict], policy: Policy, as_of: datetime) -> Iterator[Line]:
    """What closes the gate first, then what warns, then what is well."""
    told = [_line(reason, facts.results.get(reason.check), policy, as_of) for reason in facts.decision.reasons]
    named = {line.check for line in told}
    told += [
        _well(result, current[check], policy, as_of)
        for check, result in sorted(facts.results.items())
        if check not in named
    ]
    yield from sorted(told, key=lambda line: (not line.blocks, line.exempt, WORST_FIRST.index(line.verdict)))


def _line(reason: Reason, result: CheckResult | None, policy: Policy, as_of: datetime) -> Line:
    seen = reason.observation
    n = seen.n if seen else (result.finding.n if result else None)
    return Line(
        reason.check,
        name_of(reason.check, policy),
        reason.verdict,
        seen.detail if seen else reason.text,
        seen,
        n,
        reason.at,
        as_of - reason.at if reason.at else None,
        reason.blocks,
        reason.exempt,
    )


def _well(result: CheckResult, verdict: Verdict, policy: Policy, as_of: datetime) -> Line:
    finding = result.finding
    kept = sum(seen.verdict is Verdict.PASS for seen in finding.observations)
    en = f"all {kept} observations keep their limits" if kept > 1 else "its observation keeps the limit"
    text = Words(f"{kept} 項目すべて限度内", en) if kept else finding.detail
    return Line(
        result.check,
        name_of(result.check, policy),
        verdict,
        text,
        n=finding.n,
        at=result.at,
        age=as_of - result.at,
    )


def _parts(facts: Facts, current: Mapping[str, Verdict], policy: Policy) -> Iterator[CheckPart]:
    """Checks that close the gate first."""
    for check in sorted(
        facts.results, key=lambda name: (current[name] in OPEN, WORST_FIRST.index(current[name]), name)
    ):
        result, verdict = facts.results[check], current[check]
        rules = policy.checks.checks.get(check)
        material = facts.pictured.get(check, gate_pictures.Material())
        yield CheckPart(
            check,
            name_of(check, policy),
            verdict,
            result.at,
            result.finding.n,
            result.finding.cause,
            Words(rules.remedy.ja, rules.remedy.en) if rules and verdict not in OPEN else NOTHING,
            gate_pictures.draw(result, _family(rules), material),
            result.finding.data_digest,
            result.finding.engines,
        )


def _family(rules: Check | None) -> Family | None:
    return rules.family if rules and isinstance(rules.family, Family) else None


def _people(case: UseCase | None, policy: Policy, meets_on: date | None) -> People:
    owner, holder = case.owner if case else None, policy.people.seats.get(WAIVING_SEAT)
    return People(
        _contact(owner, policy),
        _contact(holder, policy),
        WAIVING_SEAT,
        is_own=owner is not None and owner == holder,
        meets_on=meets_on,
    )


def _contact(who: str | None, policy: Policy) -> Contact:
    known = policy.people.people.get(who or "")
    return Contact(person(who, policy), known.email if known else "")


def _proofs(facts: Facts, policy: Policy) -> Iterator[Proof]:
    yield _proof(facts, "gate_decision", facts.decision.id, Words(facts.decision.gate, facts.decision.gate))
    for check, id_ in sorted(facts.decision.evidence.items()):
        yield _proof(facts, "check_result", id_, name_of(check, policy))


def _proof(facts: Facts, kind: str, id_: str, about: Words) -> Proof:
    index, sealed = facts.entries.get(f"{kind}/{id_}", (None, None))
    return Proof(kind, id_, about, index, sealed)


def verdict_word(line: Line, language: str) -> str:
    """How a row of the table ended."""
    if line.exempt:
        return "対象外" if language == "ja" else "exempt"
    return label(line.verdict, language)
