# SPDX-License-Identifier: Apache-2.0
"""Append facts once each, and read the newest of each series as of a moment.

Functions take the session first and never commit; the step commits once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import func, insert, inspect, select
from sqlalchemy.orm import aliased

from governance.core.evidence import digest, plain
from governance.errors import ConflictError
from governance.store import ledger
from governance.store.base import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

F = TypeVar("F", bound=Fact)
_HEAD = frozenset({"id", "subject", "effective_at", "recorded_at", "actor", "source", "digest"})
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Telling:
    """Who tells facts, from where, and when: by the clock, and in the ledger's order."""

    actor: str
    source: str
    at: datetime
    """What the clock says; facts are in effect from then on unless they say otherwise."""
    recorded_at: datetime
    """When they count as learnt: after everything that was committed before."""

    @property
    def position(self) -> AsOf:
        """All that is known to this transaction."""
        return AsOf(self.at, self.recorded_at)


@dataclass(frozen=True, slots=True)
class AsOf:
    """A position on both clocks: what was true at `as_of`, as far as known at `known_at`."""

    as_of: datetime
    known_at: datetime


def fact_id(table: type[Fact], *key: str | int | None) -> str:
    """Hash a natural key to the id of its fact, 64 hex digits."""
    return digest([table.__tablename__, *key])


def record(session: Session, facts: Iterable[F], telling: Telling) -> list[F]:
    """Append the facts that are not known yet, and return those.

    Each fact comes with its `id` (see `fact_id`), `subject` and content; the rest of the head is
    filled in here. A fact already known with the same content is left alone.

    Raises:
        ConflictError: a fact is known under the same id with other content.
    """
    by_table: dict[type[F], dict[str, dict[str, Any]]] = {}
    rows: dict[str, F] = {}
    for fact in facts:
        values = _values(fact, telling)
        pending = by_table.setdefault(type(fact), {})
        if values["id"] in pending:
            _refuse_conflict(type(fact), values, pending[values["id"]]["digest"])
        pending[values["id"]] = values
        rows[values["id"]] = fact
    added: list[F] = []
    for table, pending in by_table.items():
        added += [rows[id_] for id_ in _insert(session, table, pending)]
    return added


def _values(fact: Fact, telling: Telling) -> dict[str, Any]:
    """Fill in the head of `fact` and return its columns as they go to the database."""
    content = _content(fact)
    fact.subject = plain(fact.subject)
    fact.effective_at = fact.effective_at or telling.at
    fact.recorded_at, fact.actor, fact.source = telling.recorded_at, telling.actor, telling.source
    fact.digest = digest(
        {name: value for name, value in content.items() if value is not None} | {"subject": fact.subject}
    )
    return {**content, **{name: getattr(fact, name) for name in _HEAD}}


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return plain(value) if isinstance(value, str | dict | list) else value


def _insert(session: Session, table: type[F], pending: dict[str, dict[str, Any]]) -> list[str]:
    """Insert what is not there. Writers queue for the ledger's head, so nobody inserts meanwhile."""
    known = _digests(session, table, pending)
    for id_, known_digest in known.items():
        _refuse_conflict(table, pending[id_], known_digest)
    new = [values for id_, values in pending.items() if id_ not in known]
    for chunk in _chunks(new):
        session.execute(insert(table), chunk)
    ledger.note(session, table, new)
    return [values["id"] for values in new]


def _digests(session: Session, table: type[Fact], ids: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for chunk in _chunks(list(ids)):
        found.update(
            (id_, known) for id_, known in session.execute(select(table.id, table.digest).where(table.id.in_(chunk)))
        )
    return found


def _refuse_conflict(table: type[Fact], values: dict[str, Any], known_digest: str) -> None:
    if values["digest"] != known_digest:
        raise ConflictError(
            f"{table.__tablename__} {values['subject']}: told twice with different content ({known_digest[:12]} and {values['digest'][:12]})",
            hint="Somebody recorded the same fact at the same moment; run the task again.",
        )


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))


def newest(session: Session, table: type[F], at: AsOf, *where: ColumnElement[bool]) -> Sequence[F]:
    """The state of every series of `table` at a position on both clocks, ordered by series.

    `where` may name only columns of the series; it narrows which series are read.
    """
    series = [getattr(table, name) for name in table.series]
    rank = (
        func.row_number()
        .over(partition_by=series, order_by=(table.effective_at.desc(), table.recorded_at.desc(), table.id.desc()))
        .label("rank")
    )
    ranked = (
        select(table, rank).where(table.effective_at <= at.as_of, table.recorded_at <= at.known_at, *where).subquery()
    )
    row = aliased(table, ranked)
    return session.scalars(
        select(row).where(ranked.c.rank == 1).order_by(*(getattr(row, name) for name in table.series))
    ).all()


def newest_one(session: Session, table: type[F], at: AsOf, *where: ColumnElement[bool]) -> F | None:
    """The newest fact of `table` among those that `where` admits, or None."""
    return session.scalars(
        select(table)
        .where(table.effective_at <= at.as_of, table.recorded_at <= at.known_at, *where)
        .order_by(table.effective_at.desc(), table.recorded_at.desc(), table.id.desc())
        .limit(1)
    ).first()


def record_changed(
    session: Session,
    rows: Sequence[F],
    telling: Telling,
    *where: ColumnElement[bool],
    fresh_since: datetime | None = None,
) -> list[F]:
    """Append those of `rows` that say something new about their series, and return them.

    All rows are of one table; `where` may narrow the series that are compared. An id hashes
    the series, the fact it supersedes and the new content: the same change seen by two tasks is one
    fact, and a state that comes back later is a fact of its own. A state last told before
    `fresh_since` is told again, for facts that have to be renewed.
    """
    if not rows:
        return []
    table = type(rows[0])
    state = {_series(row): row for row in newest(session, table, telling.position, *where)}
    fresh = []
    for row in rows:
        old, content = state.get(_series(row)), digest(_content(row))
        is_current = old is not None and (fresh_since is None or old.effective_at >= fresh_since)
        if old is None or not is_current or digest(_content(old)) != content:
            row.id = fact_id(table, *_series(row), old.id if old else None, content)
            fresh.append(row)
    return record(session, fresh, telling)


def _content(row: Fact) -> dict[str, Any]:
    return {c.key: _cleaned(getattr(row, c.key)) for c in inspect(type(row)).column_attrs if c.key not in _HEAD}


def _series(row: Fact) -> tuple[Any, ...]:
    return tuple(plain(getattr(row, name)) for name in type(row).series)
