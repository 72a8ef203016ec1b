# SPDX-License-Identifier: Apache-2.0
"""Counts of outcomes by groups of people: what a bias check measures, keeps, adds up and judges from.

A cube has one cell per combination of sensitive values, label and prediction. Label and prediction are kept as
favourable (true), not (false) or unknown (null). Cubes of different days add up to the cube of all their days, so
a month or a year is judged without reading a row again. Cells of very few rows are judged but not kept.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from governance.core.bias import CROSSED
from governance.core.evaluation import Scalar
from governance.core.groups import Cells, plain, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Outcome = bool | None
_WEIGHT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Cell:
    """Rows that share their sensitive values and their outcome."""

    groups: tuple[Scalar, ...]
    label: Outcome
    prediction: Outcome
    rows: int
    weight: float
    """Sum of the weights; the number of rows where there are none."""
    square: float
    """Sum of the squared weights."""


@dataclass(frozen=True, slots=True)
class Cube:
    """All cells of a table or of one day of it."""

    columns: tuple[str, ...]
    cells: tuple[Cell, ...]
    suppressed: int = 0
    """Rows in cells that were too small to keep."""

    @property
    def rows(self) -> int:
        """How many rows the cells hold."""
        return sum(cell.rows for cell in self.cells)


def outcome(value: Scalar, favourable: Scalar) -> Outcome:
    """Whether a label or prediction is the favourable one; None if nobody knows."""
    return None if unknown(value) else value == favourable


def add(cubes: Iterable[Cube]) -> Cube:
    """The cube of all rows of `cubes`, which have the same columns; no cubes add up to an empty one."""
    sums: dict[tuple[tuple[Scalar, ...], Outcome, Outcome], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    columns: tuple[str, ...] = ()
    suppressed = 0
    for cube in cubes:
        columns, suppressed = cube.columns, suppressed + cube.suppressed
        for cell in cube.cells:
            sum_ = sums[cell.groups, cell.label, cell.prediction]
            for position, part in enumerate((cell.rows, cell.weight, cell.square)):
                sum_[position] += part
    cells = (Cell(*key, int(rows), weight, square) for key, (rows, weight, square) in sums.items())
    return Cube(columns, tuple(sorted(cells, key=_order)), suppressed)


def crossings(columns: Sequence[str], depth: int) -> list[tuple[str, ...]]:
    """Every column, then every pair, and so on up to `depth`."""
    return [chosen for size in range(1, depth + 1) for chosen in combinations(columns, size)]


def by_group(cube: Cube, columns: Sequence[str]) -> Cells:
    """(group, label, prediction) -> rows, for one column or a crossing of several.

    Weighted rows count as many as they are worth: the weights of a group are scaled to its effective size,
    (sum of weights)^2 / sum of squares (Kish 1965), so that intervals do not take a heavy row for many people.
    """
    places = [cube.columns.index(column) for column in columns]
    sums: dict[Scalar, dict[tuple[Outcome, Outcome], float]] = defaultdict(lambda: defaultdict(float))
    weights: dict[Scalar, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for cell in cube.cells:
        values = [cell.groups[place] for place in places]
        group = values[0] if len(values) == 1 else CROSSED.join(map(plain, values))
        sums[group][cell.label, cell.prediction] += cell.weight
        weights[group][0] += cell.weight
        weights[group][1] += cell.square
    return {
        (group, label, prediction): _whole(weight * _scale(*weights[group]))
        for group, outcomes in sums.items()
        for (label, prediction), weight in outcomes.items()
    }


def _scale(weight: float, square: float) -> float:
    return weight / square if square else _WEIGHT


def _whole(rows: float) -> float:
    """Rows without weights are whole numbers, and counted as such."""
    return int(rows) if rows == int(rows) else rows


def content(cube: Cube, smallest: int) -> dict[str, Any]:
    """The cube as plain JSON, without the cells that hold fewer than `smallest` rows."""
    kept = [cell for cell in cube.cells if cell.rows >= smallest]
    lost = cube.rows - sum(cell.rows for cell in kept)
    cells = [[*cell.groups, cell.label, cell.prediction, cell.rows, cell.weight, cell.square] for cell in kept]
    return {"columns": list(cube.columns), "cells": cells, "suppressed": cube.suppressed + lost}


def read(told: Mapping[str, Any]) -> Cube:
    """The cube that `content` wrote."""
    columns = tuple(told["columns"])
    split = len(columns)
    cells = (Cell(tuple(cell[:split]), *cell[split:]) for cell in told["cells"])
    return Cube(columns, tuple(cells), int(told["suppressed"]))


def _order(cell: Cell) -> tuple[str, str, str]:
    return repr(cell.groups), str(cell.label), str(cell.prediction)
