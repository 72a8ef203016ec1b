# SPDX-License-Identifier: Apache-2.0
"""Find the sections of a text that people wrote: Markdown, Japanese brackets, or a name and a colon."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_MARKED: Final = (
    re.compile(r"\*\*(?P<name>[^*]+)\*\*\s*:?(?P<rest>.*)"),
    re.compile(r"【(?P<name>[^】]+)】(?P<rest>.*)"),
    re.compile(r"[■●◆□○◇](?P<name>.+)(?P<rest>)"),
)
_NUMBER: Final = re.compile(r"^(?:\d+(?:\.\d+)*[.)]?|[(]\d+[)])\s*")


def sections(text: str, names: Collection[str]) -> dict[str, str]:
    """The text below each heading, up to the next.

    A heading is a line marked as one (`#`, `**x**`, `【x】`, `■ x`) or one that says a name of `names`, alone or
    before a colon. Width, case, numbering and the colon do not count.

    Returns:
        Heading in folded form (see `fold`) -> what it says; a heading that comes twice says both.
    """
    known, found, current = {fold(name) for name in names}, dict[str, list[str]](), ""
    for line in text.splitlines():
        name, rest = _heading(unicodedata.normalize("NFKC", line).strip(), known)
        if name:
            current = name
        found.setdefault(current, []).append(rest)
    found.pop("", None)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def fold(name: str) -> str:
    """A heading without what does not count: width, case, numbering, blanks and the colon at its end."""
    plain = unicodedata.normalize("NFKC", name).casefold().strip()
    return " ".join(_NUMBER.sub("", plain).rstrip(":").split())


def _heading(line: str, known: Collection[str]) -> tuple[str, str]:
    """The heading that a line is and what it says behind it; no heading leaves the line as it is."""
    name, said = _marked(line)
    inner, more = _before_colon(name or line, known)
    if not name:
        return inner, more
    return (inner, f"{more} {said}".strip()) if inner else (fold(name), said)


def _marked(line: str) -> tuple[str, str]:
    """What a line marks as a heading, and what stands behind it; nothing if it marks none."""
    if line.startswith("#"):
        return line.strip("#").strip(), ""
    for pattern in _MARKED:
        if match := pattern.match(line):
            return match["name"].strip(), match["rest"].strip()
    return "", ""


def _before_colon(line: str, known: Collection[str]) -> tuple[str, str]:
    for head, rest in _cuts(line):
        if fold(head) in known:
            return fold(head), rest
    return "", line


def _cuts(line: str) -> Iterator[tuple[str, str]]:
    yield line, ""
    head, colon, rest = line.lstrip("-* ").partition(":")
    if colon:
        yield head.strip("* "), rest.lstrip("* ").strip()
