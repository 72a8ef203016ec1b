# SPDX-License-Identifier: Apache-2.0
"""Why a gate said what it said, as a printed line that no foreign name can break or hide figures from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from governance.core import wording
from governance.reports.style import NO_TONE, tone

if TYPE_CHECKING:
    from governance.core.terms import Observation, Reason
    from governance.reports.style import Style

_SLICE: Final = 120
"""Characters of a name inside a line."""
_EXEMPT: Final = "exempt: "


def row(reason: Reason, style: Style) -> dict[str, str]:
    """Foreign parts are guarded one by one: cutting the finished line could lose its figures."""
    fit = replace(
        reason,
        check=style.text(reason.check),
        text=_guarded_text(reason.text, style),
        observation=_observation(reason.observation, style) if reason.observation else None,
    )
    exempt = reason.text.startswith(_EXEMPT) and reason.observation is None
    return {
        "text": wording.reason_line(fit, style.language),
        "tone": NO_TONE if exempt else tone(reason.verdict),
        "since": style.iso(reason.at.astimezone(style.zone).date()) if reason.at else "",
    }


def _guarded_text(text: str, style: Style) -> str:
    """Known phrases stay as they are, so that wording can recognise them."""
    return text if wording.phrase(text, "ja") != text and text.isascii() and len(text) < _SLICE else style.text(text)


def _observation(observation: Observation, style: Style) -> Observation:
    return replace(
        observation,
        name=style.text(observation.name, _SLICE)
        if observation.name.startswith("tag:")
        else _metric(observation.name, style),
        slice=style.text(observation.slice, _SLICE),
        comparison=style.text(observation.comparison),
        detail="" if wording.figures_tell(observation) else style.text(observation.detail),
    )


def _metric(name: str, style: Style) -> str:
    known = wording.observed(name, "ja") != name
    return name if known and name.isascii() and len(name) < _SLICE else style.text(name, _SLICE)
