# SPDX-License-Identifier: Apache-2.0
"""Count outcomes by groups of people where the rows are: one group-by, no row leaves the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from governance.checks import days
from governance.core.cubes import Cell, Cube, outcome
from governance.core.evaluation import MAX_GROUPS, EvaluationTable, Scalar, scalar, too_many
from governance.core.groups import Cells, type_problem, unknown
from governance.core.terms import NOTHING, Words

if TYPE_CHECKING:
    from datetime import date

    from governance.policy import Evaluation

_MAX_DAILY: Final = 200_000
"""With a time column: combinations of all days together."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one reading of the table found."""

    cubes: Mapping[str, Cube]
    """Day (ISO), or empty without a time column -> its cube."""
    undated: int = 0
    """Rows whose time is missing, is none, or lies in the future: they are in no cube."""
    unweighted: int = 0
    """Rows whose weight is missing, not positive or not finite: they are in no cube."""
    problem: Words = NOTHING
    """Why label or prediction cannot be counted as favourable or not."""


def count(table: EvaluationTable, evaluation: Evaluation, columns: Sequence[str], today: date) -> Counted:
    """Count the rows per combination of `columns`, label and prediction, and per day if there is a time column.

    Args:
        table: the open evaluation table; its columns are known to be there.
        evaluation: names label, prediction, weight, time and window. A label that is not named is unknown.
        columns: the sensitive columns.
        today: the last day that counts; without a time column every row does.

    Raises:
        CheckNotRunError: there are too many combinations for groups of people.
        SourceUnavailableError: the data did not answer.
    """
    named = _selected(table, evaluation, columns)
    limit = _MAX_DAILY if evaluation.time else MAX_GROUPS
    statement = _window(table, evaluation, sa.select(*named, *_sums(table, evaluation)), today)
    rows = table.fetch(statement.group_by(*(column.name for column in named)).limit(limit + 1))
    if len(rows) > limit:
        distinct = [sa.func.count(table.rows.c[column].distinct()) for column in columns]
        sizes = table.fetch(sa.select(*distinct))[0]
        raise too_many(dict(zip(columns, sizes, strict=True)))
    return _fold([_Row.read(row, len(columns)) for row in rows], evaluation, tuple(columns), today)


@dataclass(frozen=True, slots=True)
class _Row:
    day: str | None
    groups: tuple[Scalar, ...]
    label: Scalar
    prediction: Scalar
    rows: int
    bad: int
    weight: float
    square: float

    @classmethod
    def read(cls, row: tuple[Any, ...], columns: int) -> _Row:
        day, groups, (label, prediction, rows, bad, weight, square) = row[0], row[1 : columns + 1], row[columns + 1 :]
        # NaN and infinity are no group, and no JSON either.
        values = tuple(None if unknown(value) else value for value in map(scalar, groups))
        sums = int(rows), int(bad or 0), float(weight or 0), float(square or 0)
        return cls(day, values, scalar(label), scalar(prediction), *sums)


def _selected(table: EvaluationTable, evaluation: Evaluation, columns: Sequence[str]) -> list[sa.Label[Any]]:
    def of(name: str | None) -> sa.ColumnElement[Any]:
        return sa.null() if name is None else table.rows.c[name]

    day = days.of(of(evaluation.time)) if evaluation.time else sa.literal("")
    named = [day, *map(of, columns), of(evaluation.label), of(evaluation.prediction)]
    return [column.label(f"by_{position}") for position, column in enumerate(named)]


def _sums(table: EvaluationTable, evaluation: Evaluation) -> list[sa.ColumnElement[Any]]:
    if evaluation.weight is None:
        rows = sa.func.count()
        return [rows, sa.literal(0), rows, rows]
    weight = sa.cast(table.rows.c[evaluation.weight], sa.Double)
    # NaN compares as larger than anything in DuckDB and PostgreSQL, so it is beyond the bound as infinity is.
    usable = sa.case((sa.and_(weight > 0, weight < sa.literal(1e300)), weight), else_=None)
    return [sa.func.count(), sa.func.count() - sa.func.count(usable), sa.func.sum(usable), sa.func.sum(usable * usable)]


def _window(
    table: EvaluationTable, evaluation: Evaluation, statement: sa.Select[*tuple[Any, ...]], today: date
) -> sa.Select[*tuple[Any, ...]]:
    if evaluation.time is None or evaluation.window_days is None:
        return statement
    return statement.where(days.since(table.rows.c[evaluation.time], evaluation.window_days, today))


def _fold(rows: Sequence[_Row], evaluation: Evaluation, columns: tuple[str, ...], today: date) -> Counted:
    seen: Cells = {(None, row.label, row.prediction): 1 for row in rows}
    problem = type_problem(seen, evaluation.favourable)
    dated = [row for row in rows if not evaluation.time or days.read(row.day, today)]
    undated = sum(row.rows for row in rows) - sum(row.rows for row in dated)
    by_day: dict[str, list[Cell]] = defaultdict(list)
    for row in dated:
        by_day[row.day or ""].extend(_cells(row, evaluation.favourable))
    cubes = {day: Cube(columns, tuple(cells)) for day, cells in sorted(by_day.items())}
    return Counted(cubes, undated, sum(row.bad for row in dated), problem)


def _cells(row: _Row, favourable: Scalar) -> Iterator[Cell]:
    if row.rows > row.bad:
        label, prediction = outcome(row.label, favourable), outcome(row.prediction, favourable)
        yield Cell(row.groups, label, prediction, row.rows - row.bad, row.weight, row.square)
