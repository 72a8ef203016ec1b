# SPDX-License-Identifier: Apache-2.0
"""Measure a table as a whole: rows, columns, missing values and its newest row, in one statement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from governance.checks import profiles
from governance.core import tables
from governance.core.tables import ColumnShape, TableShape
from governance.core.terms import Finding, Statistic
from governance.core.verdicts import combine
from governance.errors import CheckNotRunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from governance.core.evaluation import EvaluationTable
    from governance.policy.tables import TableRules

TABLE: Final = "table"
"""What the statistic is named."""
DATASHEET: Final = "datasheet.md"


def shape(table: EvaluationTable, time: str | None = None) -> TableShape:
    """Count rows and missing values of all columns.

    Raises:
        CheckNotRunError: the time column is not there.
        SourceUnavailableError: the data did not answer.
    """
    if time is not None and time not in table.columns:
        raise CheckNotRunError(
            f"column {time!r} is not in the evaluation table",
            hint="Correct `table.time` in checks.yaml, or add the column to the data.",
            ja=f"列 {time!r} が評価データにない。checks.yaml の table.time を直すか、データに列を足す",
        )
    columns: list[sa.ColumnElement[Any]] = [table.rows.c[name] for name in table.columns]
    newest = sa.null() if time is None else sa.func.max(sa.cast(table.rows.c[time], sa.Text))
    rows, latest, *present = table.fetch(sa.select(sa.func.count(), newest, *map(sa.func.count, columns)))[0]
    told = zip(table.columns.items(), present, strict=True)
    shapes = (ColumnShape(name, kind, _kind(kind), int(rows) - int(n)) for (name, kind), n in told)
    return TableShape(int(rows), tuple(shapes), str(latest or ""))


def beside(
    finding: Finding,
    table: EvaluationTable,
    rules: TableRules,
    approved: Iterable[Statistic],
    facts: Mapping[str, str],
    *,
    now: datetime,
) -> Finding:
    """A data-quality finding with what the table as a whole says, its shape, and the datasheet as evidence."""
    found = shape(table, rules.time)
    past = next((TableShape.read(one.content) for one in approved if one.name == TABLE), None)
    seen, note = tables.judge(found, past, rules, now=now)
    observations = (*finding.observations, *seen)
    sheet = tables.datasheet(found, {**facts, "SHA-256": finding.data_digest}, observations)
    return replace(
        finding,
        verdict=combine([finding.verdict, *(one.verdict for one in seen)]),
        observations=observations,
        detail=finding.detail.then(note),
        statistics=(*finding.statistics, Statistic(TABLE, found.content())),
        files={**finding.files, DATASHEET: sheet.encode()},
    )


def _kind(declared: str) -> str:
    """`number`, `word`, `time` or `other`, whatever a source calls the type."""
    if any(part in declared.upper() for part in ("TIME", "DATE")):
        return "time"
    return profiles.kind(declared) or "other"
