# SPDX-License-Identifier: Apache-2.0
"""Assemble a month's committee pack from facts, and find what the committee has to decide (RPT, CMT)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from governance.core.committee import (
    Ask,
    CheckTally,
    DecisionAsked,
    GateLine,
    InventoryLine,
    KpiLine,
    Pack,
    RiskLine,
    Seal,
    Unknown,
)
from governance.core.gates import standing
from governance.core.inventory import FindingKind, governed, use_case_of
from governance.core.kpis import Position
from governance.core.restatements import Restatement
from governance.core.risks import light
from governance.core.terms import KpiValue, Reason, Verdict, VersionKey, Words
from governance.core.tiers import classify
from governance.core.wording import check_name, gist, label
from governance.policy import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.core.inventory import InventoryFinding
    from governance.core.terms import Risk
    from governance.policy import Policy

UNKNOWN: Final = frozenset({Verdict.ERROR, Verdict.STALE, Verdict.NOT_RUN, Verdict.INSUFFICIENT})
"""Verdicts that say: nobody can tell."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a pack is assembled from, all as of the same position on both clocks."""

    position: Position
    kpis: Mapping[str, KpiValue]
    previous_kpis: Mapping[str, KpiValue]
    tallies: Mapping[str, Mapping[Verdict, int]]
    seal: Seal | None = None
    restatements: tuple[Restatement, ...] = ()


@dataclass(frozen=True, slots=True)
class CutOff:
    """Which month a pack reports, and up to where on both clocks."""

    period: str
    as_of: datetime
    known_at: datetime
    interim: bool
    meeting_on: date
    revision: int = 1


def assemble(cut_off: CutOff, facts: Facts, policy: Policy) -> Pack:
    """Put a month's pack together; the same facts, policy and cut-off give an equal pack."""
    at = facts.position
    gates = _gate_lines(at, policy)
    risks = _risk_lines(at.risks, policy)
    return Pack(
        company=policy.company.name,
        classification=policy.company.classification,
        period=cut_off.period,
        as_of=cut_off.as_of,
        known_at=cut_off.known_at,
        interim=cut_off.interim,
        revision=cut_off.revision,
        time_zone=policy.calendar.time_zone,
        meeting_on=cut_off.meeting_on,
        policy_digest=policy.digest,
        inventory_at=at.swept_at,
        decisions=agenda(at, risks, policy, cut_off.meeting_on),
        inventory=_inventory_lines(at, policy),
        tallies=tuple(
            CheckTally(name, check.name, facts.tallies.get(name, {}))
            for name, check in sorted(policy.checks.checks.items())
        ),
        gates=gates,
        risks=risks,
        appetite=policy.risks.appetite,
        amber=policy.risks.amber,
        kpis=tuple(
            KpiLine(code, target, facts.kpis.get(code), facts.previous_kpis.get(code))
            for code, target in sorted(policy.kpis.kpis.items())
        ),
        unknowns=_unknowns(at, gates, policy),
        seal=facts.seal,
        restatements=facts.restatements,
    )


_ASKS: Final[Mapping[FindingKind, Ask]] = {
    FindingKind.UNGOVERNED_CHAMPION: Ask.HOLD_OR_ACCEPT_CHAMPION,
    FindingKind.OWNERLESS: Ask.NAME_OWNER,
    FindingKind.ORPHAN: Ask.ADOPT_OR_RETIRE,
}


def agenda(at: Position, risks: Sequence[RiskLine], policy: Policy, meeting_on: date) -> tuple[DecisionAsked, ...]:
    """What the committee has to decide, most pressing first: champions, risks, owners, orphans."""
    asked = [
        DecisionAsked(0, _ASKS[f.kind], f.subject, _case_name(f.use_case, policy), _why(f, at, policy), meeting_on)
        for f in at.findings
        if f.kind in _ASKS
    ]
    asked += [
        DecisionAsked(0, Ask.TREAT_RISK, r.risk.subject, r.use_case, r.risk.cause, r.risk.due_on, r.risk.score)
        for r in risks
        if r.risk.score > policy.risks.appetite and r.risk.rule not in set(FindingKind)
    ]
    order = list(Ask)
    asked.sort(key=lambda d: (order.index(d.ask), -d.score, d.subject, d.reason.en))
    return tuple(replace(decision, number=number) for number, decision in enumerate(asked, 1))


