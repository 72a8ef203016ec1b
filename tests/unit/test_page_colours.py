# SPDX-License-Identifier: Apache-2.0
"""Every text of the pages stands out from its ground (WCAG 2 AA) in light and in dark; every verdict has a shape."""

from __future__ import annotations

import re
from typing import Final

import pytest

from governance.core.terms import Light, Verdict
from governance.reports.style import tone
from governance.web.edition import MARKS
from tests.factories import ROOT

CSS: Final = (ROOT / "governance" / "web" / "static" / "style.css").read_text(encoding="utf-8")
COLOURS: Final = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)
TEXTS: Final = [
    *((text, ground) for text in ("text", "soft", "link") for ground in ("ground", "raised")),
    *((tone_, f"{tone_}-ground") for tone_ in ("red", "amber", "green", "grey")),
]
GRAPHICS: Final = [
    (tone_, ground) for tone_ in ("red", "amber", "green", "grey") for ground in ("ground", "green-ground")
]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXTS, 4.5), (GRAPHICS, 3.0)], ids=["text", "graphics"])
def test_contrast_is_enough(theme: int, pairs: list[tuple[str, str]], least: float) -> None:
    named = {name: colours[theme] for name, *colours in COLOURS}
    found = {pair: round(contrast(named[pair[0]], named[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < least} == {}


def test_no_colour_is_written_elsewhere() -> None:
    assert len(COLOURS) == CSS.count("light-dark(")
    assert set(re.findall(r"#[0-9a-f]{6}\b", CSS)) == {colour for _, *colours in COLOURS for colour in colours}


def test_each_verdict_has_a_shape_of_its_tone_and_unknown_is_never_green() -> None:
    assert len(set(MARKS.values())) == len(MARKS)
    green = {member for kind in (Verdict, Light) for member in kind if tone(member) == "green"}
    assert green == {Verdict.PASS, Light.GREEN}
    assert {tone(member) for member in Verdict} <= set(MARKS)


def test_no_template_switches_the_escaping_off() -> None:
    templates = list((ROOT / "governance" / "web" / "templates").glob("*.j2"))
    assert len(templates) >= 8
    for path in templates:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe|Markup|autoescape|<script(?! src=)|<style|\sstyle=|\son[a-z]+=", text), (
            path.name
        )


def test_a_mark_takes_its_colour_from_its_own_row_and_not_from_the_report_around_it() -> None:
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", CSS, flags=re.DOTALL))
    inherited = [one.strip() for one in selectors if re.match(r"\s*\.(red|amber|green|grey)\s", one)]
    assert inherited == []
    assert len([one for one in selectors if one.strip().startswith(":is(svg, g).")]) == 6
