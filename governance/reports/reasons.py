# SPDX-License-Identifier: Apache-2.0
"""Why a gate said what it said, as a printed line that no foreign name can break or hide figures from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from governance.core import wording
from governance.core.terms import Words
from governance.reports.style import NO_TONE, tone

if TYPE_CHECKING:
    from governance.core.terms import Observation, Reason
    from governance.reports.style import Style

_PART: Final = 120
"""Characters of a name inside a line."""
_COMPARISONS: Final = frozenset({">=", "<=", "=="})


def row(reason: Reason, style: Style) -> dict[str, str]:
    """A reason as its tone, its line and the day it dates from, unless the line names it."""
    line = _line(reason, style)
    since = style.iso(reason.at.astimezone(style.zone).date()) if reason.at else ""
    return {
        "text": line,
        "tone": NO_TONE if reason.exempt else tone(reason.verdict),
        "since": "" if since in line else since,
    }


def _line(reason: Reason, style: Style) -> str:
    """Beside figures, foreign parts are guarded one by one: cutting the finished line could lose the figures."""
    if reason.observation is None:
        return style.text(wording.reason_line(reason, style.language))
    check = style.text(wording.check_name(reason.check, style.language), _PART)
    return wording.reason_line(
        replace(reason, check=check, observation=_observation(reason.observation, style)), style.language
    )


def _observation(observation: Observation, style: Style) -> Observation:
    """Names are put into words first: a guarded one is no longer recognised."""
    return replace(
        observation,
        name=style.text(wording.observed(observation.name, style.language), _PART),
        slice=style.text(observation.slice, _PART),
        comparison=observation.comparison if observation.comparison in _COMPARISONS else "",
        detail=_same(style.text(observation.detail.in_(style.language))),
    )


def _same(text: str) -> Words:
    """Guarded for one language already."""
    return Words(text, text)
