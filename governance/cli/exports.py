# SPDX-License-Identifier: Apache-2.0
"""Commands that take lists in and hand tables and cards out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from governance.cli import output, shell
from governance.core.terms import VersionKey
from governance.reports.files import write_whole
from governance.settings import Settings


class Table(StrEnum):
    """How the inventory is written."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


class Card(StrEnum):
    """How a card is written."""

    MARKDOWN = "md"
    HTML = "html"
    CYCLONEDX = "cyclonedx"
    HUGGINGFACE = "huggingface"


List = Annotated[
    Path, typer.Argument(help="The list, .csv or .xlsx; `governance inventory template` writes an empty one.")
]
New = Annotated[Path, typer.Argument(help="The file to write, .csv; one that is there is not touched.")]
Model = Annotated[str, typer.Argument(help="Name of the registered model.")]
Version = Annotated[int, typer.Argument(help="Number of the version.", min=1)]
Target = Annotated[Path, typer.Option("--output", "-o", help="The file to write; one that is there is replaced.")]
TableFormat = Annotated[Table, typer.Option("--format", help="CSV and XLSX for people, JSON for programs.")]
CardFormat = Annotated[Card, typer.Option("--format", help="Markdown, HTML, CycloneDX 1.6 (JSON) or Hugging Face's.")]
AsOf = Annotated[str | None, typer.Option(help="How things were at the end of a day, or at a moment (ISO 8601).")]
KnownAt = Annotated[str | None, typer.Option(help="... as far as was known then; default: all that is known now.")]

model = typer.Typer(no_args_is_help=True, help="Model versions.")


@model.callback()
def _group() -> None:
    """Keep `model` a group although it has one command."""


def add_to(app: typer.Typer, inventory: typer.Typer) -> None:
    """Hang these commands into the command line, and among those about the inventory."""
    inventory.command("import")(inventory_import)
    inventory.command("export")(inventory_export)
    inventory.command("template")(inventory_template)
    app.add_typer(model, name="model")


def inventory_import(file: List, *, as_json: output.AsJson = False) -> None:
    """Take in a list of AI that MLflow does not hold; if a row is wrong, nothing is."""
    from governance.steps import inventory_import

    imported = inventory_import.import_file(shell.runtime(), file)
    if as_json:
        output.document(imported)
    else:
        counts = {name: len(getattr(imported, name)) for name in ("new", "changed", "retired", "unchanged")}
        output.lines(", ".join(f"{count} {name}" for name, count in counts.items()))


def inventory_export(
    *,
    format_: TableFormat = Table.CSV,
    target: Target,
    language: output.Tongue = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """Write all AI in use, from MLflow and declared, as one table."""
    from governance.steps import exports

    rt = shell.runtime()
    asked, tongue = shell.asked(rt, as_of, known_at), language.value if language else None
    _write(target, exports.inventory(rt, exports.TableFormat(format_.value), asked, tongue))


def inventory_template(file: New, *, language: output.Tongue = None) -> None:
    """Write an empty list of declared AI, to fill in with a spreadsheet."""
    from governance.steps import inventory_import

    inventory_import.write_template(file, language.value if language else Settings().language)
    output.lines(str(file))


@model.command("card")
def model_card(
    name: Model,
    version: Version,
    *,
    format_: CardFormat = Card.MARKDOWN,
    target: Target,
    language: output.Tongue = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> None:
    """Write what is known of a model version, and what nobody can tell."""
    from governance.steps import exports

    rt, key = shell.runtime(), VersionKey(name, version)
    asked, tongue = shell.asked(rt, as_of, known_at), language.value if language else None
    _write(target, exports.card(rt, key, exports.CardFormat(format_.value), asked, tongue))


def _write(target: Path, data: bytes) -> None:
    write_whole(target, data)
    output.lines(str(target))
