# SPDX-License-Identifier: Apache-2.0
"""Remember what MLflow held, and read it back as of a moment."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from governance.core.evidence import plain
from governance.core.terms import DatasetInput, ModelVersion, RegisteredModel, VersionKey
from governance.store.facts import newest, newest_one, record_changed
from governance.store.models import AliasEvent, InventorySweep, ModelVersionRow, RegisteredModelRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from governance.core.inventory import AliasMove, Changes, InventoryFinding
    from governance.store.facts import AsOf, Telling


def models(session: Session, at: AsOf) -> tuple[RegisteredModel, ...]:
    """Every registered model that was present, with its aliases and versions; four queries in all."""
    aliases: dict[str, dict[str, int]] = defaultdict(dict)
    for move in newest(session, AliasEvent, at):
        if move.to_version is not None:
            aliases[move.model][move.alias] = move.to_version
    versions: dict[str, list[ModelVersion]] = defaultdict(list)
    for row in newest(session, ModelVersionRow, at):
        if row.is_present:
            versions[row.model].append(_version(row))
    return tuple(
        RegisteredModel(row.model, row.description, row.tags, aliases[row.model], tuple(versions[row.model]))
        for row in newest(session, RegisteredModelRow, at)
        if row.is_present
    )


def model(session: Session, name: str, at: AsOf) -> RegisteredModel | None:
    """One registered model, or None when it was not present."""
    row = newest_one(session, RegisteredModelRow, at, RegisteredModelRow.model == name)
    if row is None or not row.is_present:
        return None
    moves = newest(session, AliasEvent, at, AliasEvent.model == name)
    versions = newest(session, ModelVersionRow, at, ModelVersionRow.model == name)
    aliases = {move.alias: move.to_version for move in moves if move.to_version is not None}
    return RegisteredModel(
        name, row.description, row.tags, aliases, tuple(_version(v) for v in versions if v.is_present)
    )


def changed_at(session: Session, at: AsOf) -> dict[VersionKey, datetime]:
    """When each version last changed."""
    return {VersionKey(row.model, row.version): row.effective_at for row in newest(session, ModelVersionRow, at)}


def version_changed_at(session: Session, key: VersionKey, at: AsOf) -> datetime | None:
    """When one version last changed."""
    row = newest_one(
        session, ModelVersionRow, at, ModelVersionRow.model == key.model, ModelVersionRow.version == key.version
    )
    return row.effective_at if row else None


def last_sweep(session: Session, at: AsOf) -> InventorySweep | None:
    """The newest complete reading of MLflow."""
    return newest_one(session, InventorySweep, at)


def record_changes(session: Session, changes: Changes, use_cases: Mapping[str, str | None], telling: Telling) -> None:
    """Append what a complete reading found new, changed or gone."""
    seen = [*changes.new_models, *changes.changed_models]
    rows = [_model_row(m, use_cases.get(m.name), is_present=True) for m in seen]
    rows += [_model_row(m, use_cases.get(m.name), is_present=False) for m in changes.retired_models]
    record_changed(session, rows, telling)
    versions = [_version_row(v, is_present=True) for v in (*changes.new_versions, *changes.changed_versions)]
    versions += [_version_row(v, is_present=False) for v in changes.retired_versions]
    record_changed(session, versions, telling)
    record_changed(session, [_alias_row(move) for move in changes.alias_moves], telling)


def record_sweep(
    session: Session,
    seen: Sequence[RegisteredModel],
    changes: Changes,
    findings: Sequence[InventoryFinding],
    telling: Telling,
) -> InventorySweep:
    """Append that MLflow was read in full, whether or not anything changed."""
    row = InventorySweep(
        subject="inventory",
        models=len(seen),
        versions=sum(len(m.versions) for m in seen),
        changes=dict(changes.counts),
        findings=[plain(finding) for finding in findings],
    )
    record_changed(session, [row], telling, fresh_since=telling.at)
    return row


def _model_row(model: RegisteredModel, use_case: str | None, *, is_present: bool) -> RegisteredModelRow:
    return RegisteredModelRow(
        subject=model.name,
        model=model.name,
        use_case=use_case,
        description=model.description,
        tags=dict(model.tags),
        is_present=is_present,
    )


def _version_row(version: ModelVersion, *, is_present: bool) -> ModelVersionRow:
    return ModelVersionRow(
        subject=str(version.key),
        model=version.key.model,
        version=version.key.version,
        run_id=version.run_id,
        source_uri=version.source,
        description=version.description,
        tags=dict(version.tags),
        metrics=dict(version.metrics),
        params=dict(version.params),
        datasets=[plain(dataset) for dataset in version.datasets],
        created_at=version.created_at,
        is_present=is_present,
    )


def _alias_row(move: AliasMove) -> AliasEvent:
    return AliasEvent(
        subject=move.model,
        model=move.model,
        alias=move.alias,
        from_version=move.from_version,
        to_version=move.to_version,
    )


def _version(row: ModelVersionRow) -> ModelVersion:
    return ModelVersion(
        key=VersionKey(row.model, row.version),
        run_id=row.run_id,
        source=row.source_uri,
        description=row.description,
        tags=row.tags,
        metrics={name: _number(value) for name, value in row.metrics.items()},
        params=row.params,
        datasets=tuple(DatasetInput(**dataset) for dataset in row.datasets),
        created_at=row.created_at,
    )


def _number(value: Any) -> float:  # noqa: ANN401 - NaN and infinities are kept as text
    return float(value)
