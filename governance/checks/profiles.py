# SPDX-License-Identifier: Apache-2.0
"""Count columns in fixed bins where the rows are: quantiles of a reference once, then the same bins every time.

Quantiles are found by zooming: a histogram of equal bins, and again within the bins that hold too much, until none
does. Each pass is one group-by over one column, so memory does not depend on the number of rows, the result is the
same every time, and every source can do it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from governance.checks import days
from governance.core.drift import FINE, Profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from governance.core.evaluation import EvaluationTable

_LARGEST: Final = 1.7976931348623157e308
_CATEGORIES: Final = 50
_FEWEST: Final = 5
"""A value that fewer rows have is no category: it may name a person."""
_GRID: Final = 1024
_ZOOMS: Final = 8
_NUMERIC: Final = ("INT", "DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMERIC")
_WORDS: Final = ("VARCHAR", "TEXT", "CHAR", "BOOL", "STRING", "ENUM")


@dataclass(frozen=True, slots=True)
class Days:
    """Which rows count, and to which window they belong: 0 for the newest."""

    time: str
    length: int
    windows: int
    today: date

    def window(self, day: str | None) -> int | None:
        """The window of a day; None if it belongs to none."""
        read = days.read(day, self.today)
        if read is None:
            return None
        found = (self.today - read).days // self.length
        return found if found < self.windows else None

    def last(self, window: int) -> date:
        """The last day of a window."""
        return self.today - timedelta(days=window * self.length)


def kind(declared: str) -> str | None:
    """`number` or `word` for what can be profiled; None for times, blobs, lists and the like."""
    name = declared.upper()
    if "[]" in name or "(" in name.split("DECIMAL")[0].split("NUMERIC")[0].split("CHAR")[0].split("ENUM")[0]:
        return None
    if any(part in name for part in _WORDS):
        return "word"
    return "number" if any(part in name for part in _NUMERIC) and "INTERVAL" not in name else None


def profile(table: EvaluationTable, column: str, bins: int) -> Profile | None:
    """The bins of one column with its own rows counted in them.

    Returns:
        None if the column says nothing: of no kind that can be profiled, or of text that hardly ever repeats, as
        identifiers do.

    Raises:
        CheckNotRunError, SourceUnavailableError: as `EvaluationTable.fetch`.
    """
    found = kind(table.columns[column])
    if found is None:
        return None
    empty = _numeric(table, column, bins) if found == "number" else _categorical(table, column)
    return empty and count(table, [empty])[column][0]


def count(table: EvaluationTable, profiles: Iterable[Profile], windows: Days | None = None) -> dict[str, list[Profile]]:
    """The rows of a table in the bins of `profiles`: one group-by per column, and one number per bin comes back.

    Args:
        table: has the columns.
        profiles: give the bins.
        windows: with it, one profile per window, the newest first; else one.
    """
    return {one.column: _count(table, one, windows) for one in profiles}


def undated(table: EvaluationTable, windows: Days) -> int:
    """Rows that have no time, or one in the future."""
    time = table.rows.c[windows.time]
    day = days.of(time).label("day")
    statement = sa.select(day, sa.func.count()).where(days.since(time, windows.length * windows.windows, windows.today))
    return sum(int(n) for told, n in table.fetch(statement.group_by("day")) if days.read(told, windows.today) is None)


def _count(table: EvaluationTable, bins: Profile, windows: Days | None) -> list[Profile]:
    cell = (_binned(table, bins) if bins.categories is None else _named(table, bins)).label("cell")
    if windows is None:
        rows = [(0, *row) for row in table.fetch(sa.select(cell, sa.func.count()).group_by("cell"))]
        return _fill(bins, rows, 1)
    time = table.rows.c[windows.time]
    day = days.of(time).label("day")
    statement = sa.select(day, cell, sa.func.count()).group_by("day", "cell")
    told = table.fetch(statement.where(days.since(time, windows.length * windows.windows, windows.today)))
    dated = ((windows.window(day), cell, n) for day, cell, n in told)
    return _fill(bins, [(window, cell, n) for window, cell, n in dated if window is not None], windows.windows)


def _fill(bins: Profile, rows: Iterable[tuple[int, Any, int]], windows: int) -> list[Profile]:
    counts: list[Counter[int]] = [Counter() for _ in range(windows)]
    for window, cell, n in rows:
        counts[window][int(cell)] += int(n)
    return [bins.counted([found[cell] for cell in range(len(bins.counts))]) for found in counts]


def _binned(table: EvaluationTable, bins: Profile) -> sa.ColumnElement[int]:
    """The cell of a number, by halving: as many comparisons as the logarithm of the bins."""
    value, last = _value(table, bins.column), len(bins.edges)
    return sa.case((_is_finite(value), _halved(value, bins.edges, 0, last)), else_=last + 1)


def _halved(value: sa.ColumnElement[Any], edges: Sequence[float], low: int, high: int) -> sa.ColumnElement[int]:
    if low == high:
        return sa.literal_column(str(low))
    middle = (low + high) // 2
    edge: sa.ColumnElement[float] = sa.literal_column(repr(float(edges[middle])))
    return sa.case((value <= edge, _halved(value, edges, low, middle)), else_=_halved(value, edges, middle + 1, high))


def _named(table: EvaluationTable, bins: Profile) -> sa.ColumnElement[int]:
    """The cell of a word: its place among the categories, one for all others, one for none."""
    text = sa.cast(table.rows.c[bins.column], sa.Text)
    names = bins.categories or ()
    cells = {name: place for place, name in enumerate(names)}
    known = sa.case(cells, value=text, else_=len(names)) if cells else sa.literal(len(names))
    return sa.case((text.is_(None), len(names) + 1), else_=known)


def _value(table: EvaluationTable, column: str) -> sa.ColumnElement[Any]:
    """The column as a number. SQLite would take text for 0, and compares it as larger than any number."""
    raw: sa.ColumnElement[Any] = table.rows.c[column]
    return raw if "sqlite" in table.engines else sa.cast(raw, sa.Double)


def _is_finite(value: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Neither NULL nor infinite; DuckDB and PostgreSQL hold NaN for larger than anything."""
    bound: sa.ColumnElement[float] = sa.literal_column(repr(_LARGEST))
    return sa.and_(value.is_not(None), value >= -bound, value <= bound)


