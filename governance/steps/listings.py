# SPDX-License-Identifier: Apache-2.0
"""What the shell lists: rows of plain values, read from facts and never derived a second time."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from governance.core import gates as gate_rules
from governance.core import inventory as inventory_rules
from governance.core import twins
from governance.core.terms import K, Words
from governance.core.tiers import classify
from governance.core.wording import reason_line
from governance.runtime import NOW, Asked
from governance.steps import restatements as past_packs
from governance.steps import use_case_gate
from governance.store import declared as declared_facts
from governance.store import gates as gate_facts
from governance.store import inventory as inventory_facts
from governance.store import oversight, registers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.core.declared import DeclaredSystem
    from governance.core.terms import GateDecision, RegisteredModel
    from governance.policy import Policy
    from governance.runtime import Runtime

Row = dict[str, Any]


def gates(rt: Runtime, asked: Asked = NOW) -> list[Row]:
    """The newest decision of every version that stands at a gate, blocked first."""
    with rt.reading() as session:
        at = rt.asked(session, asked)
        models = inventory_facts.models(session, at)
        standing = gate_rules.standing(models, gate_facts.decisions(session, at), rt.policy)
    by_name = {model.name: model for model in models}
    return [
        {
            **gate(decision, rt.settings.language),
            "aliases": list(by_name[decision.subject.model].aliases_of(decision.subject.version)),
        }
        for decision in standing
    ]


def use_cases(rt: Runtime) -> list[Row]:
    """The newest decision of every gate on every use case, blocked first."""
    return [gate(decision, rt.settings.language) for decision in use_case_gate.standing(rt)]


def gate(decision: GateDecision[K], language: str) -> Row:
    """One decision with its reasons as lines in `language`."""
    return {
        "id": decision.id,
        "gate": decision.gate,
        "subject": str(decision.subject),
        **asdict(decision.subject),
        "tier": decision.tier.value,
        "verdict": decision.verdict.value,
        "reasons": [reason_line(reason, language) for reason in decision.reasons],
        "checks": [
            {"check": reason.check, "verdict": reason.verdict.value, "blocks": reason.blocks}
            for reason in decision.reasons
        ],
        "at": decision.at,
        "policy_digest": decision.policy_digest,
        "facts_digest": decision.facts_digest,
    }


def inventory(rt: Runtime, asked: Asked = NOW) -> list[Row]:
    """Every registered model with what the company says of it, then every declared system."""
    with rt.reading() as session:
        at = rt.asked(session, asked)
        models, systems = inventory_facts.models(session, at), declared_facts.declared(session, at)
    return [_model(model, rt.policy) for model in models] + [_system(system, rt.policy) for system in systems]


def _model(model: RegisteredModel, policy: Policy) -> Row:
    slug, case = inventory_rules.use_case_of(model.name, policy)
    return {
        "model": model.name,
        "kind": "registered" if twins.origin_of(model.name, policy) is None else "twin",
        "versions": len(model.versions),
        "aliases": [f"{alias} -> v{number}" for alias, number in sorted(model.aliases.items())],
        "use_case": slug,
        "tier": classify(case, policy.tiers).value,
        "owner": case.owner if case else None,
    }


def _system(system: DeclaredSystem, policy: Policy) -> Row:
    case = policy.use_cases.use_cases.get(system.use_case or "")
    return {
        "model": system.system,
        "kind": system.kind.value,
        "versions": None,
        "aliases": [],
        "use_case": system.use_case,
        "tier": classify(case, policy.tiers).value,
        "owner": system.owner,
    }


def aliases(rt: Runtime, model: str | None, asked: Asked = NOW) -> list[Row]:
    """Every recorded move of an alias, oldest first, with the window in which it happened."""
    with rt.reading() as session:
        found = inventory_facts.alias_history(session, rt.asked(session, asked), model)
    return [
        {
            "model": change.move.model,
            "alias": change.move.alias,
            "from": change.move.from_version,
            "to": change.move.to_version,
            "after": change.move.seen_after,
            "until": change.at,
            "decision": change.move.decision,
            "outside_gate": change.move.outside_gate,
        }
        for change in found
    ]


def holder(rt: Runtime, model: str, alias: str, asked: Asked = NOW) -> Row:
    """Which version held an alias at a moment, and what makes that doubtful."""
    with rt.reading() as session:
        found = inventory_facts.holder(session, model, alias, rt.asked(session, asked))
    doubt = found.doubt
    return {
        "model": found.model,
        "alias": found.alias,
        "at": found.at,
        "version": found.version,
        "since": found.since.at if found.since else None,
        "doubt": f"v{doubt.move.from_version} -> v{doubt.move.to_version}, {doubt.move.seen_after} - {doubt.at}"
        if doubt
        else None,
        "seen_until": found.seen_until,
    }


def findings(rt: Runtime, asked: Asked = NOW) -> list[Row]:
    """Everything that is out of order in the inventory."""
    with rt.reading() as session:
        at = rt.asked(session, asked)
        models, copies = inventory_facts.models(session, at), oversight.copies(session, at)
        decisions = twins.judged(gate_facts.decisions(session, at), models, copies, rt.policy)
    found, language = inventory_rules.findings(models, decisions, rt.policy), rt.settings.language
    return [
        {"kind": f.kind.value, "subject": f.subject, "use_case": f.use_case, "detail": f.detail.in_(language)}
        for f in found
    ]


def risks(rt: Runtime, asked: Asked = NOW) -> list[Row]:
    """Open risks, highest score first."""
    with rt.reading() as session:
        found = [risk for risk in registers.risks(session, rt.asked(session, asked)) if risk.is_open]
    fields = ("score", "subject", "rule", "use_case", "likelihood", "impact", "owner", "opened_at", "due_on", "cause")
    found.sort(key=lambda risk: (-risk.score, risk.subject, risk.rule))
    return [_row(risk, fields, rt.settings.language) for risk in found]


def _row(fact: object, fields: Sequence[str], language: str) -> Row:
    values = {field: getattr(fact, field) for field in fields}
    return {field: value.in_(language) if isinstance(value, Words) else value for field, value in values.items()}


def kpis(rt: Runtime, asked: Asked = NOW) -> list[Row]:
    """The newest value of every KPI."""
    with rt.reading() as session:
        found = registers.kpis(session, rt.asked(session, asked))
    fields = ("kpi", "value", "light", "numerator", "denominator", "detail")
    return [_row(found[code], fields, rt.settings.language) for code in sorted(found)]


def restatements(rt: Runtime, asked: Asked = NOW) -> list[Row]:
    """Figures of published packs that facts learnt later have changed, with those facts."""
    with rt.reading() as session:
        found = past_packs.find(rt, session, rt.asked(session, asked))
    return [
        {
            "period": each.period,
            "figure": each.figure.name.in_(rt.settings.language),
            "code": each.figure.code,
            "published": each.figure.value,
            "now": each.value,
            "causes": [f"{cause.table}/{cause.id[:12]} {cause.subject}" for cause in each.causes],
        }
        for each in found
    ]


def packs(rt: Runtime, asked: Asked = NOW) -> list[Row]:
    """The newest pack of every month, with the path and digest of each file."""
    with rt.reading() as session:
        found = registers.packs(session, rt.asked(session, asked))
    return [
        {
            "period": row.period,
            "revision": row.revision,
            "interim": row.interim,
            "as_of": row.as_of,
            "known_at": row.known_at,
            "files": [str(rt.settings.pack_dir / name) for name in sorted(row.files)],
            "sha256": dict(row.files),
        }
        for row in found
    ]
