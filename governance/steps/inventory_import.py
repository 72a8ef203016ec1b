# SPDX-License-Identifier: Apache-2.0
"""Take a list of declared AI systems into the inventory, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import declared as rules
from governance.core.terms import FileKind
from governance.errors import PolicyError
from governance.reports.exports import csv_bytes
from governance.reports.files import write_whole
from governance.sources import declared as source
from governance.steps import evidence_files
from governance.store import declared as facts

if TYPE_CHECKING:
    from pathlib import Path

    from governance.runtime import Runtime
    from governance.store.declared import Recorded as Imported

_SHOWN = 20
"""Errors that are told one by one."""


def import_file(rt: Runtime, path: Path) -> Imported:
    """Read a CSV or XLSX of declared systems, keep it as evidence, and record what it changes; twice adds nothing.

    A system that the list does not name stays as it is: one leaves by its column `retired`.

    Raises:
        PolicyError: the file cannot be read, or a row is wrong; nothing is recorded then.
        SourceUnavailableError: the database does not answer.
    """
    listed = source.read(path)
    reading = rules.read(listed.lines, rt.policy, rt.clock().astimezone(rt.zone).date())
    if reading.errors:
        raise _refusal(path, reading.errors, rt.settings.language)
    evidence_files.keep(rt, path, FileKind.INVENTORY, "declared_system")
    with rt.writing() as session:
        return facts.record_declared(session, reading.systems, listed.digest, rt.telling(session))


def write_template(path: Path, language: str) -> None:
    """Write an empty list to fill in, which Excel opens as it is.

    Raises:
        PolicyError: there is a file already, or it is not to be a CSV.
        ReportError: it cannot be written.
    """
    if path.suffix.lower() != ".csv":
        raise PolicyError(f"{path}: the template is a CSV file", hint="Name a file that ends with .csv.")
    if path.exists():
        raise PolicyError(f"{path}: there is a file already", hint="Name another one; nothing was changed.")
    write_whole(path, csv_bytes(rules.template(language)))


def _refusal(path: Path, errors: tuple[rules.RowError, ...], language: str) -> PolicyError:
    """The first errors one by one, and how many there are in all."""
    told = [f"  {rules.error_line(error, language)}" for error in errors[:_SHOWN]]
    more = len(errors) - len(told)
    if language == "ja":
        head, rest = f"{path}: {len(errors)} 件の誤りがあり、何も取り込んでいない", f"  他 {more} 件"
        hint = "誤りをすべて直してから、もう一度取り込む。"
    else:
        head, rest = f"{path}: {len(errors)} errors, nothing was imported", f"  and {more} more"
        hint = "Correct all of them, then import the file again."
    return PolicyError("\n".join([head, *told, *([rest] if more else [])]), hint=hint)
