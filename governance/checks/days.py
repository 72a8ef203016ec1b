# SPDX-License-Identifier: Apache-2.0
"""Days of a time column, the same on every source: a time is the day that it is written as.

DuckDB and PostgreSQL write times with a zone in UTC; a text counts by its first ten characters.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


def of(time: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """The day of a time, as an ISO date where it is one."""
    return sa.func.substr(sa.cast(time, sa.Text), 1, 10)


def since(time: sa.ColumnElement[Any], days: int, today: date) -> sa.ColumnElement[bool]:
    """Rows of the last `days` days, `today` included, and rows without a time: those are told, not lost."""
    first = (today - timedelta(days=days - 1)).isoformat()
    return sa.or_(time.is_(None), of(time) >= first)


def read(day: str | None, today: date) -> date | None:
    """The day, or None if it is none or lies in the future."""
    if day is None or not _DAY.fullmatch(day):
        return None
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return None
    return found if found <= today else None
