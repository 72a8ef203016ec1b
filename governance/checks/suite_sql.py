# SPDX-License-Identifier: Apache-2.0
"""Expectations as aggregates of one SQL statement, with the very results that Great Expectations gives on pandas.

Great Expectations stays the language of suites and of results, and runs whatever is not known here: a type, an
argument, a type of column or a pattern whose meaning the two engines might not share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from governance.checks.suite_arguments import (
    Answer,
    Column,
    are_whole,
    bounds_of,
    ended,
    fits,
    is_shared,
    mostly_of,
    number,
    observed,
    within,
)
from governance.core.evaluation import EvaluationTable

if TYPE_CHECKING:
    from governance.checks.suites import Rule

_AT_ONCE: Final = 4_000_000
"""Different values that are held in memory at a time."""
_WHOLE: Final = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})


@dataclass(frozen=True, slots=True)
class Plan:
    """One rule as SQL."""

    aggregates: tuple[Column, ...]
    answer: Callable[[Sequence[Any]], Answer]
    """Of the aggregates' values, in order."""
    unexpected: Column | None = None
    """Which rows offend, where single rows can."""
    column: str = ""


@dataclass(frozen=True, slots=True)
class _Context:
    """What a rule may be compiled against."""

    table: EvaluationTable
    where: Column | None = None
    """The rows that the rule is about."""

    def kind(self, column: object) -> str:
        """`whole`, `real`, `text`, or '' for what only Great Expectations may look at."""
        declared = self.table.columns.get(column, "") if isinstance(column, str) else ""
        if declared in _WHOLE:
            return "whole"
        return {"DOUBLE": "real", "VARCHAR": "text"}.get(declared, "")

    def value(self, column: str) -> Column:
        """The column, with NaN as NULL: pandas knows no difference."""
        raw: Column = sa.column(column)
        return sa.case((sa.func.isnan(raw), None), else_=raw) if self.kind(column) == "real" else raw


def compile_rule(rule: Rule, table: EvaluationTable) -> Plan | None:
    """The rule as aggregates over a file; None if Great Expectations has to run it."""
    known = _TYPES.get(rule.type)
    if known is None or not set(rule.kwargs) <= known.arguments or not known.required <= set(rule.kwargs):
        return None
    if not 0 <= mostly_of(rule.kwargs) <= 1:
        return None
    return known.plan(dict(rule.kwargs), _Context(table, condition(rule)))


def run(plans: Sequence[Plan], table: EvaluationTable, where: Column | None = None) -> list[Answer]:
    """The answers to all plans, from one statement over the rows that `where` names."""
    columns = [one.label(f"a{place}") for place, one in enumerate(one for plan in plans for one in plan.aggregates)]
    statement = sa.select(*columns).select_from(table.rows)
    values = list(table.fetch(statement if where is None else statement.where(where))[0]) if columns else []
    answers = []
    for plan in plans:
        own, values = values[: len(plan.aggregates)], values[len(plan.aggregates) :]
        answers.append(plan.answer(own))
    return answers


def sample(plan: Plan, table: EvaluationTable, where: Column | None, size: int) -> list[Any]:
    """Up to `size` different values that offend, in their order."""
    if plan.unexpected is None or not size:
        return []
    column: Column = sa.column(plan.column)
    offending = plan.unexpected if where is None else sa.and_(plan.unexpected, where)
    statement = sa.select(column.label("value")).distinct().select_from(table.rows).where(offending)
    return [row[0] for row in table.fetch(statement.order_by("value").limit(size))]


def condition(rule: Rule) -> Column | None:
    """The rows that a rule is about; None for all of them."""
    parts = [_OPERATORS[one.op](sa.column(one.column), one.value) for one in rule.where]
    return sa.and_(*parts) if parts else None


_OPERATORS: Final[Mapping[str, Callable[[Column, Any], Column]]] = {
    "==": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "in": lambda column, value: column.in_([sa.literal(one) for one in value]),
    "is_null": lambda column, _value: column.is_(None),
    "not_null": lambda column, _value: column.is_not(None),
}


# --- expectations on every row ------------------------------------------------------------


