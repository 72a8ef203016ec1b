# SPDX-License-Identifier: Apache-2.0
"""Periods, business days and committee dates, in the company's own time zone (CMT)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from governance.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from governance.policy import Meeting

IsOpen = Callable[[date], bool]
"""Whether a day is a business day."""

_PERIOD = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month: the period of a committee pack."""

    year: int
    month: int

    def __str__(self) -> str:
        """Write it as `2026-10`."""
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def next(self) -> Month:
        """The month after."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def previous(self) -> Month:
        """The month before."""
        return Month(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    def start(self, zone: ZoneInfo) -> datetime:
        """Its first moment, in UTC."""
        return datetime(self.year, self.month, 1, tzinfo=zone).astimezone(UTC)

    def end(self, zone: ZoneInfo) -> datetime:
        """Its last moment, in UTC: a microsecond before the next month starts."""
        return self.next.start(zone) - timedelta(microseconds=1)


def parse_month(text: str) -> Month:
    """Read `2026-10`.

    Raises:
        PolicyError: it is not a month written so.
    """
    match = _PERIOD.fullmatch(text)
    if match is None or not 1970 <= int(match[1]) <= 9998:  # noqa: PLR2004 - what datetime can tell apart in every zone
        raise PolicyError(f"period {text!r} is not a month", hint="Write it as YYYY-MM, for example 2026-10.")
    return Month(int(match[1]), int(match[2]))


def month_of(moment: datetime, zone: ZoneInfo) -> Month:
    """The month that a moment falls in, in the company's time zone."""
    local = moment.astimezone(zone)
    return Month(local.year, local.month)


def moment(text: str, zone: ZoneInfo) -> datetime:
    """The moment that a person means: an ISO moment (local if it names no offset), or the end of an ISO day.

    Raises:
        PolicyError: it is neither.
    """
    try:
        if len(text) == len("2026-10-31"):
            return datetime.combine(date.fromisoformat(text), time.max, zone).astimezone(UTC)
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise PolicyError(f"{text!r} is no moment", hint="Write 2026-10-31, or 2026-10-31T17:00+09:00.") from error
    return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)


def day_start(moment: datetime, zone: ZoneInfo) -> datetime:
    """The first moment of the local day that `moment` falls in, in UTC."""
    return datetime.combine(moment.astimezone(zone).date(), time(), zone).astimezone(UTC)


def business_days(start: date, step: int, is_open: IsOpen) -> Iterator[date]:
    """The business days from `start` on (included), forward (step 1) or backward (-1)."""
    day = start
    while True:
        if is_open(day):
            yield day
        day += timedelta(days=step)


def meeting_day(reported: Month, meeting: Meeting, is_open: IsOpen) -> date:
    """The day on which the committee discusses a month: the n-th business day of the next one."""
    days = business_days(date(reported.next.year, reported.next.month, 1), 1, is_open)
    return _nth(days, meeting.business_day)


def pack_due(reported: Month, meeting: Meeting, is_open: IsOpen, zone: ZoneInfo) -> datetime:
    """The moment at which a month's pack is built: so many business days before the meeting, in UTC."""
    before = business_days(meeting_day(reported, meeting, is_open) - timedelta(days=1), -1, is_open)
    day = _nth(before, meeting.pack_lead_business_days)
    return datetime.combine(day, time(meeting.hour), zone).astimezone(UTC)


def newest_due(moment: datetime, meeting: Meeting, is_open: IsOpen, zone: ZoneInfo) -> Month:
    """The newest month whose pack is due by `moment`."""
    month = month_of(moment, zone).previous
    while pack_due(month, meeting, is_open, zone) > moment:  # twice where a month has few business days
        month = month.previous
    return month


def _nth(days: Iterator[date], n: int) -> date:
    for _ in range(n - 1):
        next(days)
    return next(days)
