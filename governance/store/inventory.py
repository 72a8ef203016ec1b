# SPDX-License-Identifier: Apache-2.0
"""Remember what MLflow held, and read it back as of a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import func, select

from governance.core import aliases as alias_rules
from governance.core import twins
from governance.core.aliases import AliasChange, AliasMove, Holder, Seen
from governance.core.evidence import plain
from governance.core.inventory import Absent, Known
from governance.core.terms import DatasetInput, GateVerdict, ModelVersion, RegisteredModel, VersionKey
from governance.store import oversight
from governance.store.facts import newest, newest_one, record_changed
from governance.store.models import AliasEvent, GateDecisionRow, InventorySweep, ModelVersionRow, RegisteredModelRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlalchemy import Row
    from sqlalchemy.orm import Session
    from sqlalchemy.orm.attributes import InstrumentedAttribute

    from governance.core.inventory import Changes, InventoryFinding
    from governance.store.base import Fact
    from governance.store.facts import AsOf, Telling

_EVER: Final = datetime.max.replace(tzinfo=UTC)
_NAMES: Final = 500
"""Models that one query names."""


R = TypeVar("R", RegisteredModelRow, ModelVersionRow, AliasEvent)


@dataclass(frozen=True, slots=True)
class State:
    """The inventory before it is read again."""

    models: tuple[RegisteredModel, ...]
    """What was present; versions without what only their runs tell."""
    use_cases: Mapping[str, str | None]
    """Model -> use case, as recorded."""
    last: InventorySweep | None
    """The newest recorded sweep ..."""
    before: InventorySweep | None
    """... and the one before it."""
    full_at: datetime | None
    """When every run was last read."""

    @property
    def absent(self) -> frozenset[Absent]:
        """What the last sweep missed for the first time."""
        missed = (self.last.absent if self.last else None) or []
        return frozenset((each["model"], each["version"]) for each in missed)

    @property
    def known(self) -> Known | None:
        """What a reading of changes starts from; None: nothing was ever read."""
        if self.last is None:
            return None
        doubtful = frozenset(model for model, version in self.absent if version is not None)
        return Known(self.models, self.last.effective_at, doubtful)

    @property
    def seen(self) -> Seen:
        """Which readings showed it."""
        missed = frozenset(model for model, version in self.absent if version is None)
        last, before = (sweep.effective_at if sweep else None for sweep in (self.last, self.before))
        return Seen(last, before, missed)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A gate decision without its reasons."""

    id: str
    blocks: bool


def state(session: Session, at: AsOf) -> State:
    """The inventory in outline: five queries, and no JSON but tags."""
    columns = RegisteredModelRow
    rows = _slim(session, at, columns, columns.model, columns.description, columns.tags, columns.use_case)
    aliases, versions = _aliases(session, at), _outlines(session, at)
    models = (RegisteredModel(r.model, r.description, r.tags, aliases[r.model], tuple(versions[r.model])) for r in rows)
    last = last_sweep(session, at)
    before = newest_one(session, InventorySweep, at, InventorySweep.id != last.id) if last else None
    full = newest_one(session, InventorySweep, at, InventorySweep.is_full.is_not(False))
    full_at = full.effective_at if full else None
    return State(tuple(models), {r.model: r.use_case for r in rows}, last, before, full_at)


def _slim(session: Session, at: AsOf, table: type[Fact], *columns: InstrumentedAttribute[Any]) -> Sequence[Row[Any]]:
    """Some columns of the newest rows of each series, as far as those are present."""
    series = [getattr(table, name) for name in table.series]
    order = (table.effective_at.desc(), table.recorded_at.desc(), table.id.desc())
    rank = func.row_number().over(partition_by=series, order_by=order).label("rank")
    there = [getattr(table, "is_present")] if hasattr(table, "is_present") else []  # noqa: B009 - some tables have it
    known = table.effective_at <= at.as_of, table.recorded_at <= at.known_at
    ranked = select(*columns, *there, rank).where(*known).subquery()
    present = [ranked.c.is_present] if there else []
    wanted = (ranked.c[column.key] for column in columns)
    order_by = (ranked.c[name] for name in table.series)
    return session.execute(select(*wanted).where(ranked.c.rank == 1, *present).order_by(*order_by)).all()


def _aliases(session: Session, at: AsOf) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in _slim(session, at, AliasEvent, AliasEvent.model, AliasEvent.alias, AliasEvent.to_version):
        if row.to_version is not None:
            found[row.model][row.alias] = row.to_version
    return found


def _outlines(session: Session, at: AsOf) -> dict[str, list[ModelVersion]]:
    table = ModelVersionRow
    shown = (table.model, table.version, table.run_id, table.source_uri, table.description, table.tags)
    found: dict[str, list[ModelVersion]] = defaultdict(list)
    for row in _slim(session, at, table, *shown, table.created_at):
        found[row.model].append(
            ModelVersion(
                VersionKey(row.model, row.version),
                row.run_id,
                row.source_uri,
                row.description,
                row.tags,
                created_at=row.created_at,
            )
        )
    return found


def in_full(
    session: Session, models: Iterable[RegisteredModel], names: Collection[str], at: AsOf
) -> tuple[RegisteredModel, ...]:
    """The models with the versions of those named as they are recorded; one query for hundreds of names."""
    versions: dict[str, list[ModelVersion]] = defaultdict(list)
    for some in _chunks(sorted(names)):
        for row in newest(session, ModelVersionRow, at, ModelVersionRow.model.in_(some)):
            if row.is_present:
                versions[row.model].append(_version(row))
    return tuple(
        replace(model, versions=tuple(versions[model.name])) if model.name in names else model for model in models
    )


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _NAMES] for start in range(0, len(names), _NAMES))


