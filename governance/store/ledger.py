# SPDX-License-Identifier: Apache-2.0
"""The Merkle log over all facts: one entry per fact, appended in the fact's own transaction (RFC 6962).

Whoever writes queues for the head row first, so transactions follow each other and `recorded_at` grows in the order
of commits: what was known at a moment is the same whenever it is asked. The entries are the transaction's last
statements.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, insert, inspect, select, update
from sqlalchemy.orm import Session

from governance.core.evidence import canonical, commitment
from governance.core.merkle import Frontier, Nodes, leaf_hash, node_hash
from governance.core.merkle import root as merkle_root
from governance.errors import ConflictError, EvidenceError, StoreError
from governance.store.models import FACTS, LedgerEntry, LedgerHead, LedgerTile

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from governance.store.base import Fact

Salt = Callable[[], str]
"""Draws 16 random bytes, in hex."""
Told = tuple[str, tuple[str, ...], Mapping[str, Any]]
"""A fact just told: its table, the columns that its entry shows, its row."""

TILE: Final = 8
"""Every so many levels the tree is kept, so that a proof at a million entries reads some hundred rows."""
_CHUNK: Final = 500
_BLOCKS: Final = 512
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = timedelta(microseconds=1)


def new_salt() -> str:
    """Draw a salt from the system's randomness."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Entry:
    """What goes into the log: the fact's key, and a body that commits to it."""

    key: str
    body: str
    salt: str | None = None

    @property
    def leaf(self) -> bytes:
        """The entry's hash in the tree."""
        return leaf_of(self.key, self.body)


@dataclass(slots=True)
class _Writing:
    """An open transaction: where the log stood, and the facts told since."""

    known_at: datetime
    salt: Salt
    recorded_at: datetime | None = None
    facts: list[Told] = field(default_factory=list)


def leaf_of(key: str, body: str) -> bytes:
    """The hash of an entry: of its key, a line end and its body."""
    return leaf_hash(f"{key}\n{body}".encode())


def key_of(table: str, id_: str) -> str:
    """The key of the entry for a fact."""
    return f"{table}/{id_}"


@contextmanager
def writing(engine: Engine, salt: Salt = new_salt) -> Generator[Session]:
    """One transaction over facts and ledger: all of it is committed at the end, or nothing is kept."""
    with Session(engine.execution_options(write=True)) as session, session.begin():
        session.info["writing"] = _Writing(_lock(session).recorded_at, salt)
        yield session
        append_facts(session)


def _lock(session: Session) -> LedgerHead:
    head = session.scalar(select(LedgerHead).with_for_update().execution_options(populate_existing=True))
    if head is None:
        raise EvidenceError(
            "the ledger has no head: somebody removed it", hint="Restore the database from a backup and verify it."
        )
    return head


def moment(session: Session, now: datetime) -> datetime:
    """When this transaction's facts count as learnt: `now`, but after everything committed before it."""
    state = _state(session)
    state.recorded_at = state.recorded_at or max(now, state.known_at + _INSTANT)
    return state.recorded_at


def known_at(session: Session) -> datetime:
    """When the newest committed fact was learnt: nothing will ever be committed at or before this moment."""
    return session.scalar(select(LedgerHead.recorded_at)) or _START


def size(session: Session) -> int:
    """How many entries the log has."""
    return session.scalar(select(LedgerHead.size)) or 0


def note(session: Session, table: type[Fact], rows: Iterable[Mapping[str, Any]]) -> None:
    """Remember facts just inserted; their entries follow at the end of the transaction."""
    _state(session).facts += [(table.__tablename__, table.disclosed, row) for row in rows]


def _state(session: Session) -> _Writing:
    state: _Writing | None = session.info.get("writing")
    if state is None:
        raise StoreError("facts are told within `ledger.writing` only", hint="Open the session with Runtime.writing().")
    return state


def append_facts(session: Session) -> None:
    """Append the entries of all facts told in this transaction."""
    state = _state(session)
    if state.facts:
        entries = [entry_of(table, disclosed, row, state.salt()) for table, disclosed, row in state.facts]
        append(session, entries, state.recorded_at or state.known_at)
        state.facts.clear()


def entry_of(table: str, disclosed: tuple[str, ...], row: Mapping[str, Any], salt: str) -> Entry:
    """Commit to a fact: ids, verdicts and numbers in the clear, all the rest behind a salted digest."""
    said = {name: value for name, value in row.items() if value is not None}
    body = {
        "commitment": commitment(canonical(said), salt),
        "disclosed": {name: said[name] for name in disclosed if name in said},
        "effective_at": said["effective_at"],
        "id": said["id"],
        "recorded_at": said["recorded_at"],
        "table": table,
    }
    return Entry(key_of(table, said["id"]), canonical(body).decode(), salt)


