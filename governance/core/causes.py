# SPDX-License-Identifier: Apache-2.0
"""Why a gap between groups is there, as far as counts tell: a short paragraph with numbers, and no guess.

It tells which group and which crossing carry the gap, whether the labels have it too, whether values are missing
more often in one group, what changed since the approved version, and which features shifted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Final

from governance.core.bias import CROSSED
from governance.core.cubes import Cube, by_group
from governance.core.groups import Group, count_groups, shown
from governance.core.terms import NOTHING, Observation, Verdict, Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NOTABLE: Final = 0.02
"""Two points: smaller differences are not told."""
_FEATURES: Final = 3


@dataclass(frozen=True, slots=True)
class Beside:
    """What there is to compare with."""

    approved: Cube | None = None
    """The cube of the approved version."""
    name: str = ""
    """Of the approved version."""
    shifts: Sequence[Observation] = ()
    """What the newest drift check of this version saw."""


def explain(
    observations: Iterable[Observation], cube: Cube, columns: Iterable[tuple[str, ...]], beside: Beside
) -> Words:
    """The cause of the worst breach; silence where nothing fails.

    Args:
        observations: of the check, with their verdicts.
        cube: all counts.
        columns: the sensitive columns and their crossings, as judged.
        beside: the approved version and the drift of features.
    """
    grouped = {CROSSED.join(chosen): _groups(cube, chosen) for chosen in columns}
    failed = {seen.slice for seen in observations if seen.verdict is Verdict.FAIL}
    found = [pair for where, pair in _pairs(grouped) if where in failed]
    if not found:
        return NOTHING
    column, low, high = max(found, key=lambda pair: _shortfall(pair[1], pair[2]))
    told = _gap(column, low, high)
    for more in (
        _carried(column, low, high, grouped),
        _labels(low, high),
        _missing(low, high),
        _before(column, low, cube, beside),
        _features(beside.shifts),
    ):
        told = told.then(more)
    return told


def _groups(cube: Cube, columns: tuple[str, ...]) -> list[Group]:
    return count_groups(by_group(cube, columns), favourable=True)


def _pairs(grouped: Mapping[str, Sequence[Group]]) -> Iterator[tuple[str, tuple[str, Group, Group]]]:
    """Every pair as an observation names it, with its column, and the group that is selected less first."""
    for column, groups in grouped.items():
        for group, against in permutations(groups, 2):
            low, high = sorted((group, against), key=lambda one: one.selected.rate)
            yield f"{column}: {group.name} vs {against.name}", (column, low, high)


def _shortfall(low: Group, high: Group) -> float:
    """How many more of `low` would have to be selected to be level with `high`."""
    return float(high.selected.share - low.selected.share) * low.selected.n


def _gap(column: str, low: Group, high: Group) -> Words:
    people = shown(round(_shortfall(low, high)))
    return Words(
        f"{column} の {low.name} は選択率 {low.selected} で、{high.name} の {high.selected} と並ぶには {people} 件足りない",
        f"{low.name} ({column}) is selected {low.selected} against {high.selected} of {high.name}: "
        f"{people} more would have to be selected to be level",
    )


def _carried(column: str, low: Group, high: Group, grouped: Mapping[str, Sequence[Group]]) -> Words:
    """The crossing that carries most of the shortfall."""
    inside = [
        (name, group)
        for name, groups in grouped.items()
        if CROSSED in name and CROSSED not in column and column in name.split(CROSSED)
        for group in groups
        if group.name.split(CROSSED)[name.split(CROSSED).index(column)] == low.name
    ]
    if not inside:
        return NOTHING
    name, worst = max(inside, key=lambda one: _shortfall(one[1], high))
    part, whole = _shortfall(worst, high), _shortfall(low, high)
    if whole <= 0 or part <= 0:
        return NOTHING
    return Words(
        f"そのうち {shown(round(part))} 件は {worst.name}({name})、選択率 {worst.selected}",
        f"{shown(round(part))} of them are {worst.name} ({name}), selected {worst.selected}",
    )


def _labels(low: Group, high: Group) -> Words:
    """Whether the labels have the gap as well, and what the model makes of it."""
    if not (low.favourable.n and high.favourable.n):
        return NOTHING
    in_labels = float(high.favourable.share - low.favourable.share)
    in_predictions = float(high.selected.share - low.selected.share)
    more = in_predictions - in_labels
    ja, en = "ほぼそのまま写している", "mirrors it"
    if abs(more) >= _NOTABLE:
        by = f"{abs(more):.1%}"
        ja, en = (f"{by} 広げている", f"widens it by {by}") if more > 0 else (f"{by} 狭めている", f"narrows it by {by}")
    return Words(
        f"正解ラベルの差は {in_labels:.1%}、予測の差は {in_predictions:.1%} で、モデルは差を{ja}",
        f"the labels differ by {in_labels:.1%}, the predictions by {in_predictions:.1%}: the model {en}",
    )


def _missing(low: Group, high: Group) -> Words:
    shares = [1 - float(group.labelled / group.rows) if group.rows else 0.0 for group in (low, high)]
    if abs(shares[0] - shares[1]) < _NOTABLE:
        return NOTHING
    return Words(
        f"正解ラベルの欠けた行は {low.name} で {shares[0]:.1%}、{high.name} で {shares[1]:.1%}",
        f"labels are missing for {shares[0]:.1%} of {low.name} and {shares[1]:.1%} of {high.name}",
    )


def _before(column: str, low: Group, cube: Cube, beside: Beside) -> Words:
    """The group's share of all rows and its rate, then and now."""
    approved, columns = beside.approved, tuple(column.split(CROSSED))
    if approved is None or not approved.cells or not set(columns) <= set(approved.columns):
        return NOTHING
    past = next((group for group in _groups(approved, columns) if group.name == low.name), None)
    share = low.rows / sum(group.rows for group in _groups(cube, columns))
    if past is None:
        return Words(
            f"承認済みの {beside.name} のデータに {low.name} はなかった(今は {share:.1%})",
            f"the approved {beside.name} had no {low.name} in its data, now it is {share:.1%}",
        )
    then = past.rows / sum(group.rows for group in _groups(approved, columns))
    return Words(
        f"承認済みの {beside.name} では {low.name} の割合は {then:.1%}(今は {share:.1%})、選択率は {past.selected}",
        f"in the approved {beside.name}, {low.name} was {then:.1%} of the rows (now {share:.1%}) and selected {past.selected}",
    )


def _features(shifts: Sequence[Observation]) -> Words:
    told = [seen for seen in shifts if seen.name == "psi" and (seen.value or 0) >= _NOTABLE]
    top = sorted(told, key=lambda seen: (-(seen.value or 0), seen.slice))[:_FEATURES]
    if not top:
        return NOTHING
    names = ", ".join(f"{seen.slice} (PSI {seen.value:.2f})" for seen in top)
    return Words(
        f"承認済みの版から最も動いた特徴量: {names}", f"features that shifted most since the approved version: {names}"
    )