def _map(column: str, value: Column, unexpected: Column, mostly: float) -> Plan:
    present, offends = value.is_not(None), sa.and_(value.is_not(None), unexpected)
    counts = (sa.func.count(), sa.func.count(value), sa.func.count().filter(offends))
    return Plan(counts, lambda n: _mapped(int(n[0]), int(n[1]), int(n[2]), mostly), sa.and_(present, offends), column)


def _mapped(rows: int, present: int, unexpected: int, mostly: float) -> Answer:
    missing = rows - present
    result: dict[str, Any] = {
        "element_count": rows,
        "unexpected_count": unexpected,
        "unexpected_percent": _percent(unexpected, present),
        "partial_unexpected_list": [],
        "missing_count": missing,
        "missing_percent": _percent(missing, rows),
        "unexpected_percent_total": _percent(unexpected, rows),
        "unexpected_percent_nonmissing": _percent(unexpected, present),
    }
    return {"success": not present or (present - unexpected) / present >= mostly, "result": result}


def _percent(part: int, whole: int) -> float | None:
    return part / whole * 100 if whole else None


def _nulls(kwargs: Mapping[str, Any], context: _Context, *, wanted: bool) -> Plan | None:
    column, mostly = kwargs["column"], mostly_of(kwargs)
    if not context.kind(column):
        return None
    value = context.value(column)
    missing = value.is_(None)
    unexpected = sa.not_(missing) if wanted else missing

    def answer(n: Sequence[Any]) -> Answer:
        rows, offending = int(n[0]), int(n[1])
        result: dict[str, Any] = {
            "element_count": rows,
            "unexpected_count": offending,
            "unexpected_percent": _percent(offending, rows),
            "partial_unexpected_list": [],
        }
        return {"success": not rows or (rows - offending) / rows >= mostly, "result": result}

    return Plan((sa.func.count(), sa.func.count().filter(unexpected)), answer, unexpected if wanted else None, column)


def _between(kwargs: Mapping[str, Any], context: _Context) -> Plan | None:
    column, bounds = kwargs["column"], bounds_of(kwargs)
    if context.kind(column) not in {"whole", "real"} or bounds is None:
        return None
    value = context.value(column)
    return _map(column, value, sa.not_(within(value, bounds)), mostly_of(kwargs))


def _lengths(kwargs: Mapping[str, Any], context: _Context) -> Plan | None:
    column, exact = kwargs["column"], kwargs.get("value")
    told = kwargs if exact is None else {**kwargs, "min_value": exact, "max_value": exact}
    bounds = bounds_of(told)
    if context.kind(column) != "text" or bounds is None or not are_whole(told.get("min_value"), told.get("max_value")):
        return None
    value = context.value(column)
    return _map(column, value, sa.not_(within(sa.func.length(value), bounds)), mostly_of(kwargs))


def _set(kwargs: Mapping[str, Any], context: _Context, *, inside: bool) -> Plan | None:
    column, values = kwargs["column"], kwargs["value_set"]
    kind = context.kind(column)
    if not isinstance(values, list) or not values or not kind or not all(fits(value, kind) for value in values):
        return None
    value = context.value(column)
    known = value.in_([sa.literal(one) if kind == "text" else number(one) for one in values])
    return _map(column, value, sa.not_(known) if inside else known, mostly_of(kwargs))


def _regex(kwargs: Mapping[str, Any], context: _Context, *, matches: bool) -> Plan | None:
    column, pattern = kwargs["column"], kwargs["regex"]
    if context.kind(column) != "text" or not isinstance(pattern, str) or not is_shared(pattern):
        return None
    value = context.value(column)
    found = sa.func.regexp_matches(value, sa.literal(ended(pattern)))
    return _map(column, value, sa.not_(found) if matches else found, mostly_of(kwargs))


def _unique(kwargs: Mapping[str, Any], context: _Context) -> Plan | None:
    column, mostly = kwargs["column"], mostly_of(kwargs)
    if not context.kind(column):
        return None
    value = context.value(column)

    def answer(n: Sequence[Any]) -> Answer:
        # Each of several rows that share a value offends; who has one to himself does not.
        _distinct, alone = _different(context, value, int(n[1]))
        return _mapped(int(n[0]), int(n[1]), int(n[1]) - alone, mostly)

    return Plan((sa.func.count(), sa.func.count(value)), answer)


