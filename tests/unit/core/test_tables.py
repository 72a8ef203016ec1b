# SPDX-License-Identifier: Apache-2.0
"""A table that is old, grew too much or changed its columns is told so; a datasheet is text and never markup."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import tables
from governance.core.tables import ColumnShape, TableShape
from governance.core.terms import NOTHING, Verdict
from governance.policy.tables import TableRules

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULES = TableRules(time="at", fresh_within_hours=24, volume_change=0.5, schema_change=True)
NAMES = st.lists(st.text(max_size=5), unique=True, max_size=6)


def shape(
    rows: int = 100, names: tuple[str, ...] = ("a", "b"), newest: str = "2026-11-20T06:00:00+00:00"
) -> TableShape:
    return TableShape(rows, tuple(ColumnShape(name, "BIGINT", "number", 0) for name in names), newest)


@pytest.mark.parametrize(
    ("newest", "verdict"),
    [
        ("2026-11-20 06:00:00+00", Verdict.PASS),
        ("2026-11-20 21:00:00+09", Verdict.PASS),
        ("2026-11-19T12:00:00", Verdict.PASS),
        ("2026-11-19T11:59:59", Verdict.FAIL),
        ("2026-11-21 11:00:00", Verdict.PASS),
        ("2026-11-22 12:00:00", Verdict.ERROR),
        ("yesterday", Verdict.INSUFFICIENT),
        ("", Verdict.INSUFFICIENT),
    ],
)
def test_freshness_is_told_by_the_clock_and_no_time_is_no_pass(newest: str, verdict: Verdict) -> None:
    seen = tables.judge(shape(newest=newest), shape(), RULES, now=NOW)[0][0]
    assert (seen.name, seen.verdict) == ("hours_since_newest_row", verdict)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_volume_counts_up_and_down_against_the_approved_data(rows: int, before: int) -> None:
    found = {seen.name: seen for seen in tables.judge(shape(rows), shape(before), RULES, now=NOW)[0]}["volume_change"]
    if not before:
        assert found.verdict is Verdict.INSUFFICIENT
    else:
        assert (found.verdict is Verdict.PASS) is (abs(rows - before) / before <= 0.5)


@given(NAMES, NAMES)
def test_every_changed_column_is_counted_and_none_is_for_the_same_ones(before: list[str], now: list[str]) -> None:
    seen = {one.name: one for one in tables.judge(shape(9, tuple(now)), shape(9, tuple(before)), RULES, now=NOW)[0]}
    changed = set(before) ^ set(now)
    assert seen["schema_change"].value == len(changed)
    assert (seen["schema_change"].verdict is Verdict.PASS) is (not changed)


def test_a_column_of_another_kind_is_named() -> None:
    text = TableShape(100, (ColumnShape("a", "VARCHAR", "word", 0), ColumnShape("b", "BIGINT", "number", 0)))
    seen = {one.name: one for one in tables.judge(text, shape(), RULES, now=NOW)[0]}["schema_change"]
    assert seen.detail.en == "of another kind: 'a'"


def test_without_an_approved_version_nothing_is_compared_and_that_is_said() -> None:
    seen, note = tables.judge(shape(), None, RULES, now=NOW)
    assert [one.name for one in seen] == ["hours_since_newest_row"]
    assert "no approved version" in note.en
    assert tables.judge(shape(), None, TableRules(), now=NOW) == ((), NOTHING)


@given(st.text(max_size=30))
def test_hostile_names_stay_in_their_cell(name: str) -> None:
    sheet = tables.datasheet(shape(names=(name,)), {name: name}, ())
    rows = [line for line in sheet.splitlines() if line.startswith("|")]
    assert len(sheet.splitlines()) == len(tables.datasheet(shape(names=("a",)), {"a": "a"}, ()).splitlines())
    for row in rows:
        assert row.replace("\\\\", "").replace("\\|", "").count("|") in {3, 5}
    assert "| \\<script\\> |" in tables.datasheet(shape(names=("<script>",)), {}, ())


def test_a_shape_is_read_as_it_was_written() -> None:
    assert TableShape.read(shape().content()) == shape()