def _numeric(table: EvaluationTable, column: str, bins: int) -> Profile:
    value = _value(table, column)
    found = table.fetch(sa.select(sa.func.min(value), sa.func.max(value), sa.func.count()).where(_is_finite(value)))
    low, high, n = found[0]
    if not n:
        return Profile(column, (0, 0))
    histogram = _zoom(table, value, (float(low), float(high)), int(n), bins * FINE)
    edges = _edges(histogram, int(n), bins * FINE)
    coarse = _coarse(edges, histogram, int(n), bins)
    return Profile(column, (0,) * (len(edges) + 2), edges, coarse)


def _zoom(
    table: EvaluationTable, value: sa.ColumnElement[Any], bounds: tuple[float, float], n: int, wanted: int
) -> dict[float, int]:
    """Upper edge -> rows, with no bin that holds more than half a wanted one unless it is a single value."""
    fine: dict[float, int] = {}
    crowded = [bounds]
    for _ in range(_ZOOMS):
        following: list[tuple[float, float]] = []
        for low, high in crowded:
            for (start, end), rows in _histogram(table, value, low, high).items():
                if rows > n / (2 * wanted) and _can_split(start, end) and (start, end) != (low, high):
                    following.append((start, end))
                else:
                    fine[end] = fine.get(end, 0) + rows
        crowded = following
    for low, high in crowded:
        for (_start, end), rows in _histogram(table, value, low, high).items():
            fine[end] = fine.get(end, 0) + rows
    return fine


def _can_split(low: float, high: float) -> bool:
    return low + (high - low) / _GRID > low and high > low


def _histogram(
    table: EvaluationTable, value: sa.ColumnElement[Any], low: float, high: float
) -> dict[tuple[float, float], int]:
    """Smallest and largest value of each occupied bin -> rows; all of them within [low, high]."""
    width = high / _GRID - low / _GRID
    inside = sa.and_(_is_finite(value), value >= _number(low), value <= _number(high))
    place = sa.func.floor((value - _number(low)) / _number(width)) if width > 0 else sa.literal(0)
    cell = place.label("cell")
    statement = sa.select(cell, sa.func.min(value), sa.func.max(value), sa.func.count()).where(inside)
    rows = table.fetch(statement.group_by("cell"))
    return {(float(smallest), float(largest)): int(n) for _cell, smallest, largest, n in rows}


def _number(value: float) -> sa.ColumnElement[float]:
    return sa.literal(value, sa.Double)


def _edges(histogram: Mapping[float, int], n: int, wanted: int) -> tuple[float, ...]:
    """The upper edges at the quantiles, each once, without the largest value."""
    ends, sums, total = sorted(histogram), [], 0
    for end in ends:
        total += histogram[end]
        sums.append(total)
    places = (bisect_left(sums, math.ceil(n * part / wanted)) for part in range(1, wanted))
    return tuple(sorted({ends[place] for place in places if place < len(ends) - 1}))


def _coarse(edges: Sequence[float], histogram: Mapping[float, int], n: int, bins: int) -> tuple[int, ...]:
    """The positions among `edges` of those at the coarse quantiles."""
    wanted = _edges(histogram, n, bins)
    return tuple(bisect_left(edges, edge) for edge in wanted)


def _categorical(table: EvaluationTable, column: str) -> Profile | None:
    text = sa.cast(table.rows.c[column], sa.Text).label("word")
    n = sa.func.count().label("n")
    rows = table.fetch(
        sa.select(text, n).where(text.is_not(None)).group_by("word").order_by(n.desc(), "word").limit(_CATEGORIES)
    )
    names = tuple(str(word) for word, seen in rows if int(seen) >= _FEWEST)
    present = int(table.fetch(sa.select(sa.func.count(table.rows.c[column])))[0][0])
    if present and sum(int(seen) for _word, seen in rows) < present / 2:
        return None
    return Profile(column, (0,) * (len(names) + 2), categories=names)