def _why(finding: InventoryFinding, at: Position, policy: Policy) -> Words:
    """What is out of order; of a version that serves though a gate is closed, also what closes it."""
    if finding.kind is not FindingKind.UNGOVERNED_CHAMPION:
        return finding.detail
    closing = [
        reason
        for (key, code), decision in at.decisions.items()
        if str(key) == finding.subject and code in policy.gates.gates
        for reason in decision.reasons
        if reason.blocks
    ]
    return finding.detail.then(gist(closing))


def _gate_lines(at: Position, policy: Policy) -> tuple[GateLine, ...]:
    aliases = {
        VersionKey(model.name, number): model.aliases_of(number)
        for model in at.models
        for number in (*model.aliases.values(), *model.serving.values())
    }
    lines = []
    for decision in standing(at.models, at.decisions, policy):
        _slug, case = use_case_of(decision.subject.model, policy)
        owner = _person(case.owner if case else None, policy)
        lines.append(GateLine(case.name if case else None, owner, decision, aliases.get(decision.subject, ())))
    return tuple(lines)


def _risk_lines(risks: Sequence[Risk], policy: Policy) -> tuple[RiskLine, ...]:
    """Open risks, highest score first; a rule that policy dropped since prints under its own name."""
    lines = []
    for risk in risks:
        rule = policy.risks.rules.get(risk.rule)
        if risk.is_open:
            owner = _person(risk.owner, policy)
            lines.append(
                RiskLine(
                    risk,
                    rule.name if rule else Text(ja=risk.rule, en=risk.rule),
                    rule.treatment if rule else Text(ja="—", en="—"),
                    _case_name(risk.use_case, policy),
                    owner,
                    light(risk.score, policy.risks),
                )
            )
    return tuple(sorted(lines, key=lambda line: (-line.risk.score, line.risk.subject, line.risk.rule)))


def _inventory_lines(at: Position, policy: Policy) -> tuple[InventoryLine, ...]:
    held = {model.name for model in at.models}
    return tuple(
        InventoryLine(
            case.name,
            classify(case, policy.tiers),
            _person(case.owner, policy),
            tuple(m for m in case.models if m in held),
        )
        for _slug, case in sorted(policy.use_cases.use_cases.items())
    )


def _unknowns(at: Position, gates: Sequence[GateLine], policy: Policy) -> tuple[Unknown, ...]:
    """What blocks because nobody knows, and versions at a gate that no gate has decided."""
    unknown = [
        Unknown(str(line.decision.subject), _unknown(reason), reason.at)
        for line in gates
        for reason in line.decision.reasons
        if reason.verdict in UNKNOWN
    ]
    unknown += [
        Unknown(str(version.key), Words(f"{code}: 判定なし", f"{code}: no decision"), None)
        for model in at.models
        for code, gate in policy.gates.of_versions.items()
        for version in governed(model, gate, policy)
        if (version.key, code) not in at.decisions
    ]
    if at.swept_at is None:
        unknown.append(Unknown("MLflow", Words("一度も取得されていない", "never read"), None))
    return tuple(sorted(set(unknown), key=lambda u: (u.subject, u.what.en, str(u.since))))


def _unknown(reason: Reason) -> Words:
    return Words(*(f"{check_name(reason.check, tongue)}: {label(reason.verdict, tongue)}" for tongue in ("ja", "en")))


def _case_name(slug: str | None, policy: Policy) -> Text | None:
    case = policy.use_cases.use_cases.get(slug or "")
    return case.name if case else None


def _person(slug: str | None, policy: Policy) -> Text | None:
    person = policy.people.people.get(slug or "")
    return person.name if person else None
