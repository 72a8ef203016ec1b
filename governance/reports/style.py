# SPDX-License-Identifier: Apache-2.0
"""How one edition of a pack prints names, moments and figures: in its language, font and time zone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from governance.core import wording
from governance.core.terms import GateVerdict, Light, Verdict
from governance.reports.text import LIMIT, guard

if TYPE_CHECKING:
    from datetime import date, datetime
    from enum import StrEnum

    from governance.core.terms import Words
    from governance.policy import Text

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
NO_TONE: Final = "plain"
"""Neither good nor bad nor unknown: it does not apply, or only informs."""
_GATES: Final = {GateVerdict.PASS: Light.GREEN, GateVerdict.PENDING: Light.AMBER, GateVerdict.BLOCK: Light.RED}
_TONES: Final = {
    Verdict.PASS: Light.GREEN,
    Verdict.WARN: Light.AMBER,
    Verdict.FAIL: Light.RED,
}
_EXACT: Final = 1e-9
_SHORT: Final = 12
"""Digits of a digest that people compare."""


@dataclass(frozen=True, slots=True)
class Style:
    """One language, one font, one time zone."""

    language: str
    charset: frozenset[int]
    zone: ZoneInfo

    def say(self, ja: str, en: str) -> str:
        """Our own words, in the language of this edition."""
        return ja if self.language == "ja" else en

    def text(self, foreign: str, limit: int = LIMIT) -> str:
        """Anything that somebody else wrote."""
        return guard(foreign, self.charset, limit=limit)

    def words(self, words: Words) -> str:
        """What a fact says, in the pack's language."""
        return self.text(words.in_(self.language))

    def name(self, text: Text | None) -> str:
        """A label from the policy, or that there is none."""
        return self.text(text.in_(self.language)) if text else self.say("未定", "None")

    def label(self, member: StrEnum) -> str:
        """A member of an enum as it stands in a table."""
        word = wording.label(member, self.language)
        return word[:1].upper() + word[1:]

    def chip(self, member: StrEnum) -> dict[str, str]:
        """A verdict or a light: its word and its tone."""
        return {"word": self.label(member), "tone": tone(member)}

    def day(self, day: date) -> str:
        """A day, in full."""
        return self.say(
            f"{day.year}年{day.month}月{day.day}日",
            f"{day.day} {_MONTHS[day.month - 1]} {day.year}",
        )

    def moment(self, at: datetime | None) -> str:
        """A moment in the company's time, to the minute."""
        if at is None:
            return self.say("不明", "Unknown")
        local = at.astimezone(self.zone)
        return f"{self.day(local)} {local:%H:%M} {self.text(local.tzname() or self.zone.key)}"

    def digest(self, digest: str) -> str:
        """A digest, short."""
        return self.text(digest[:_SHORT])

    def iso(self, day: date) -> str:
        """A day in a narrow column."""
        return day.isoformat()

    def month(self, period: str) -> str:
        """`2026-10` in words."""
        year, _, month = period.partition("-")
        return self.say(f"{year}年{int(month)}月", f"{_MONTHS[int(month) - 1]} {year}")

    def figure(self, value: float | None, unit: str) -> str:
        """A KPI's value: a share in percent, a count as it is."""
        if value is None or math.isnan(value):
            return self.say("不明", "Unknown")
        if unit == "share":
            return f"{wording.figure(100 * value, 1)}%"
        whole = math.isinf(value) or abs(value - round(value)) < _EXACT
        return wording.figure(value, 0 if whole else 1)


def tone(member: StrEnum) -> str:
    """The colour of a verdict or light; what nobody knows is grey, never green."""
    if isinstance(member, Light):
        return member.value
    if isinstance(member, GateVerdict):
        return _GATES[member].value
    return (_TONES.get(member, Light.GREY) if isinstance(member, Verdict) else Light.GREY).value
