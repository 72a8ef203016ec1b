# SPDX-License-Identifier: Apache-2.0
"""The sections of a committee pack as rows of finished strings, in the order they print."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from governance.core.risks import heat_map
from governance.core.terms import Light, Verdict
from governance.reports import reasons
from governance.reports.style import NO_TONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.core.committee import DecisionAsked, GateLine, InventoryLine, KpiLine, Pack, RiskLine, Unknown
    from governance.core.restatements import Restatement
    from governance.core.terms import KpiValue
    from governance.policy import KpiTarget
    from governance.reports.style import Style

Row = dict[str, Any]
"""JSON types only."""

SCALE: Final = range(1, 6)
_CAUSES: Final = 5
"""Late facts named for each figure."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def decisions(pack: Pack, style: Style) -> list[Row]:
    """What the committee is asked, in the order of the agenda."""
    return [_decision(asked, style) for asked in sorted(pack.decisions, key=lambda d: (d.number, d.subject))]


def _decision(asked: DecisionAsked, style: Style) -> Row:
    return {
        "number": str(asked.number),
        "ask": style.label(asked.ask),
        "subject": style.text(asked.subject),
        "use_case": style.name(asked.use_case) if asked.use_case else "",
        "reason": style.words(asked.reason),
        "score": str(asked.score) if asked.score else "",
        "due": style.iso(asked.due_on),
    }


def tally(pack: Pack, style: Style) -> Row:
    """How often each check ended how."""
    lines = sorted(pack.tallies, key=lambda line: line.check)
    return {
        "verdicts": [style.chip(verdict) for verdict in Verdict],
        "rows": [_counted(style.name(line.name), line.verdicts) for line in lines],
    }


def _counted(name: str, verdicts: Mapping[Verdict, int]) -> Row:
    counts = [verdicts.get(verdict, 0) for verdict in Verdict]
    return {"name": name, "counts": counts, "total": sum(counts)}


def gates(pack: Pack, style: Style) -> list[Row]:
    """One row per version at a gate, the blocked ones first."""
    order = sorted(pack.gates, key=lambda g: (not g.decision.blocks, g.decision.subject, g.decision.gate))
    return [_gate(line, style) for line in order]


def _gate(line: GateLine, style: Style) -> Row:
    decision = line.decision
    return {
        "use_case": style.name(line.use_case) if line.use_case else style.say("未登録", "No use case"),
        "owner": style.name(line.owner),
        "version": style.text(str(decision.subject)),
        "aliases": [style.text(alias, limit=60) for alias in sorted(line.aliases)],
        "gate": style.text(decision.gate),
        "day": style.iso(decision.at.astimezone(style.zone).date()),
        "tier": style.label(decision.tier),
        "verdict": style.chip(decision.verdict),
        "reasons": [reasons.row(reason, style) for reason in sorted(decision.reasons, key=lambda r: not r.blocks)],
    }


def heat(pack: Pack, style: Style) -> Row:
    """Open risks by likelihood (rows, highest first) and impact."""
    counts = heat_map([line.risk for line in pack.risks])
    rows = [
        {"likelihood": str(likelihood), "cells": [_cell(counts, likelihood, impact, pack, style) for impact in SCALE]}
        for likelihood in reversed(SCALE)
    ]
    filled = ", ".join(
        style.say(f"可能性{likelihood}・影響{impact}: {count}件", f"likelihood {likelihood}, impact {impact}: {count}")
        for (likelihood, impact), count in sorted(counts.items(), reverse=True)
    )
    alt = style.say("リスクヒートマップ。縦軸は発生可能性、横軸は影響度。", "Risk heat map, likelihood by impact. ")
    return {"rows": rows, "alt": alt + (filled or style.say("未解消のリスクはありません。", "No open risks."))}


def _cell(counts: Mapping[tuple[int, int], int], likelihood: int, impact: int, pack: Pack, style: Style) -> Row:
    light = _zone(likelihood * impact, pack)
    return {"count": counts.get((likelihood, impact), 0), "tone": light.value, "word": style.label(light)}


def _zone(score: int, pack: Pack) -> Light:
    if score > pack.appetite:
        return Light.RED
    return Light.AMBER if score >= pack.amber else Light.GREEN