def append(session: Session, entries: Sequence[Entry], at: datetime) -> int:
    """Extend the log by the entries that are not in it; returns how many those were.

    Raises:
        ConflictError: an entry is there under the same key with another body.
    """
    head = _lock(session)
    new = _unknown(session, entries)
    if not new:
        return 0
    frontier, tiles = Frontier.unpack(head.size, head.frontier), list[dict[str, Any]]()
    rows = [
        {"seq": head.size + i, "key": e.key, "body": e.body, "leaf": e.leaf, "salt": e.salt} for i, e in enumerate(new)
    ]
    for entry in new:
        frontier.append(entry.leaf, lambda level, index, hash_: _keep(tiles, level, index, hash_))
    for chunk in _chunks(rows):
        session.execute(insert(LedgerEntry), chunk)
    if tiles:
        session.execute(insert(LedgerTile), tiles)
    grown = {"size": frontier.size, "frontier": frontier.packed(), "recorded_at": max(at, head.recorded_at)}
    session.execute(update(LedgerHead).values(grown).execution_options(synchronize_session=False))
    return len(new)


def _keep(tiles: list[dict[str, Any]], level: int, index: int, hash_: bytes) -> None:
    if level % TILE == 0:
        tiles.append({"level": level, "index": index, "hash": hash_})


def _unknown(session: Session, entries: Sequence[Entry]) -> list[Entry]:
    known: dict[str, str] = {}
    for chunk in _chunks([entry.key for entry in entries]):
        told = select(LedgerEntry.key, LedgerEntry.body).where(LedgerEntry.key.in_(chunk))
        known.update((key, body) for key, body in session.execute(told))
    new: list[Entry] = []
    for entry in entries:
        if entry.key not in known:
            known[entry.key] = entry.body
            new.append(entry)
        elif known[entry.key] != entry.body:
            raise ConflictError(
                f"{entry.key}: the ledger has another body for it", hint="One fact was told twice; run the task again."
            )
    return new


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))


def nodes(session: Session) -> Nodes:
    """Read the tree for proofs, a block of 256 subtrees at a time; the blocks used last are remembered."""
    blocks = lru_cache(maxsize=_BLOCKS)(lambda base, number: _block(session, base, number))

    def node(level: int, index: int) -> bytes:
        above = level % TILE
        base, number = level - above, index >> (TILE - above)
        row = blocks(base, number)[above]
        place = index - (number << (TILE - above))
        if place >= len(row):
            raise EvidenceError(
                f"the ledger lacks the hash at level {level}, place {index}",
                hint="Run `governance evidence verify`; somebody removed rows.",
            )
        return row[place]

    return node


def _block(session: Session, level: int, number: int) -> list[list[bytes]]:
    """The hashes of a block at `level`, and of every complete pair, pair of pairs ... above them."""
    width = 1 << TILE
    rows = [_row_of_hashes(session, level, number * width, width)]
    for _ in range(TILE - 1):
        below = rows[-1]
        rows.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return rows


def _row_of_hashes(session: Session, level: int, start: int, count: int) -> list[bytes]:
    if level == 0:
        leaves = select(LedgerEntry.leaf).where(LedgerEntry.seq >= start, LedgerEntry.seq < start + count)
        return list(session.scalars(leaves.order_by(LedgerEntry.seq)))
    tiles = select(LedgerTile.hash).where(LedgerTile.level == level, LedgerTile.index >= start)
    return list(session.scalars(tiles.where(LedgerTile.index < start + count).order_by(LedgerTile.index)))


def root_at(session: Session, size: int) -> bytes:
    """The root of the log when it had `size` entries."""
    return merkle_root(nodes(session), size)


def begin(connection: Connection) -> None:
    """Start an empty log."""
    empty = {"id": 1, "size": 0, "frontier": b"", "recorded_at": _START}
    connection.execute(insert(LedgerHead), empty)


def adopt(connection: Connection) -> None:
    """Append entries for facts that are older than the ledger, in the order in which they were learnt."""
    with Session(connection) as session:
        there = set(inspect(connection).get_table_names())
        found = [told for table in FACTS if table.__tablename__ in there for told in _stored(session, table)]
        found.sort(key=lambda told: (told[2]["recorded_at"], told[0], told[2]["id"]))
        if found:
            entries = [entry_of(table, disclosed, row, new_salt()) for table, disclosed, row in found]
            append(session, entries, found[-1][2]["recorded_at"])
        session.flush()


def _stored(session: Session, table: type[Fact]) -> Iterable[Told]:
    """All rows of a table, in the columns that it has by now."""
    there = {column["name"] for column in inspect(session.connection()).get_columns(table.__tablename__)}
    columns = [column for column in table.__table__.columns if column.name in there]
    for row in session.execute(select(*columns)).mappings():
        yield table.__tablename__, table.disclosed, dict(row)
