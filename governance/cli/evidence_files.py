# SPDX-License-Identifier: Apache-2.0
"""The command that brings evidence from outside: minutes, datasheets, model cards."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from governance.cli import output, shell
from governance.core.terms import FileKind


class Kind(StrEnum):
    """What people bring; the rest is kept by the checks that make it."""

    MINUTES = "minutes"
    DATASHEET = "datasheet"
    CARD = "card"


File = Annotated[Path, typer.Argument(help="The file to keep.")]
What = Annotated[Kind, typer.Option(help="What the file is.")]
Subject = Annotated[str, typer.Option(help="What it is about: a model, `credit-scoring v3`, a month YYYY-MM.")]


def add_to(evidence: typer.Typer) -> None:
    """Hang these commands among those about evidence."""
    evidence.command()(add)


def add(file: File, *, kind: What, subject: Subject, as_json: output.AsJson = False) -> None:
    """Keep a file as evidence, under its SHA-256; doing it twice adds nothing."""
    from governance.steps import evidence_files

    rt = shell.runtime()
    kept = evidence_files.keep(rt, file, FileKind(kind.value), subject)
    columns = ("sha256", "size", "name", "kind", "subject")
    output.rows([kept], columns, as_json=as_json, empty="nothing was kept")