def standing(session: Session, at: AsOf) -> dict[tuple[VersionKey, str], Judgement]:
    """The newest decision of every version and gate, without its reasons; one query."""
    table = GateDecisionRow
    rows = _slim(session, at, table, table.id, table.model, table.version, table.gate, table.verdict)
    return {
        (VersionKey(row.model, row.version), row.gate): Judgement(row.id, row.verdict != GateVerdict.PASS.value)
        for row in rows
    }


def alias_history(session: Session, at: AsOf, model: str | None = None) -> list[AliasChange]:
    """Every recorded move of an alias, of one model or of all, oldest first."""
    wanted = [] if model is None else [AliasEvent.model == plain(model)]
    rows = session.scalars(
        select(AliasEvent)
        .where(AliasEvent.effective_at <= at.as_of, AliasEvent.recorded_at <= at.known_at, *wanted)
        .order_by(AliasEvent.effective_at, AliasEvent.recorded_at, AliasEvent.model, AliasEvent.alias)
    )
    return [_change(row) for row in rows]


def holder(session: Session, model: str, alias: str, at: AsOf) -> Holder:
    """Which version held an alias at `at.as_of`, as far as known at `at.known_at`, with the window of doubt.

    Moves seen after the moment count as well: they tell up to when nobody can say.
    """
    ever = replace(at, as_of=_EVER)
    history, sweep = alias_history(session, ever, model), last_sweep(session, ever)
    return alias_rules.holder(history, plain(model), plain(alias), at.as_of, sweep.effective_at if sweep else None)


def _change(row: AliasEvent) -> AliasChange:
    move = AliasMove(
        row.model, row.alias, row.from_version, row.to_version, row.seen_after, row.decision, row.outside_gate
    )
    return AliasChange(move, row.effective_at, row.recorded_at)


def models(session: Session, at: AsOf) -> tuple[RegisteredModel, ...]:
    """Every registered model that was present, with its aliases and versions; five queries in all."""
    copies = oversight.copies(session, at)
    aliases = _held(session, at)
    versions: dict[str, list[ModelVersion]] = defaultdict(list)
    for row in newest(session, ModelVersionRow, at):
        if row.is_present:
            versions[row.model].append(_version(row))
    served = twins.serving(aliases, copies)
    return tuple(
        RegisteredModel(
            row.model,
            row.description,
            row.tags,
            aliases[row.model],
            tuple(versions[row.model]),
            served.get(row.model, {}),
        )
        for row in newest(session, RegisteredModelRow, at)
        if row.is_present
    )


def model(session: Session, name: str, at: AsOf) -> RegisteredModel | None:
    """One registered model, or None when it was not present."""
    row = newest_one(session, RegisteredModelRow, at, RegisteredModelRow.model == name)
    if row is None or not row.is_present:
        return None
    versions = newest(session, ModelVersionRow, at, ModelVersionRow.model == name)
    copies = {key: copy for key, copy in oversight.copies(session, at).items() if copy.origin.model == row.model}
    aliases = _held(session, at, {row.model, *(key.model for key in copies)})
    return RegisteredModel(
        name,
        row.description,
        row.tags,
        aliases[row.model],
        tuple(_version(v) for v in versions if v.is_present),
        twins.serving(aliases, copies).get(row.model, {}),
    )


def _held(session: Session, at: AsOf, names: Collection[str] | None = None) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    wanted = [] if names is None else [AliasEvent.model.in_(names)]
    for move in newest(session, AliasEvent, at, *wanted):
        if move.to_version is not None:
            found[move.model][move.alias] = move.to_version
    return found


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
    _record(session, RegisteredModelRow, rows, telling)
    versions = [_version_row(v, is_present=True) for v in (*changes.new_versions, *changes.changed_versions)]
    versions += [_version_row(v, is_present=False) for v in changes.retired_versions]
    _record(session, ModelVersionRow, versions, telling)
    _record(session, AliasEvent, [_alias_row(move) for move in changes.alias_moves], telling)


def _record(session: Session, table: type[R], rows: Iterable[R], telling: Telling) -> None:
    """Compare some hundred models at a time with what is known of them, and of no others."""
    by_model: dict[str, list[R]] = defaultdict(list)
    for row in rows:
        by_model[row.model].append(row)
    for names in _chunks(sorted(by_model)):
        wanted = table.model.in_([plain(name) for name in names])
        record_changed(session, [row for name in names for row in by_model[name]], telling, wanted)


def record_sweep(
    session: Session,
    present: Sequence[RegisteredModel],
    changes: Changes,
    findings: Sequence[InventoryFinding],
    telling: Telling,
    *,
    read_at: datetime | None = None,
    is_full: bool = True,
) -> InventorySweep:
    """Append that MLflow was read and what is `present` now.

    `read_at` is when the reading began, so that everything before that moment is known to have been seen; default: now.
    """
    row = InventorySweep(
        subject="inventory",
        effective_at=read_at,
        models=len(present),
        versions=sum(len(m.versions) for m in present),
        changes=dict(changes.counts),
        findings=[plain(finding) for finding in findings],
        absent=[{"model": model, "version": version} for model, version in changes.absent] or None,
        is_full=is_full,
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
        seen_after=move.seen_after,
        decision=move.decision,
        outside_gate=move.outside_gate,
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
