# SPDX-License-Identifier: Apache-2.0
"""Count columns in fixed bins where the rows are: quantiles of a reference once, then the same bins every time.

Quantiles are found by zooming: a histogram of equal bins, and again within the bins that hold too much, until none
does. Each pass is one group-by over one column, so memory does not depend on the number of rows, the result is the
same every time, and every source can do it. A value that a whole bin's worth of rows share is a bin of its own, so
that a constant, a flag or a surplus of zeros is seen to move to whichever side it does.
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
from governance.core.evaluation import EvaluationTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


_Present = dict[str | None, tuple[int, dict[str, int]]]

_LARGEST: Final = 1.7976931348623157e308
_CATEGORIES: Final = 50
_FEWEST: Final = 5
"""A value that fewer rows have is no category: it may name a person."""
_GRID: Final = 1024
_ZOOMS: Final = 64
"""Most columns need two or three. Each divides what is crowded by 1,024, or peels off what lies far out."""
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
    wanted, by = list(profiles), _By(table, windows)
    present = _present(by, [one.column for one in wanted if one.categories is not None])
    return {one.column: _count(one, by, present) for one in wanted}


def undated(table: EvaluationTable, windows: Days) -> int:
    """Rows that have no time, or one in the future."""
    time = table.rows.c[windows.time]
    day = days.of(time).label("day")
    statement = sa.select(day, sa.func.count()).where(days.since(time, windows.length * windows.windows, windows.today))
    return sum(int(n) for told, n in table.fetch(statement.group_by("day")) if days.read(told, windows.today) is None)


def _count(bins: Profile, by: _By, present: _Present) -> list[Profile]:
    windows = by.windows
    counted = _numbers(bins, by) if bins.categories is None else _words(bins, by, present)
    found: list[Counter[int]] = [Counter() for _ in range(windows.windows if windows else 1)]
    for day, cell, n in counted:
        window = windows.window(day) if windows else 0
        if window is not None:
            found[window][cell] += n
    return [bins.counted([counts[cell] for cell in range(len(bins.counts))]) for counts in found]


def _present(by: _By, columns: Sequence[str]) -> _Present:
    """Day -> rows, and how many of them have a value in each column; one statement for all columns."""
    if not columns:
        return {}
    counts = [sa.func.count(by.table.rows.c[column]) for column in columns]
    return {
        day: (int(n), dict(zip(columns, map(int, told), strict=True)))
        for day, n, *told in by.table.fetch(by.select(sa.func.count(), *counts))
    }


@dataclass(frozen=True, slots=True)
class _By:
    """Every statement counts by day, which is one and the same where there are no windows."""

    table: EvaluationTable
    windows: Days | None

    def select(self, *what: sa.ColumnElement[Any]) -> sa.Select[*tuple[Any, ...]]:
        if self.windows is None:
            return sa.select(sa.literal("").label("day"), *what).select_from(self.table.rows).group_by("day")
        time, length = self.table.rows.c[self.windows.time], self.windows.length * self.windows.windows
        statement = sa.select(days.of(time).label("day"), *what).group_by("day")
        return statement.where(days.since(time, length, self.windows.today))


def _numbers(bins: Profile, by: _By) -> Iterator[tuple[str | None, int, int]]:
    table = by.table
    value, last = _value(table, bins.column), len(bins.edges)
    finite = _is_finite(value)
    if "duckdb" in table.engines and bins.edges:
        # One binary search per row, twice as fast as a CASE; the last bin is keyed by infinity.
        edges: sa.ColumnElement[Any] = sa.literal_column(f"[{', '.join(map(_written, bins.edges))}]")
        histogram = sa.func.histogram(value, edges).filter(finite)
        for day, counts, n in table.fetch(by.select(histogram, sa.func.count())):
            cells = {bisect_left(bins.edges, edge): int(rows) for edge, rows in (counts or {}).items()}
            yield from ((day, cell, rows) for cell, rows in cells.items())
            yield day, last + 1, int(n) - sum(cells.values())
        return
    cell = sa.case((finite, _halved(value, bins.edges, (0, last), _whole)), else_=last + 1).label("cell")
    for day, place, n in table.fetch(by.select(cell, sa.func.count()).group_by("cell")):
        yield day, int(place), int(n)


def _halved(
    value: sa.ColumnElement[Any],
    edges: Sequence[float],
    between: tuple[int, int],
    leaf: Callable[[int], sa.ColumnElement[Any]],
) -> sa.ColumnElement[Any]:
    """Of the bin that a value is in: as many comparisons as the logarithm of their number."""
    low, high = between
    if low == high:
        return leaf(low)
    middle = (low + high) // 2
    edge: sa.ColumnElement[float] = sa.literal_column(_written(edges[middle]))
    return sa.case(
        (value <= edge, _halved(value, edges, (low, middle), leaf)),
        else_=_halved(value, edges, (middle + 1, high), leaf),
    )


def _written(number: float) -> str:
    """A double as SQL writes it."""
    return f"CAST('{number!r}' AS DOUBLE PRECISION)"


def _words(bins: Profile, by: _By, present: _Present) -> Iterator[tuple[str | None, int, int]]:
    text, names = sa.cast(by.table.rows.c[bins.column], sa.Text), bins.categories or ()
    places = {name: place for place, name in enumerate(names)}
    named: Counter[str | None] = Counter()
    if names:
        known = by.select(text.label("word"), sa.func.count()).where(text.in_([sa.literal(name) for name in names]))
        for day, word, n in by.table.fetch(known.group_by("word")):
            named[day] += int(n)
            yield day, places[word], int(n)
    for day, (n, told) in present.items():
        yield day, len(names), told[bins.column] - named[day]
        yield day, len(names) + 1, n - told[bins.column]


def _value(table: EvaluationTable, column: str) -> sa.ColumnElement[Any]:
    """The column as a number. SQLite would take text for 0, and compares it as larger than any number.

    A CSV with an infinite value is read as text: there, what is no number is missing.
    """
    raw: sa.ColumnElement[Any] = table.rows.c[column]
    if "duckdb" in table.engines and kind(table.columns[column]) == "word":
        return sa.Function("try", sa.cast(raw, sa.Double))
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
    zoomed = _zoom(table, value, (float(low), float(high)), int(n), bins * FINE)
    edges = sorted(_edges(zoomed, int(n), bins * FINE) | _edges(zoomed, int(n), bins))
    coarse = tuple(bisect_left(edges, edge) for edge in sorted(_edges(zoomed, int(n), bins)))
    return Profile(column, (0,) * (len(edges) + 2), tuple(edges), coarse)


def _zoom(
    table: EvaluationTable, value: sa.ColumnElement[Any], bounds: tuple[float, float], n: int, wanted: int
) -> dict[tuple[float, float], int]:
    """Smallest and largest value -> rows: equal bins, and equal bins again within those that hold more than half a wanted one."""
    fine: Counter[tuple[float, float]] = Counter()
    crowded = [bounds]
    for zoom in range(_ZOOMS):
        found = _histogram(table, value, crowded)
        is_last = zoom == _ZOOMS - 1
        split = {ends for ends, rows in found.items() if rows > n / (2 * wanted) and ends[0] < ends[1]} - set(crowded)
        crowded = [] if is_last else sorted(split)
        for ends, rows in found.items():
            if ends not in crowded:
                fine[ends] += rows
        if not crowded:
            break
    return fine


def _histogram(
    table: EvaluationTable, value: sa.ColumnElement[Any], crowded: Sequence[tuple[float, float]]
) -> dict[tuple[float, float], int]:
    """Smallest and largest value of each occupied bin -> rows; all of them within the crowded intervals."""

    def place(interval: int) -> sa.ColumnElement[Any]:
        low, high = crowded[interval]
        start, width = _whole(interval * 2 * _GRID), high / _GRID - low / _GRID
        return start + sa.func.floor((value - _number(low)) / _number(width)) if width > 0 else start

    edges = [high for _low, high in crowded[:-1]]
    inside = sa.or_(*(value.between(_number(low), _number(high)) for low, high in crowded))
    cell = _halved(value, edges, (0, len(edges)), place).label("cell")
    statement = sa.select(cell, sa.func.min(value), sa.func.max(value), sa.func.count()).select_from(table.rows)
    rows = table.fetch(statement.where(_is_finite(value), inside).group_by("cell"))
    return {(float(smallest), float(largest)): int(n) for _cell, smallest, largest, n in rows}


def _number(value: float) -> sa.ColumnElement[Any]:
    return sa.literal(value, sa.Double)


def _whole(value: int) -> sa.ColumnElement[Any]:
    return sa.literal_column(str(value))


def _edges(histogram: Mapping[tuple[float, float], int], n: int, wanted: int) -> set[float]:
    """The upper edges at the quantiles, without the largest value, and both edges of values as common as a bin."""
    found, sums, total = sorted(histogram), [], 0
    for ends in found:
        total += histogram[ends]
        sums.append(total)
    places = (bisect_left(sums, math.ceil(n * part / wanted)) for part in range(1, wanted))
    quantiles = {found[place][1] for place in places if place < len(found) - 1}
    common = {low for (low, high), rows in histogram.items() if low == high and rows * wanted >= n}
    return quantiles | common | {math.nextafter(value, -math.inf) for value in common}


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