def _different(context: _Context, value: Column, present: int) -> tuple[int, int]:
    """How many values there are, and how many occur once: part by part of their hashes, so that memory is bounded."""
    parts = 1 + present // _AT_ONCE
    distinct = alone = 0
    for part in range(parts):
        rows = sa.select(value.label("value"), sa.func.count().label("n")).select_from(context.table.rows)
        mine = value.is_not(None) if parts == 1 else _part(value, parts) == _whole(part)
        kept = [mine, value.is_not(None), *([] if context.where is None else [context.where])]
        grouped = rows.where(*kept).group_by("value").subquery("grouped")
        told = context.table.fetch(
            sa.select(sa.func.count(), sa.func.count().filter(grouped.c.n == 1)).select_from(grouped)
        )[0]
        distinct, alone = distinct + int(told[0]), alone + int(told[1])
    return distinct, alone


def _part(value: Column, parts: int) -> Column:
    """Which part a value is in. The number is written out: as a parameter it would make the hash a 128-bit one."""
    hashed: Column = sa.func.hash(value, type_=sa.BigInteger)
    return hashed % _whole(parts)


def _whole(number: int) -> Column:
    return sa.literal_column(str(number), sa.BigInteger)


def _greater(kwargs: Mapping[str, Any], context: _Context) -> Plan | None:
    names, or_equal = (kwargs["column_A"], kwargs["column_B"]), kwargs.get("or_equal") or False
    if not all(context.kind(name) in {"whole", "real"} for name in names) or not isinstance(or_equal, bool):
        return None
    left, right = (context.value(name) for name in names)
    ignored = sa.and_(left.is_(None), right.is_(None))
    holds = left >= right if or_equal else left > right
    offends = sa.and_(sa.not_(ignored), sa.not_(sa.func.coalesce(holds, sa.false())))
    counts = (sa.func.count(), sa.func.count().filter(sa.not_(ignored)), sa.func.count().filter(offends))
    return Plan(counts, lambda n: _mapped(int(n[0]), int(n[1]), int(n[2]), mostly_of(kwargs)))


# --- expectations on a column or the table ------------------------------------------------


def _aggregate(function: Callable[[Column], Column]) -> Callable[[Mapping[str, Any], _Context], Plan | None]:
    def plan(kwargs: Mapping[str, Any], context: _Context) -> Plan | None:
        column, bounds = kwargs["column"], bounds_of(kwargs)
        if context.kind(column) not in {"whole", "real"} or bounds is None:
            return None
        return Plan((function(context.value(column)),), lambda n: observed(n[0], bounds))

    return plan


def _distinct(kwargs: Mapping[str, Any], context: _Context, *, share: bool) -> Plan | None:
    column, bounds = kwargs["column"], bounds_of(kwargs)
    # Great Expectations cuts the bounds of a number of values to whole ones.
    if not context.kind(column) or bounds is None or not (share or are_whole(bounds.low, bounds.high)):
        return None
    value = context.value(column)

    def answer(n: Sequence[Any]) -> Answer:
        present = int(n[0])
        distinct, _alone = _different(context, value, present)
        return observed((distinct / present if present else 0) if share else distinct, bounds)

    return Plan((sa.func.count(value),), answer)


def _rows(kwargs: Mapping[str, Any], _context: _Context) -> Plan | None:
    return _counted((sa.func.count(),), kwargs)


def _width(kwargs: Mapping[str, Any], context: _Context) -> Plan | None:
    plan = _counted((), kwargs)
    return plan and Plan((), lambda _n: plan.answer([len(context.table.columns)]))


def _counted(counts: tuple[Column, ...], kwargs: Mapping[str, Any]) -> Plan | None:
    if "value" in kwargs:
        value = kwargs["value"]
        if not are_whole(value):
            return None
        return Plan(counts, lambda n: {"success": int(n[0]) == value, "result": {"observed_value": int(n[0])}})
    bounds = bounds_of(kwargs)
    if bounds is None or not are_whole(bounds.low, bounds.high):
        return None
    return Plan(counts, lambda n: observed(int(n[0]), bounds))


def _exists(kwargs: Mapping[str, Any], context: _Context) -> Plan | None:
    column = kwargs["column"]
    if not isinstance(column, str):
        return None
    return Plan((), lambda _n: {"success": column in context.table.columns, "result": {}})


