# SPDX-License-Identifier: Apache-2.0
"""Count scores in bins, and add up errors, by groups of people where the rows are: one group-by each.

The statements are the same for DuckDB, PostgreSQL and SQLite, and no row leaves the source. What can be no score or
no number is sorted out in the statement and counted apart, for a database would compare NaN as larger than anything
and SQLite takes text for 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from governance.checks.profiles import kind
from governance.core import groups
from governance.core.evaluation import MAX_GROUPS, scalar, too_many
from governance.core.regression import MISSING, NOT_A_NUMBER, NOT_FINITE, OUTSIDE, USABLE, Errors
from governance.core.scores import Cell
from governance.errors import CheckNotRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from governance.core.evaluation import EvaluationTable

BINS: Final = 1024
"""The error of an AUC is half of the tied pairs: about 6e-4."""
_FINITE: Final = 1e60
"""Larger numbers are no measurements, and their fourth powers could not be added up."""
_CLASSES: Final = 3
"""Two labels, and none."""
_STATES: Final = 4
"""Cells beside the bins, for what is no score."""


def histogram(table: EvaluationTable, column: str, label: str | None, score: str, bins: int = BINS) -> list[Cell]:
    """Count the rows per group, label and bin of the score, with sum, sum of squares, lowest and highest score.

    Args:
        table: the open evaluation table.
        column: the sensitive column.
        label: the column of labels; without one every label is NULL.
        score: the column of scores, 0 to 1. Bin `i` holds `i / bins <= score < (i + 1) / bins`, the last one 1 too.
        bins: how many.

    Returns:
        In no order. Rows whose score is NULL, NaN, infinite, outside 0 to 1 or text are in cells of their own.

    Raises:
        CheckNotRunError: a column is missing or of the wrong type, or there are too many groups or labels.
        SourceUnavailableError: the data did not answer.
    """
    value, state = _number(table, score)
    place = sa.case((value * bins >= bins - 1, bins - 1), else_=sa.func.floor(value * bins))
    inside = sa.and_(state == USABLE, value >= 0, value <= 1)
    cell = sa.case((inside, place), (state == USABLE, OUTSIDE), else_=state)
    usable = sa.case((inside, value), else_=None)
    by = [_column(table, column), sa.null() if label is None else _column(table, label), cell]
    limit = groups.MAX_GROUPS * _CLASSES * (bins + _STATES)
    rows = _summed(table, by, {"score": usable}, limit, _spread)
    if len(rows) > limit:
        raise _too_fine(table, column, label)
    return [
        Cell(scalar(group), scalar(told), int(at), int(n), *(float(one or 0) for one in sums))
        for group, told, at, n, *sums in rows
    ]


def errors(table: EvaluationTable, column: str, label: str, prediction: str) -> list[Errors]:
    """Add up the errors (prediction less label) per group.

    Args:
        table: the open evaluation table.
        column: the sensitive column.
        label: the column of numbers to predict.
        prediction: the column of predicted numbers.

    Returns:
        In no order. Rows whose label or prediction is NULL, NaN, infinite or text are in parts of their own.

    Raises:
        CheckNotRunError: a column is missing or of the wrong type, or there are too many groups.
        SourceUnavailableError: the data did not answer.
    """
    (y, label_state), (predicted, prediction_state) = _number(table, label), _number(table, prediction)
    usable = sa.and_(label_state == USABLE, prediction_state == USABLE)
    values = {"error": sa.case((usable, predicted - y), else_=None), "label": sa.case((usable, y), else_=None)}
    rows = _summed(table, [_column(table, column), label_state, prediction_state], values, MAX_GROUPS, _moments)
    if len(rows) > MAX_GROUPS:
        raise too_many({column: _distinct(table, column)})
    return [
        Errors(scalar(group), int(told), int(predicted), int(n), *(float(one or 0) for one in sums))
        for group, told, predicted, n, *sums in rows
    ]


def _summed(
    table: EvaluationTable,
    by: Sequence[sa.ColumnElement[Any]],
    values: Mapping[str, sa.ColumnElement[Any]],
    limit: int,
    sums: Callable[[Any], list[sa.ColumnElement[Any]]],
) -> list[tuple[Any, ...]]:
    """Keys, rows and sums of every combination of `by`, and one more than `limit` if there are more.

    What is grouped by is named in an inner select, since no name of it can then be taken for a column of the table.
    """
    keys = [one.label(f"by_{position}") for position, one in enumerate(by)]
    named = [one.label(name) for name, one in values.items()]
    inner = sa.select(*keys, *named).select_from(table.rows).subquery("told").c
    grouped = [inner[key.name] for key in keys]
    return table.fetch(sa.select(*grouped, sa.func.count(), *sums(inner)).group_by(*grouped).limit(limit + 1))


def _spread(of: Any) -> list[sa.ColumnElement[Any]]:  # noqa: ANN401 - the columns of a subquery
    score = of.score
    return [sa.func.sum(score), sa.func.sum(score * score), sa.func.min(score), sa.func.max(score)]


def _moments(of: Any) -> list[sa.ColumnElement[Any]]:  # noqa: ANN401 - as above
    square = of.label * of.label
    terms = of.error, sa.func.abs(of.error), of.error * of.error, of.label, square, square * of.label, square * square
    return [sa.func.sum(term) for term in terms]


def _number(table: EvaluationTable, name: str) -> tuple[sa.ColumnElement[float], sa.ColumnElement[int]]:
    """The column as a number, and whether it is a usable one.

    SQLite keeps text in columns of numbers, so each value is asked for its type there; elsewhere the column is.
    """
    raw = _column(table, name)
    value: sa.ColumnElement[float] = sa.cast(raw, sa.Double)
    # DuckDB and PostgreSQL hold NaN for larger than anything.
    beyond = sa.or_(value > sa.literal(_FINITE, sa.Double), value < sa.literal(-_FINITE, sa.Double))
    states = [(raw.is_(None), MISSING), (beyond, NOT_FINITE)]
    if "sqlite" in table.engines:
        states.insert(1, (sa.func.typeof(raw).not_in(("integer", "real")), NOT_A_NUMBER))
    elif kind(table.columns[name]) != "number":
        told = table.columns[name]
        raise CheckNotRunError(
            f"column {name!r} is of type {told}, which is no number",
            hint="Name a column of numbers in `evaluation` in use_cases.yaml, or write the column as numbers.",
            ja=f"列 {name!r} の型 {told} は数でない。use_cases.yaml の evaluation に数値の列を指定するか、列を数値で書く",
        )
    return value, sa.case(*states, else_=USABLE)


def _column(table: EvaluationTable, name: str) -> sa.ColumnElement[Any]:
    if name not in table.columns:
        raise CheckNotRunError(
            f"column {name!r} is not in the evaluation table",
            hint="Correct `evaluation` in use_cases.yaml, or add the column to the table.",
            ja=f"列 {name!r} が評価データにない。use_cases.yaml の evaluation を直すか、データに列を足す",
        )
    column: sa.ColumnElement[Any] = table.rows.c[name]
    return column


def _too_fine(table: EvaluationTable, column: str, label: str | None) -> CheckNotRunError:
    """Groups or labels are too many for a histogram each; the sensitive column is named unless it is innocent."""
    size = _distinct(table, column)
    if size <= groups.MAX_GROUPS and label is not None:
        column, size = label, _distinct(table, label)
    return CheckNotRunError(
        f"column {column!r} has {size:,} values, too many for a histogram of each",
        hint="Put the values into bands, or name another column in `evaluation` in use_cases.yaml.",
        ja=f"列 {column!r} の値が {size:,} 種類あり、それぞれの分布を数えられない。区間にまとめるか、use_cases.yaml の evaluation に別の列を指定する",
    )


def _distinct(table: EvaluationTable, column: str) -> int:
    return int(table.fetch(sa.select(sa.func.count(_column(table, column).distinct())))[0][0])
