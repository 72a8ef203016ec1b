# SPDX-License-Identifier: Apache-2.0
"""Put foreign text into Markdown and HTML as text: it is shown as it is and never becomes markup.

What a reader cannot see, such as a direction override that makes `gnp.exe` read as `exe.png`, is shown as `[U+202E]`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from governance.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LIMIT: Final = 4_000
"""Characters of one text that are shown."""
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_ACTIVE: Final = re.compile(
    r"""[\\`*{}\[\]<>#|~&@$^]            # wherever it stands
    | (?<![0-9A-Za-z])_ | _(?![0-9A-Za-z])  # emphasis, except within a word
    | ^[-+] | -(?=-) | (?<=-)-              # a list, a rule, a dash
    | =(?==) | (?<==)=
    | (?<=[0-9])[.)](?=\s|$)                # a numbered list
    | (?<![0-9]):(?=\S) | :(?=[^\s0-9])     # http:, but not 12:30
    | (?<=www)\.""",
    re.IGNORECASE | re.VERBOSE,
)
"""What CommonMark and its dialects may act on."""


def shown(text: str, limit: int = LIMIT) -> str:
    """Any text on one line, everything in it visible, `limit` characters at most."""
    line = " ".join("".join(" " if char in "\n\r\t" else char for char in text[: limit + 1]).split())
    if len(text) > limit:
        line = f"{line[: limit - 1]}…"
    return "".join(_seen(char) for char in line)


def _seen(char: str) -> str:
    return f"[U+{ord(char):04X}]" if unicodedata.category(char) in _INVISIBLE else char


def in_markdown(value: Any) -> str:  # noqa: ANN401 - whatever a template prints
    """A value as Markdown that shows just it."""
    return _ACTIVE.sub(r"\\\g<0>", shown(str(value)))


def fill(template_dir: Path, name: str, content: Mapping[str, Any]) -> str:
    """Fill a template in: `.html.j2` escapes for HTML whatever it prints, all others for Markdown.

    Raises:
        ReportError: there is no such template, or it is wrong.
    """
    from jinja2 import FileSystemLoader, StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    is_html = name.endswith(".html.j2")
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(template_dir),
        undefined=StrictUndefined,
        autoescape=is_html,
        finalize=_in_html if is_html else in_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    try:
        return environment.get_template(name).render(content)
    except TemplateError as error:
        raise ReportError(
            f"{template_dir / name}: {type(error).__name__}: {error}",
            hint="Set GOVERNANCE_TEMPLATE_DIR to the directory that holds the templates, or correct this one.",
        ) from error


def _in_html(value: Any) -> Any:  # noqa: ANN401 - whatever a template prints
    """Only texts are made visible; what is markup already, and what a macro returns, stays as it is."""
    return shown(value) if type(value) is str else value
