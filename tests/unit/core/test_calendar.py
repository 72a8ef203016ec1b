# SPDX-License-Identifier: Apache-2.0
"""Months, business days and committee dates in Tokyo."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.calendar import (
    Month,
    business_days,
    day_start,
    meeting_day,
    month_of,
    newest_due,
    pack_due,
    parse_month,
)
from governance.errors import PolicyError
from governance.policy import Meeting
from governance.runtime import business_days as open_days
from tests import factories

TOKYO = ZoneInfo("Asia/Tokyo")
IS_OPEN = open_days(factories.shipped())
MONTHS = st.builds(Month, st.integers(2020, 2035), st.integers(1, 12))
MEETINGS = st.integers(2, 20).flatmap(
    lambda nth: st.builds(
        Meeting,
        business_day=st.just(nth),
        pack_lead_business_days=st.integers(1, min(10, nth - 1)),
        hour=st.integers(0, 23),
    )
)
MOMENTS = st.datetimes(datetime(2020, 3, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone given


def test_october_ends_in_tokyo_nine_hours_before_it_ends_in_utc() -> None:
    end = Month(2026, 10).end(TOKYO)
    assert end == datetime(2026, 10, 31, 14, 59, 59, 999999, tzinfo=UTC)
    assert month_of(end, TOKYO) == Month(2026, 10)
    assert month_of(end + timedelta(microseconds=1), TOKYO) == Month(2026, 11)


def test_a_leap_february_has_29_days() -> None:
    february = Month(2028, 2)
    assert february.next.start(TOKYO) - february.start(TOKYO) == timedelta(days=29)


@given(MONTHS)
def test_next_and_previous_undo_each_other(month: Month) -> None:
    assert month.next.previous == month == month.previous.next
    assert month.previous < month < month.next
    assert parse_month(str(month)) == month


@pytest.mark.parametrize("text", ["", "2026-13", "2026-1", "2026-10-01", "october", "0000-01", "9999-12", " 2026-10"])
def test_what_is_no_month_is_refused_with_the_form_wanted(text: str) -> None:
    with pytest.raises(PolicyError, match="YYYY-MM"):
        parse_month(text)


def test_golden_week_and_new_year_are_closed() -> None:
    assert [day.day for day, _ in zip(business_days(date(2026, 5, 1), 1, IS_OPEN), range(3), strict=False)] == [1, 7, 8]
    days = business_days(date(2026, 12, 28), 1, IS_OPEN)
    assert [next(days) for _ in range(2)] == [date(2026, 12, 28), date(2027, 1, 4)]


@given(MONTHS, MEETINGS)
def test_a_pack_is_due_after_its_month_ended_and_before_the_committee_meets(month: Month, meeting: Meeting) -> None:
    due = pack_due(month, meeting, IS_OPEN, TOKYO)
    assert due > month.end(TOKYO)
    assert due.astimezone(TOKYO).date() < meeting_day(month, meeting, IS_OPEN)
    assert IS_OPEN(due.astimezone(TOKYO).date())


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=90)), MEETINGS)
def test_the_newest_month_due_is_due_and_never_goes_back(moment: datetime, later: timedelta, meeting: Meeting) -> None:
    newest = newest_due(moment, meeting, IS_OPEN, TOKYO)
    assert pack_due(newest, meeting, IS_OPEN, TOKYO) <= moment < pack_due(newest.next, meeting, IS_OPEN, TOKYO)
    assert newest_due(moment + later, meeting, IS_OPEN, TOKYO) >= newest


@given(MOMENTS)
def test_a_day_starts_at_midnight_in_tokyo(moment: datetime) -> None:
    start = day_start(moment, TOKYO)
    assert timedelta(0) <= moment - start < timedelta(days=1)
    assert start.astimezone(TOKYO).hour == 0
