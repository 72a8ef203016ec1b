# SPDX-License-Identifier: Apache-2.0
"""How one page is written: its language and theme, its links, and the words and marks of the templates."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from governance.core import wording
from governance.core.holds import HoldScope
from governance.core.terms import GateVerdict, Light, Verdict, Words
from governance.core.waivers import WaiverState
from governance.reports import charts, markup
from governance.reports.gate_text import Tongue, own_gates, own_model
from governance.reports.style import tone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum
    from zoneinfo import ZoneInfo

    from fastapi import Request

LANGUAGES: Final = ("ja", "en")
THEMES: Final = ("light", "dark")
BARE: Final = "1"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_MOST_OF_A_MAIL: Final = 1_900
MARKS: Final = {"green": "●", "amber": "▲", "red": "◆", "grey": "?", "plain": "–"}
"""The shape that goes with a colour, for those who see none."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One request's language, theme and place."""

    tongue: Tongue
    theme: str
    root: str
    """Where the pages hang, without a slash at the end."""
    kept: tuple[tuple[str, str], ...]
    """Parameters that every link carries on."""
    path: str
    """Of this page below `root`, as it was sent."""

    @property
    def language(self) -> str:
        """The page's language."""
        return self.tongue.language

    @property
    def is_bare(self) -> bool:
        """Whether what surrounds the page has a menu of its own: a tab of Airflow's UI."""
        return ("bare", BARE) in self.kept

    @property
    def host(self) -> str:
        """Where the UI is that the pages hang in."""
        return self.root.rpartition("/")[0] + "/"

    def link(self, *parts: object, **query: object) -> str:
        """The address of another page; names are quoted whole, whatever they hold."""
        asked = urlencode([*((k, str(v)) for k, v in query.items() if v not in {"", None}), *self.kept])
        return f"{self.root}/{_path(parts)}" + (f"?{asked}" if asked else "")

    def lasting(self, site: str, *parts: object) -> str:
        """The address of a page to tell others: on its site, without the language and theme of whoever looks."""
        return f"{site.rstrip('/')}/{self.root.rpartition('/')[2]}/{_path(parts)}"

    def again(self, **query: str) -> str:
        """This page otherwise: in another language or theme, or (`bare=""`) with its menu."""
        kept = {name: value for name, value in (dict(self.kept) | query).items() if value}
        return f"{self.root}{self.path}" + (f"?{urlencode(kept)}" if kept else "")


def _path(parts: Iterable[object]) -> str:
    return "/".join(quote(str(part), safe="") for part in parts)


def mail(subject: str, body: str) -> str:
    """What the link to a mail says besides the address; nothing where a mail program would cut it."""
    told = urlencode({"subject": markup.shown(subject), "body": body}, quote_via=quote)
    return f"?{told}" if len(told) <= _MOST_OF_A_MAIL else ""


def edition(request: Request, language: str, zone: ZoneInfo) -> Edition:
    """Read off a request how its page is wanted; `language` is that of the settings."""
    query = request.query_params
    known = (("lang", LANGUAGES), ("theme", THEMES), ("bare", (BARE,)))
    kept = [(name, value) for name, of in known if (value := query.get(name, "")) in of]
    asked = dict(kept)
    tongue = asked.get("lang") or _accepted(request.headers.get("accept-language", "")) or language
    root = request.scope.get("root_path", "").rstrip("/")
    # As it was sent: a name with a slash in it must not become two parts of a path.
    sent = request.scope.get("raw_path") or quote(request.url.path).encode()
    path = sent.decode("ascii", "replace").partition("?")[0].removeprefix(root)
    return Edition(Tongue(tongue, zone), asked.get("theme", ""), root, tuple(kept), path)


def _accepted(header: str) -> str:
    """The first of our languages among those that a browser asks for."""
    weighed = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _, parameter = part.strip().partition(";q=")
        primary = tag.split("-")[0].lower()
        if primary in LANGUAGES:
            weighed.append((-_quality(parameter), place, primary))
    return min(weighed)[2] if weighed else ""


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


def page(name: str, ed: Edition, status: int = 200, **content: Any) -> HTMLResponse:  # noqa: ANN401 - what a template prints
    """Fill a template in."""
    template = _environment().get_template(name)
    return HTMLResponse(template.render(ed=ed, t=ed.tongue, **content), status_code=status, headers=HEADERS)


def static(name: str) -> bytes:
    """A file that pages name by its digest, so that no browser keeps an old one."""
    return files("governance.web").joinpath("static", name).read_bytes()


def _digest(name: str) -> str:
    return hashlib.sha256(static(name)).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("governance.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "STYLE": _digest("style.css"),
        "SCRIPT": _digest("page.js"),
        "charts": charts,
        "wording": wording,
        "own_gates": own_gates,
        "own_model": own_model,
        "tone": tone,
        "MARKS": MARKS,
        "named": asdict,
        "kind_of": lambda picture: type(picture).__name__.lower(),
        "Verdict": Verdict,
        "Light": Light,
        "label": _label,
        "HoldScope": HoldScope,
        "WaiverState": WaiverState,
        "moment_of": datetime.fromisoformat,
        "PENDING": GateVerdict.PENDING,
        "gate_word": _gate_word,
        "gate_tone": _gate_tone,
    }
    return environment


def _visible(value: Any) -> Any:  # noqa: ANN401 - whatever a template prints
    """Whatever is printed, with everything in it to be seen; what a macro returns is markup already."""
    return value if hasattr(value, "__html__") else markup.shown(str(value))


def _label(member: StrEnum, language: str) -> str:
    word = wording.label(member, language)
    return word[:1].upper() + word[1:]


def _gate_word(blocks: bool | None, language: str) -> str:  # noqa: FBT001 - a gate's state
    if blocks is None:
        return Words("未判定", "Not decided").in_(language)
    return _label(GateVerdict.BLOCK if blocks else GateVerdict.PASS, language)


def _gate_tone(blocks: bool | None) -> str:  # noqa: FBT001 - a gate's state
    return "grey" if blocks is None else "red" if blocks else "green"
