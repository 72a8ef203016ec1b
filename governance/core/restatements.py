# SPDX-License-Identifier: Apache-2.0
"""Find figures of a published month that facts learnt later change, and name those facts (RPT)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from governance.core.gates import standing
from governance.core.kpis import measure
from governance.core.terms import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from governance.core.kpis import Position
    from governance.core.terms import GateDecision
    from governance.policy import Policy

_COUNTS: Final[Mapping[str, tuple[Words, Callable[[Position, Policy], int]]]] = {
    "gates": (Words("ゲート対象", "At the gate"), lambda at, policy: len(_standing(at, policy))),
    "blocked": (Words("不通過", "Blocked"), lambda at, policy: sum(d.blocks for d in _standing(at, policy))),
    "models": (Words("登録モデル", "Registered models"), lambda at, _: len(at.models)),
    "open_risks": (Words("未解消リスク", "Open risks"), lambda at, _: sum(risk.is_open for risk in at.risks)),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a month's pack."""

    code: str
    name: Words
    value: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class LateFact:
    """A fact that took effect within a month and was learnt after its pack was published."""

    table: str
    id: str
    subject: str
    effective_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Restatement:
    """A figure that reads otherwise today than it was published."""

    period: str
    figure: Figure
    """As published."""
    value: float | None
    """As it reads now."""
    causes: tuple[LateFact, ...]


def figures(at: Position, policy: Policy) -> tuple[Figure, ...]:
    """The numbers that a pack is read for: counts first, then every KPI."""
    counted = [Figure(code, name, count(at, policy), "count") for code, (name, count) in _COUNTS.items()]
    targets = policy.kpis.kpis
    measured = [
        Figure(
            value.kpi,
            Words(targets[value.kpi].name.in_("ja"), targets[value.kpi].name.in_("en")),
            value.value,
            targets[value.kpi].unit,
        )
        for value in measure(at, policy)
    ]
    return (*counted, *measured)


def compare(
    period: str, published: Sequence[Figure], now: Sequence[Figure], causes: Sequence[LateFact]
) -> tuple[Restatement, ...]:
    """The figures that differ; without a late fact nothing can."""
    values = {figure.code: figure.value for figure in now}
    return tuple(
        Restatement(period, figure, values.get(figure.code), tuple(causes))
        for figure in published
        if values.get(figure.code) != figure.value
    )


def _standing(at: Position, policy: Policy) -> Sequence[GateDecision]:
    return standing(at.models, at.decisions, policy)