def risks(pack: Pack, style: Style) -> list[Row]:
    """The open risks, highest score first, then by the day they are due."""
    order = sorted(pack.risks, key=lambda r: (-r.risk.score, r.risk.due_on, r.risk.subject, r.risk.rule))
    return [_risk(line, style) for line in order]


def _risk(line: RiskLine, style: Style) -> Row:
    return {
        "name": style.name(line.name),
        "subject": style.text(line.risk.subject),
        "use_case": style.name(line.use_case) if line.use_case else "",
        "cause": style.words(line.risk.cause),
        "treatment": style.name(line.treatment),
        "owner": style.name(line.owner),
        "score": str(line.risk.score),
        "factors": f"{line.risk.likelihood} × {line.risk.impact}",
        "light": style.chip(line.light),
        "due": style.iso(line.risk.due_on),
    }


def kpis(pack: Pack, style: Style) -> list[Row]:
    """Value against target, and the value at the end of the month before."""
    return [_kpi(line, style) for line in sorted(pack.kpis, key=lambda line: line.code)]


def _kpi(line: KpiLine, style: Style) -> Row:
    unit = line.target.unit
    return {
        "code": line.code,
        "name": style.name(line.target.name),
        "formula": style.name(line.target.formula),
        "target": _target(line.target, style),
        "value": style.figure(line.value.value if line.value else None, unit),
        "note": _note(line.value, unit, style),
        "previous": style.figure(line.previous.value if line.previous else None, unit),
        "light": _light(line, style),
    }


def _target(target: KpiTarget, style: Style) -> str:
    sign = {"up": "≥ ", "down": "≤ "}.get(target.better)
    return f"{sign}{style.figure(target.target, target.unit)}" if sign else "–"


def _note(value: KpiValue | None, unit: str, style: Style) -> str:
    if value is None or value.value is None:
        return style.words(value.detail) if value else ""
    if unit != "share" or value.numerator is None or value.denominator is None:
        return ""
    return f"{style.figure(value.numerator, 'count')} / {style.figure(value.denominator, 'count')}"


def _light(line: KpiLine, style: Style) -> Row:
    """No value is grey, whatever light came with it; a KPI that only informs has no light."""
    if line.value is None or line.value.value is None:
        return style.chip(Light.GREY)
    if line.target.better == "info":
        return {"word": style.say("参考", "Info"), "tone": NO_TONE}
    return style.chip(line.value.light)


def restatements(pack: Pack, style: Style) -> list[Row]:
    """One row per figure of an earlier pack that facts learnt later have changed."""
    return [_restatement(found, style) for found in pack.restatements]


def _restatement(found: Restatement, style: Style) -> Row:
    shown = [f"{cause.subject} ({cause.table}, {style.iso(cause.recorded_at.date())})" for cause in found.causes]
    more = len(shown) - _CAUSES
    rest = [style.say(f"ほか{more}件", f"and {more} more")] if more > 0 else []
    return {
        "period": style.month(found.period),
        "figure": style.words(found.figure.name),
        "was": style.figure(found.figure.value, found.figure.unit),
        "now": style.figure(found.value, found.figure.unit),
        "causes": [style.text(cause) for cause in shown[:_CAUSES]] + rest,
    }


def unknowns(pack: Pack, style: Style) -> list[Row]:
    """What nobody can tell, what was never known last."""
    order = sorted(pack.unknowns, key=lambda u: (u.since or _NEVER, u.subject, u.what.en))
    return [_unknown(item, style) for item in order]


def _unknown(item: Unknown, style: Style) -> Row:
    since = style.iso(item.since.astimezone(style.zone).date()) if item.since else style.say("記録なし", "Never known")
    return {"subject": style.text(item.subject), "what": style.words(item.what), "since": since}


def inventory(pack: Pack, style: Style) -> list[Row]:
    """Use cases, the highest tier first."""
    order = sorted(pack.inventory, key=lambda i: (-i.tier.rank, i.use_case.en, i.use_case.ja, i.models))
    return [_use_case(line, style) for line in order]


def _use_case(line: InventoryLine, style: Style) -> Row:
    return {
        "use_case": style.name(line.use_case),
        "tier": style.label(line.tier),
        "owner": style.name(line.owner),
        "models": [style.text(model) for model in sorted(line.models)],
    }
