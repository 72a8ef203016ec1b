# SPDX-License-Identifier: Apache-2.0
"""Remember the counts that checks measured, and read them back as of a moment."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from governance.core.evidence import plain
from governance.core.terms import Statistic, VersionKey
from governance.store.facts import newest, record_changed
from governance.store.models import CheckStatistic

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from governance.core.terms import Finding
    from governance.store.facts import AsOf, Telling


def record(session: Session, key: VersionKey, check: str, finding: Finding, telling: Telling) -> None:
    """Append counts that say something new; what was counted before on the same window is told once."""
    rows = [
        CheckStatistic(
            subject=str(key),
            model=key.model,
            version=key.version,
            check=check,
            statistic=one.name,
            window=one.window,
            data_digest=finding.data_digest,
            content=plain(one.content),
        )
        for one in finding.statistics
    ]
    record_changed(session, rows, telling, *_of(key, check))


def of(session: Session, key: VersionKey, check: str, at: AsOf) -> list[Statistic]:
    """The newest counts of one check on one version, by name and window; one query."""
    rows = newest(session, CheckStatistic, at, *_of(key, check))
    return sorted(
        (Statistic(row.statistic, row.content, row.window) for row in rows), key=lambda one: (one.name, one.window)
    )


def by_data(session: Session, at: AsOf, prefix: str) -> dict[tuple[VersionKey, str, str], list[Statistic]]:
    """All counts whose name begins with `prefix`, by version, check and digest of the data; one query."""
    known = select(CheckStatistic).where(
        CheckStatistic.effective_at <= at.as_of,
        CheckStatistic.recorded_at <= at.known_at,
        CheckStatistic.statistic.startswith(prefix, autoescape=True),
    )
    found: dict[tuple[VersionKey, str, str], dict[tuple[str, str], Statistic]] = defaultdict(dict)
    for row in session.scalars(known.order_by(CheckStatistic.effective_at, CheckStatistic.recorded_at)):
        key = VersionKey(row.model, row.version), row.check, row.data_digest
        found[key][row.statistic, row.window] = Statistic(row.statistic, row.content, row.window)
    return {key: list(counts.values()) for key, counts in found.items()}


def _of(key: VersionKey, check: str) -> tuple[ColumnElement[bool], ...]:
    return CheckStatistic.model == key.model, CheckStatistic.version == key.version, CheckStatistic.check == check
