# SPDX-License-Identifier: Apache-2.0
"""Whether a document or an artefact is young enough, told by a day that somebody wrote down."""

from __future__ import annotations

from datetime import date

from governance.core.terms import Observation, Verdict, Words

_YOUNG = Words("期限内", "in time")


def of_text(name: str, told: str, max_age_days: int, today: date) -> Observation:
    """Judge a day written as YYYY-MM-DD, the value of tag `name`.

    Args:
        name: of the tag, for the remedy.
        told: its value; blank or absent gives `not_run`, anything but a day `error`.
        max_age_days: how old it may be, in days.
        today: in the company's time zone.

    Returns:
        An observation in days; see `of_day`.
    """
    if not told.strip():
        text = Words(
            f"いつのものか分からない。タグ {name} に日付 (YYYY-MM-DD) を書く",
            f"nobody says how old it is; set the tag {name} to a day (YYYY-MM-DD)",
        )
        return Observation(name, limit=max_age_days, comparison="<=", verdict=Verdict.NOT_RUN, detail=text)
    try:
        day = date.fromisoformat(told.strip())
    except ValueError:
        text = Words(
            f"{told[:40]!r} は日付でない。タグ {name} に YYYY-MM-DD で書く",
            f"{told[:40]!r} is no day; write YYYY-MM-DD in the tag {name}",
        )
        return Observation(name, limit=max_age_days, comparison="<=", verdict=Verdict.ERROR, detail=text)
    return of_day(name, day, max_age_days, today)


def of_day(name: str, day: date, max_age_days: int, today: date) -> Observation:
    """Judge an age in days: `pass` up to the limit, `fail` beyond; a day to come is an `error`."""
    age = (today - day).days
    if age < 0:
        verdict, text = Verdict.ERROR, Words(f"日付 {day} が未来", f"{day} is still to come")
    elif age > max_age_days:
        verdict, text = Verdict.FAIL, Words(f"日付 {day}、見直す", f"from {day}; review it and set the day anew")
    else:
        verdict, text = Verdict.PASS, _YOUNG
    return Observation(name, value=age, limit=max_age_days, comparison="<=", verdict=verdict, detail=text)
