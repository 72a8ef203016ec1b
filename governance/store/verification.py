# SPDX-License-Identifier: Apache-2.0
"""Compare the ledger with itself, with the facts, and with roots that are known from outside."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, literal, select

from governance.core.evidence import plain
from governance.core.merkle import EMPTY, Frontier
from governance.core.terms import Words
from governance.store import ledger
from governance.store.facts import AsOf, newest_one
from governance.store.models import FACTS, Erasure, EvidenceVerification, LedgerEntry, LedgerHead, LedgerTile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from governance.store.base import Fact

_BATCH: Final = 20_000
_MOST: Final = 100
"""Problems told in full; a history that was rewritten has as many as it has entries."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not match: where, and what."""

    where: str
    what: Words


@dataclass(slots=True)
class Walk:
    """The log read from its first entry on: how long it is, its root, and what does not match."""

    frontier: Frontier = field(default_factory=Frontier)
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def tell(self, where: str, ja: str, en: str) -> None:
        """Add a problem, as long as there are not too many."""
        if len(self.problems) < _MOST:
            self.problems.append(Problem(where, Words(ja, en)))

    def keep(self, level: int, index: int, hash_: bytes) -> None:
        """Remember a subtree that the database keeps as well."""
        if level % ledger.TILE == 0:
            self.tiles[level, index] = hash_


def log(session: Session, known: Mapping[int, bytes]) -> Walk:
    """Hash the whole log again; `known` are roots by size that were published or signed.

    One pass over key, body and stored hash of each entry; memory does not grow with the log but for one hash in 256.
    """
    walk, expected = Walk(), dict(known)
    if expected.pop(0, EMPTY) != EMPTY:
        walk.tell("checkpoint 0", "空の台帳の値が異なる", "is not the root of an empty ledger")
    for seq, key, body, leaf in _entries(session):
        _step(walk, seq, key, body, leaf)
        size = walk.frontier.size
        if size in expected and expected.pop(size) != walk.frontier.root():
            walk.tell(f"checkpoint {size}", "この時点までの履歴が書き換えられた", "history before it was rewritten")
    for size in sorted(expected):
        ja, en = f"台帳は{walk.frontier.size}件しかない", f"the ledger has only {walk.frontier.size} entries"
        walk.tell(f"checkpoint {size}", f"{ja}: 切り詰めまたは巻き戻し", f"{en}: cut off or rolled back")
    _compare_head(session, walk)
    _compare_tiles(session, walk)
    return walk


def _entries(session: Session) -> Iterator[Row[int, str, str, bytes]]:
    wanted, after = (LedgerEntry.seq, LedgerEntry.key, LedgerEntry.body, LedgerEntry.leaf), -1
    while True:
        batch = session.execute(
            select(*wanted).where(LedgerEntry.seq > after).order_by(LedgerEntry.seq).limit(_BATCH)
        ).all()
        yield from batch
        if len(batch) < _BATCH:
            return
        after = batch[-1][0]


def _step(walk: Walk, seq: int, key: str, body: str, leaf: bytes) -> None:
    if seq != walk.frontier.size and not walk.problems:
        expected = walk.frontier.size
        walk.tell(f"entry {expected}", f"欠番または順序違い(次は{seq})", f"missing or out of order: {seq} follows")
    computed = ledger.leaf_of(key, body)
    if computed != leaf:
        walk.tell(f"entry {seq}", "内容がハッシュと一致しない", "its content does not match its hash")
    walk.frontier.append(computed, walk.keep)


def _compare_head(session: Session, walk: Walk) -> None:
    head = session.scalar(select(LedgerHead))
    found = (head.size, head.frontier) if head else None
    if found != (walk.frontier.size, walk.frontier.packed()):
        walk.tell("ledger_head", "先頭情報が台帳と一致しない", "does not match the entries")


def _compare_tiles(session: Session, walk: Walk) -> None:
    kept = select(LedgerTile.level, LedgerTile.index, LedgerTile.hash)
    stored = {(level, index): hash_ for level, index, hash_ in session.execute(kept)}
    for level, index in sorted({place for place, _ in stored.items() ^ walk.tiles.items()}):
        walk.tell(f"ledger_tile {level}/{index}", "保存値が台帳と一致しない", "does not match the entries")


def last(session: Session, at: AsOf) -> EvidenceVerification | None:
    """How the last comparison ended."""
    return newest_one(session, EvidenceVerification, at)


def facts(session: Session) -> tuple[int, list[Problem]]:
    """Compare every fact with its entry, both ways; returns how many facts there are, and what does not match."""
    walk, total = Walk(), 0
    for table in FACTS:
        total += _compare_rows(session, table, walk)
    entries = session.scalar(select(func.count()).select_from(LedgerEntry)) or 0
    if entries != total or walk.problems:
        for table in FACTS:
            _find_lost(session, table, walk)
    if entries != total and not walk.problems:
        walk.tell("ledger_entry", f"記録{total}件に対し{entries}件", f"{entries} entries for {total} facts")
    return total, walk.problems


def _compare_rows(session: Session, table: type[Fact], walk: Walk) -> int:
    count, erased = 0, set(session.scalars(select(Erasure.fact)))
    for row, body, salt in _rows_with_entries(session, table):
        count += 1
        key = ledger.key_of(table.__tablename__, row["id"])
        if body is None:
            walk.tell(key, "台帳にない記録", "a fact that the ledger does not have")
        elif salt is None:
            if key not in erased or not _still_shows(table, row, body):
                walk.tell(key, "消去の記録なしに内容が失われた", "its content is gone without a recorded erasure")
        elif ledger.entry_of(table.__tablename__, table.disclosed, row, salt).body != body:
            walk.tell(key, "記録が台帳の登録後に変更された", "the fact was changed after it was recorded")
    return count


def _still_shows(table: type[Fact], row: Mapping[str, Any], body: str) -> bool:
    """Whether what an entry shows of an erased fact is still in its row."""
    shown = {name: row[name] for name in table.disclosed if row[name] is not None}
    return bool(json.loads(body)["disclosed"] == plain(shown))


def _rows_with_entries(
    session: Session, table: type[Fact]
) -> Iterator[tuple[Mapping[str, Any], str | None, str | None]]:
    columns = list(table.__table__.columns)
    entry = LedgerEntry.key == literal(f"{table.__tablename__}/") + table.id
    found = select(*columns, LedgerEntry.body.label("_body"), LedgerEntry.salt.label("_salt")).outerjoin(
        LedgerEntry, entry
    )
    names = [column.name for column in columns]
    for row in session.execute(found.execution_options(yield_per=1000)):
        yield dict(zip(names, row[:-2], strict=True)), row[-2], row[-1]


def _find_lost(session: Session, table: type[Fact], walk: Walk) -> None:
    prefix = f"{table.__tablename__}/"
    lost = (
        select(LedgerEntry.key)
        .outerjoin(table, LedgerEntry.key == literal(prefix) + table.id)
        .where(LedgerEntry.key.startswith(prefix, autoescape=True), table.id.is_(None))
    )
    for key in session.scalars(lost.limit(_MOST)):
        walk.tell(key, "台帳にある記録が削除された", "the fact was removed, the ledger still has it")
