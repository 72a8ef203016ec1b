# SPDX-License-Identifier: Apache-2.0
"""Show rows to people as a table and to programs as JSON."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from governance.core.evidence import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Language(StrEnum):
    """The product's two languages."""

    JA = "ja"
    EN = "en"


Tongue = Annotated[Language | None, typer.Option(help="Default: GOVERNANCE_LANGUAGE.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def rows(found: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print rows: `columns` of them as a table, all of them as JSON."""
    if as_json:
        document(found)
    elif not found:
        typer.echo(empty)
    else:
        _table(found, columns)


def document(content: Any) -> None:  # noqa: ANN401 - anything with a plain form
    """Print one JSON document; what a terminal would act on is escaped."""
    text = json.dumps(plain(content), ensure_ascii=False, indent=2)
    typer.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def lines(text: str, *, err: bool = False) -> None:
    """Print text that may quote strangers: no control character reaches the terminal."""
    typer.echo("\n".join(printable(line) for line in text.splitlines()), err=err)


def printable(text: str) -> str:
    """Text without control and direction characters, which could rewrite what a terminal shows."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _table(found: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in found:
        table.add_row(*(Text(_cell(row[column])) for column in columns))
    Console(soft_wrap=False).print(table)


def _cell(value: Any) -> str:  # noqa: ANN401 - a row's value
    if isinstance(value, list | tuple):
        return "\n".join(_cell(item) for item in value)
    return "" if value is None else printable(str(value))
