# SPDX-License-Identifier: Apache-2.0
"""Cubes add up over days, keep their numbers when stored, and hide cells of very few people."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import cubes
from governance.core.cubes import Cell, Cube
from governance.core.groups import count_groups

Row = tuple[tuple[str | int | None, ...], bool | None, bool | None]
KEY = st.tuples(
    st.tuples(st.sampled_from(["f", "m", None]), st.sampled_from([1, 2])),
    st.sampled_from([True, False, None]),
    st.sampled_from([True, False, None]),
)
ROWS = st.lists(KEY, min_size=1, max_size=80)


def cube(rows: list[Row]) -> Cube:
    return Cube(("sex", "class"), tuple(Cell(*key, n, n, n) for key, n in Counter(rows).items()))


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_days_add_up_to_what_one_reading_of_all_days_counts(days: list[list[Row]]) -> None:
    whole = cubes.add([cube([row for day in days for row in day])])
    assert cubes.add(map(cube, days)) == whole
    assert cubes.by_group(cubes.add(map(cube, days)), ["sex"]) == cubes.by_group(whole, ["sex"])


@given(ROWS, st.integers(1, 6))
def test_a_stored_cube_keeps_all_but_small_cells_and_tells_how_many_rows_those_hold(
    rows: list[Row], smallest: int
) -> None:
    told = cube(rows)
    again = cubes.read(json.loads(json.dumps(cubes.content(told, smallest))))
    assert again.rows + again.suppressed == told.rows
    assert all(cell.rows >= smallest for cell in again.cells)
    if smallest == 1:
        assert again == told


@given(ROWS)
def test_a_column_alone_counts_the_same_rows_as_the_crossing(rows: list[Row]) -> None:
    told = cube(rows)
    for columns in (["sex"], ["class"], ["class", "sex"]):
        assert sum(cubes.by_group(told, columns).values()) == len(rows)


def test_columns_are_crossed_up_to_the_depth_that_is_asked_for() -> None:
    assert cubes.crossings(["a", "b", "c"], 2) == [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
    assert cubes.crossings(["a", "b", "c"], 3)[-1] == ("a", "b", "c")


def test_a_group_of_few_heavy_rows_counts_as_its_effective_size() -> None:
    heavy = Cell(("f",), label=True, prediction=True, rows=10, weight=1000.0, square=100_000.0)
    light = Cell(("f",), label=True, prediction=False, rows=1000, weight=1000.0, square=1000.0)
    group = count_groups(cubes.by_group(Cube(("sex",), (heavy, light)), ["sex"]), favourable=True)[0]
    assert float(group.selected.share) == pytest.approx(0.5)
    assert group.selected.n == pytest.approx(2000**2 / 101_000)


def test_no_cubes_add_up_to_an_empty_one() -> None:
    assert cubes.add([]) == Cube((), ())