def _match_set(kwargs: Mapping[str, Any], context: _Context) -> Plan | None:
    wanted, exact = kwargs["column_set"], kwargs.get("exact_match", True)
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted) or not isinstance(exact, bool):
        return None
    there = set(context.table.columns)
    unexpected, missing = sorted(there - set(wanted)), sorted(set(wanted) - there)
    told = {"unexpected": unexpected} if unexpected else {}
    mismatched = told | ({"missing": missing} if missing else {})
    result: dict[str, Any] = {"observed_value": sorted(there)}
    if mismatched:
        result["details"] = {"mismatched": mismatched}
    is_kept = not missing and not (exact and unexpected)
    return Plan((), lambda _n: {"success": is_kept, "result": result})


@dataclass(frozen=True, slots=True)
class _Type:
    plan: Callable[[Mapping[str, Any], _Context], Plan | None]
    required: frozenset[str]
    optional: frozenset[str]

    @property
    def arguments(self) -> frozenset[str]:
        return self.required | self.optional


def _type(
    plan: Callable[[Mapping[str, Any], _Context], Plan | None], required: str = "column", optional: str = ""
) -> _Type:
    return _Type(plan, frozenset(required.split()), frozenset(optional.split()))


_RANGE: Final = "min_value max_value strict_min strict_max"
_TYPES: Final[Mapping[str, _Type]] = {
    "expect_table_row_count_to_equal": _type(_rows, "value"),
    "expect_table_row_count_to_be_between": _type(_rows, "", _RANGE),
    "expect_table_column_count_to_equal": _type(_width, "value"),
    "expect_table_column_count_to_be_between": _type(_width, "", _RANGE),
    "expect_table_columns_to_match_set": _type(_match_set, "column_set", "exact_match"),
    "expect_column_to_exist": _type(_exists),
    "expect_column_values_to_not_be_null": _type(lambda k, c: _nulls(k, c, wanted=False), optional="mostly"),
    "expect_column_values_to_be_null": _type(lambda k, c: _nulls(k, c, wanted=True), optional="mostly"),
    "expect_column_values_to_be_unique": _type(_unique, optional="mostly"),
    "expect_column_values_to_be_between": _type(_between, optional=f"mostly {_RANGE}"),
    "expect_column_values_to_be_in_set": _type(lambda k, c: _set(k, c, inside=True), "column value_set", "mostly"),
    "expect_column_values_to_not_be_in_set": _type(lambda k, c: _set(k, c, inside=False), "column value_set", "mostly"),
    "expect_column_values_to_match_regex": _type(lambda k, c: _regex(k, c, matches=True), "column regex", "mostly"),
    "expect_column_values_to_not_match_regex": _type(
        lambda k, c: _regex(k, c, matches=False), "column regex", "mostly"
    ),
    "expect_column_value_lengths_to_equal": _type(_lengths, "column value", "mostly"),
    "expect_column_value_lengths_to_be_between": _type(_lengths, optional=f"mostly {_RANGE}"),
    "expect_column_pair_values_a_to_be_greater_than_b": _type(_greater, "column_A column_B", "or_equal mostly"),
    "expect_column_mean_to_be_between": _type(_aggregate(sa.func.avg), optional=_RANGE),
    "expect_column_sum_to_be_between": _type(
        _aggregate(lambda value: sa.func.coalesce(sa.func.sum(value), 0)), optional=_RANGE
    ),
    "expect_column_min_to_be_between": _type(_aggregate(sa.func.min), optional=_RANGE),
    "expect_column_max_to_be_between": _type(_aggregate(sa.func.max), optional=_RANGE),
    "expect_column_median_to_be_between": _type(_aggregate(sa.func.median), optional=_RANGE),
    "expect_column_stdev_to_be_between": _type(_aggregate(sa.func.stddev_samp), optional=_RANGE),
    "expect_column_unique_value_count_to_be_between": _type(lambda k, c: _distinct(k, c, share=False), optional=_RANGE),
    "expect_column_proportion_of_unique_values_to_be_between": _type(
        lambda k, c: _distinct(k, c, share=True), optional=_RANGE
    ),
}
