# SPDX-License-Identifier: Apache-2.0
"""Tell when something last changed, and name the facts that something rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from governance.core.cards import Reference
from governance.store.facts import newest
from governance.store.models import (
    AliasEvent,
    CheckResultRow,
    GateDecisionRow,
    ModelVersionRow,
    RegisteredModelRow,
    RiskAssessment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from governance.core.terms import VersionKey
    from governance.store.base import Fact
    from governance.store.facts import AsOf

_OF_A_MODEL: Final = (RegisteredModelRow, ModelVersionRow, AliasEvent)


def models_changed_at(session: Session, at: AsOf) -> dict[str, datetime]:
    """When each registered model, one of its versions or one of its aliases last changed; three queries."""
    found: dict[str, datetime] = {}
    for table in _OF_A_MODEL:
        known = table.effective_at <= at.as_of, table.recorded_at <= at.known_at
        for model, moment in session.execute(
            select(table.model, func.max(table.effective_at)).where(*known).group_by(table.model)
        ):
            found[model] = max(moment, found.get(model, moment))
    return found


def references(session: Session, key: VersionKey, at: AsOf) -> tuple[Reference, ...]:
    """The newest facts about a version, its model, its aliases and its risks, in the order of their tables."""
    return tuple(
        Reference(type(row).__tablename__, row.id, row.digest, row.effective_at)
        for table, where in _about(key)
        for row in newest(session, table, at, *where)
        if not isinstance(row, AliasEvent) or row.to_version == key.version
    )


def _about(key: VersionKey) -> Iterator[tuple[type[Fact], tuple[ColumnElement[bool], ...]]]:
    yield RegisteredModelRow, (RegisteredModelRow.model == key.model,)
    for table in (ModelVersionRow, CheckResultRow, GateDecisionRow):
        yield table, (table.model == key.model, table.version == key.version)
    yield AliasEvent, (AliasEvent.model == key.model,)
    yield RiskAssessment, (RiskAssessment.subject.in_((key.model, str(key))),)
