# SPDX-License-Identifier: Apache-2.0
"""What somebody does to the database behind our back, and which comparison tells: log, facts or published roots."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from governance.core import signed_note
from governance.core.merkle import Frontier
from governance.core.signed_note import Checkpoint
from governance.errors import EvidenceError
from governance.steps import evidence_seal
from governance.store import database, ledger, verification
from governance.store.models import FACTS, AliasEvent, LedgerCheckpoint, LedgerEntry, LedgerHead, LedgerTile
from tests.integration import databases
from tests.integration.test_ledger import alias, copied, drop_triggers, migrated, runtime, tell

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from governance.runtime import Runtime
    from governance.store.base import Fact
    from governance.store.verification import Problem

KEY: Final = signed_note.new_signing_key("ledger.example")
FOREIGN: Final = signed_note.new_signing_key("ledger.example")
ENTRY: Final[Any] = LedgerEntry.__table__
TILE: Final[Any] = LedgerTile.__table__
HEAD: Final[Any] = LedgerHead.__table__
NOTE: Final[Any] = LedgerCheckpoint.__table__
ALIAS: Final[Any] = AliasEvent.__table__
SEALED: Final = (11, 270, 290)
SIZE: Final = 295
"""Entry 10 announces the key, all others are aliases; five are behind the last seal."""

Entries = list[tuple[str, str, str | None]]
"""Key, body and salt."""


@dataclass(frozen=True)
class Place:
    """A database, and the directory where its checkpoints were published."""

    url: SecretStr
    published: Path


@pytest.fixture(scope="module", params=databases.KINDS)
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Place]:
    home = tmp_path_factory.mktemp("original")
    with migrated(request.param, home) as url:
        rt = runtime(url, home, signing_key=SecretStr(KEY))
        told = 0
        for size in (*SEALED, SIZE):
            tell(rt, *(alias(number, f"m{number}") for number in range(told, size if told else size - 1)))
            told = size
            if size in SEALED:
                evidence_seal.seal(rt)
        rt.engine.dispose()
        assert [path.name for path in sorted((home / "published").iterdir())] == [
            f"{n:012d}.checkpoint" for n in SEALED
        ]
        if request.param == "postgresql":
            keep_a_copy(url)
        yield Place(url, home / "published")


TABLES: Final = (*(table.__tablename__ for table in FACTS), ENTRY.name, TILE.name, HEAD.name, NOTE.name)


def keep_a_copy(url: SecretStr) -> None:
    engine = database.connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA kept")
        for table in TABLES:
            connection.exec_driver_sql(f"CREATE TABLE kept.{table} AS TABLE {table}")
    engine.dispose()


def bring_back(url: SecretStr) -> None:
    """All rows as they were, and all guards: faster than a database for each test."""
    engine = database.connect(url)
    with engine.begin() as connection:
        drop_triggers(connection, *TABLES)
        connection.exec_driver_sql(f"TRUNCATE {', '.join(TABLES)}")
        for table in TABLES:
            connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM kept.{table}")  # noqa: S608 - our own names
        guards = "SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal"
        for table, guard in connection.exec_driver_sql(guards).all():
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {guard}")
    engine.dispose()


@pytest.fixture
def rt(original: Place, tmp_path: Path) -> Generator[Runtime]:
    """A copy to be spoilt, or what is brought back afterwards."""
    shutil.copytree(original.published, tmp_path / "published")
    is_file = original.url.get_secret_value().startswith("sqlite")
    with copied(original.url, tmp_path) if is_file else nullcontext(original.url) as url:
        opened = runtime(url, tmp_path, signing_key=SecretStr(KEY))
        yield opened
        opened.engine.dispose()
        if not is_file:
            bring_back(url)


# --- what an administrator of the database can do


def read(connection: sa.Connection) -> Entries:
    rows = connection.execute(sa.select(ENTRY.c.key, ENTRY.c.body, ENTRY.c.salt).order_by(ENTRY.c.seq))
    return [(key, body, salt) for key, body, salt in rows]


def rebuild(connection: sa.Connection, told: Entries) -> None:
    """Make all of the log again from `told`, so that it fits together."""
    frontier, tiles = Frontier(), list[dict[str, Any]]()
    rows: list[dict[str, Any]] = [
        {"seq": seq, "key": key, "body": body, "leaf": ledger.leaf_of(key, body), "salt": salt}
        for seq, (key, body, salt) in enumerate(told)
    ]
    for row in rows:
        frontier.append(row["leaf"], lambda level, index, hash_: keep(tiles, level, index, hash_))
    for table in (ENTRY, TILE):
        connection.execute(table.delete())
    for table, filled in ((ENTRY, rows), (TILE, tiles)):
        if filled:
            connection.execute(table.insert(), filled)
    connection.execute(HEAD.update().values(size=frontier.size, frontier=frontier.packed()))


def keep(tiles: list[dict[str, Any]], level: int, index: int, hash_: bytes) -> None:
    if level % ledger.TILE == 0:
        tiles.append({"level": level, "index": index, "hash": hash_})


def id_at(connection: sa.Connection, seq: int) -> str:
    key: str = connection.execute(sa.select(ENTRY.c.key).where(ENTRY.c.seq == seq)).scalar_one()
    return key.rpartition("/")[2]


def retell(connection: sa.Connection, seq: int) -> None:
    """Change a fact and its entry, as if it had been told so from the start."""
    id_ = id_at(connection, seq)
    connection.execute(ALIAS.update().where(ALIAS.c.id == id_).values(to_version=99))
    row = dict(connection.execute(sa.select(ALIAS).where(ALIAS.c.id == id_)).mappings().one())
    salt = ledger.new_salt()
    body = ledger.entry_of("alias_event", AliasEvent.disclosed, row, salt).body
    told = read(connection)
    told[seq] = (told[seq][0], body, salt)
    rebuild(connection, told)


def forget(connection: sa.Connection, size: int, *, checkpoints: int) -> None:
    """Bring back the state at `size`, as an old backup has it, with the checkpoints up to a size."""
    told = read(connection)
    for table in FACTS:
        lost = [key.rpartition("/")[2] for key, *_ in told[size:] if key.startswith(f"{table.__tablename__}/")]
        rows: Any = table.__table__
        connection.execute(rows.delete().where(rows.c.id.in_(lost)))
    rebuild(connection, told[:size])
    connection.execute(NOTE.delete().where(NOTE.c.size > checkpoints))


def set_body(connection: sa.Connection) -> None:
    body = ENTRY.c.body + " "
    connection.execute(ENTRY.update().where(ENTRY.c.seq == 7).values(body=body))


def set_body_and_hash(connection: sa.Connection) -> None:
    set_body(connection)
    key, body, _ = read(connection)[7]
    connection.execute(ENTRY.update().where(ENTRY.c.seq == 7).values(leaf=ledger.leaf_of(key, body)))


def set_key(connection: sa.Connection) -> None:
    connection.execute(ENTRY.update().where(ENTRY.c.seq == 7).values(key="alias_event/other"))


def delete_entry(connection: sa.Connection) -> None:
    connection.execute(ENTRY.delete().where(ENTRY.c.seq == 7))


def delete_last_entry(connection: sa.Connection) -> None:
    connection.execute(ENTRY.delete().where(ENTRY.c.seq == SIZE - 1))


def renumber(connection: sa.Connection) -> None:
    connection.execute(ENTRY.update().where(ENTRY.c.seq == 7).values(seq=9999))


def swap(connection: sa.Connection) -> None:
    for old, new in ((3, -1), (7, 3), (-1, 7)):
        connection.execute(ENTRY.update().where(ENTRY.c.seq == old).values(seq=new))


def erase_salt(connection: sa.Connection) -> None:
    connection.execute(ENTRY.update().where(ENTRY.c.seq == 7).values(salt=None))


def set_tile(connection: sa.Connection) -> None:
    connection.execute(TILE.update().values(hash=b"\0" * 32))


def delete_tile(connection: sa.Connection) -> None:
    connection.execute(TILE.delete())


def set_head(connection: sa.Connection) -> None:
    frontier = connection.execute(sa.select(HEAD.c.frontier)).scalar_one()
    connection.execute(HEAD.update().values(frontier=b"\0" * len(frontier)))


def delete_head(connection: sa.Connection) -> None:
    connection.execute(HEAD.delete())


def set_fact(connection: sa.Connection) -> None:
    connection.execute(ALIAS.update().where(ALIAS.c.id == id_at(connection, 7)).values(to_version=99))


def set_moment(connection: sa.Connection) -> None:
    """One microsecond."""
    id_ = id_at(connection, 7)
    moment = connection.execute(sa.select(AliasEvent.effective_at).where(AliasEvent.id == id_)).scalar_one()
    connection.execute(ALIAS.update().where(ALIAS.c.id == id_).values(effective_at=moment.replace(microsecond=1)))


def delete_fact(connection: sa.Connection) -> None:
    connection.execute(ALIAS.delete().where(ALIAS.c.id == id_at(connection, 7)))


def add_fact(connection: sa.Connection) -> None:
    row = dict(connection.execute(sa.select(ALIAS).where(ALIAS.c.id == id_at(connection, 7))).mappings().one())
    connection.execute(ALIAS.insert().values(row | {"id": "f" * 64}))


def exchange_fact(connection: sa.Connection) -> None:
    """As many as before."""
    add_fact(connection)
    delete_fact(connection)


def sign_with_another_key(connection: sa.Connection) -> None:
    """Checkpoints over the log as it is by now."""
    told, frontier = read(connection), Frontier()
    connection.execute(NOTE.delete())
    for key, body, _ in told:
        frontier.append(ledger.leaf_of(key, body))
        if frontier.size in SEALED:
            text = Checkpoint("ledger.example", frontier.size, frontier.root()).text
            moment = connection.execute(sa.select(LedgerHead.recorded_at)).scalar_one()
            row = {"size": frontier.size, "note": signed_note.sign(text, FOREIGN), "known_at": moment}
            connection.execute(NOTE.insert().values(row))


def change_a_note(connection: sa.Connection) -> None:
    note = connection.execute(sa.select(NOTE.c.note).where(NOTE.c.size == 270)).scalar_one()
    connection.execute(NOTE.update().where(NOTE.c.size == 270).values(note=note.replace("\n270\n", "\n271\n")))


def rewrite(connection: sa.Connection) -> None:
    retell(connection, 7)
    connection.execute(NOTE.delete())


def rewrite_and_sign(connection: sa.Connection) -> None:
    retell(connection, 7)
    sign_with_another_key(connection)


def rewrite_only(connection: sa.Connection) -> None:
    retell(connection, 7)


def roll_back(connection: sa.Connection) -> None:
    forget(connection, 272, checkpoints=270)


def roll_back_to_nothing(connection: sa.Connection) -> None:
    forget(connection, 0, checkpoints=0)


def forge_tail(connection: sa.Connection) -> None:
    retell(connection, 280)
    connection.execute(NOTE.delete().where(NOTE.c.size > 270))


def forge_what_is_not_sealed(connection: sa.Connection) -> None:
    retell(connection, 292)


def nothing(_connection: sa.Connection) -> None:
    pass


Said = tuple[str, str] | None
"""Where, and what of it; or that nothing is said."""


@dataclass(frozen=True)
class Case:
    """What is done, and what each comparison says first."""

    change: Callable[[sa.Connection], None]
    log: Said = None
    facts: Said = None
    roots: Said = None
    published: Callable[[Path], None] = lambda _directory: None


def of(seq: int) -> str:
    return f"entry {seq}"


UNKNOWN: Final = "not signed by a key that we know"
UNFIT: Final = "signature does not fit"
REWRITTEN: Final = ("checkpoint 11", "history before it was rewritten")
NO_MATCH: Final = "does not match the entries"
CHANGED: Final = ("alias_event/", "was changed after it was recorded")
NOT_THERE: Final = ("alias_event/", "a fact that the ledger does not have")


def alter_published(directory: Path) -> None:
    path = directory / "000000000270.checkpoint"
    path.write_text(path.read_text().replace("\n270\n", "\n271\n"))


def forge_published(directory: Path) -> None:
    path = directory / "000000000270.checkpoint"
    text, _, _ = path.read_text().rpartition("\n\n")
    path.write_text(signed_note.sign(text + "\n", FOREIGN))


def spoil_published(directory: Path) -> None:
    (directory / "000000000270.checkpoint").write_bytes(b"\xff\xfe no note")


CASES: Final = {
    "nothing": Case(nothing),
    "an entry's body": Case(set_body, (of(7), "does not match its hash"), CHANGED, REWRITTEN),
    "an entry's body and hash": Case(set_body_and_hash, ("ledger_head", NO_MATCH), CHANGED, REWRITTEN),
    "an entry's key": Case(set_key, (of(7), "does not match its hash"), NOT_THERE, REWRITTEN),
    "an entry removed": Case(delete_entry, (of(7), "missing or out of order: 8 follows"), NOT_THERE, REWRITTEN),
    "the last entry removed": Case(delete_last_entry, ("ledger_head", NO_MATCH), NOT_THERE),
    "an entry renumbered": Case(renumber, (of(7), "missing or out of order: 8 follows"), None, REWRITTEN),
    "two entries swapped": Case(swap, ("ledger_head", NO_MATCH), None, REWRITTEN),
    "an entry's salt": Case(erase_salt, None, ("alias_event/", "gone without a recorded erasure")),
    "a tile": Case(set_tile, ("ledger_tile 8/0", NO_MATCH)),
    "a tile removed": Case(delete_tile, ("ledger_tile 8/0", NO_MATCH)),
    "the head": Case(set_head, ("ledger_head", NO_MATCH)),
    "the head removed": Case(delete_head, ("ledger_head", NO_MATCH)),
    "a fact": Case(set_fact, None, CHANGED),
    "a fact's moment": Case(set_moment, None, CHANGED),
    "a fact removed": Case(delete_fact, None, ("alias_event/", "the fact was removed, the ledger still has it")),
    "a fact added": Case(add_fact, None, NOT_THERE),
    "a fact exchanged for another": Case(exchange_fact, None, NOT_THERE),
    "checkpoints of another key": Case(sign_with_another_key, roots=("ledger_checkpoint 11", UNKNOWN)),
    "a checkpoint in the database": Case(change_a_note, roots=("ledger_checkpoint 270", UNFIT)),
    "a published checkpoint": Case(nothing, roots=("000000000270.checkpoint", UNFIT), published=alter_published),
    "a published one of another key": Case(
        nothing, roots=("000000000270.checkpoint", UNKNOWN), published=forge_published
    ),
    "a published one that is no text": Case(
        nothing, roots=("000000000270.checkpoint", "no signed note"), published=spoil_published
    ),
    "all rewritten": Case(rewrite, roots=REWRITTEN),
    "all rewritten, checkpoints kept": Case(rewrite_only, roots=REWRITTEN),
    "all rewritten, checkpoints signed anew": Case(rewrite_and_sign, roots=("ledger_checkpoint 11", UNKNOWN)),
    "an old backup": Case(roll_back, roots=("checkpoint 290", "the ledger has only 272 entries: cut off or rolled")),
    "an empty database": Case(roll_back_to_nothing, roots=("checkpoint 290", "the ledger has only 0 entries")),
    "the tail forged": Case(forge_tail, roots=("checkpoint 290", "history before it was rewritten")),
    "what no checkpoint covers yet": Case(forge_what_is_not_sealed),
}


def says(found: Sequence[Problem], expected: Said, *, only: bool = False) -> None:
    """The problem is among those told (the first of them, if `only`); or nothing is."""
    told = [(problem.where, problem.what.en) for problem in found]
    if expected is None:
        assert told == []
        return
    where, what = expected
    place = [said for at, said in told if at == where or (where.endswith("/") and at.startswith(where))]
    assert any(what in said for said in place), told
    if only:
        assert what in place[0], told
        assert told[0][1] in place, told


def spoil(rt: Runtime, change: Callable[[sa.Connection], None]) -> None:
    with rt.engine.execution_options(write=True).begin() as connection:
        drop_triggers(connection, *TABLES)
        change(connection)


@pytest.mark.parametrize("name", CASES)
def test_every_change_behind_our_back_is_told_by_the_comparison_that_can_see_it(rt: Runtime, name: str) -> None:
    case = CASES[name]
    spoil(rt, case.change)
    directory = rt.settings.pack_dir.parent / "published"
    case.published(directory)
    with rt.reading() as session:
        says(verification.log(session, {}).problems, case.log, only=True)
        says(verification.facts(session)[1], case.facts, only=True)
    found = evidence_seal.verify(rt)
    for expected in (case.log, case.facts, case.roots):
        if expected:
            says(found.problems, expected)
    assert found.is_intact == (not (case.log or case.facts or case.roots))
    assert (
        evidence_seal.report(found, "en")
        .partition("\n")[0]
        .endswith("all match" if found.is_intact else "they do NOT match")
    )


@pytest.mark.parametrize("change", [rewrite, roll_back, forge_tail, roll_back_to_nothing])
def test_a_database_that_nobody_kept_a_checkpoint_of_can_be_rewritten_unseen(
    rt: Runtime, change: Callable[[sa.Connection], None]
) -> None:
    """Which is why checkpoints leave the database."""
    spoil(rt, change)
    with rt.engine.execution_options(write=True).begin() as connection:
        connection.execute(NOTE.delete())
    published = rt.settings.pack_dir.parent / "published"
    published.rename(published.with_name("kept elsewhere"))
    assert evidence_seal.verify(rt).is_intact
    published.with_name("kept elsewhere").rename(published)
    assert not evidence_seal.verify(rt).is_intact


@pytest.mark.parametrize(
    "change",
    [rewrite_only, rewrite, rewrite_and_sign, roll_back, forge_tail],
)
def test_a_log_that_does_not_extend_what_was_sealed_is_not_sealed(
    rt: Runtime, change: Callable[[sa.Connection], None]
) -> None:
    spoil(rt, change)
    tell(rt, alias(1000, "later"))
    with rt.reading() as session:
        before = session.scalars(sa.select(LedgerCheckpoint.note)).all()
    with pytest.raises(EvidenceError):
        evidence_seal.seal(rt)
    with rt.reading() as session:
        assert session.scalars(sa.select(LedgerCheckpoint.note)).all() == before
    assert len(list((rt.settings.pack_dir.parent / "published").iterdir())) == len(SEALED)


# --- with the guards in place

REFUSED: Final = {
    "ledger_entry": ("body = 'x'", "seq = 9999", "salt = NULL"),
    "ledger_tile": ("level = 16",),
    "ledger_checkpoint": ("note = 'x'",),
    "ledger_head": ("size = 270", "size = 9999", "recorded_at = '2020-01-01 00:00:00.000000'", "id = 2"),
    "alias_event": ("to_version = 99",),
}
INSERTS: Final = (
    "INSERT INTO ledger_entry (seq, key, body, leaf) VALUES (9999, 'x', 'x', 'x')",
    "INSERT INTO ledger_entry (seq, key, body, leaf) VALUES (-1, 'x', 'x', 'x')",
    "INSERT INTO ledger_head (id, size, frontier, recorded_at) VALUES (2, 0, 'x', '2020-01-01 00:00:00.000000')",
)


def test_sql_that_changes_what_was_written_is_refused(rt: Runtime) -> None:
    postgresql = rt.engine.dialect.name == "postgresql"
    changes = [f"UPDATE {table} SET {what}" for table, changes_told in REFUSED.items() for what in changes_told]  # noqa: S608 - our own
    changes += [f"DELETE FROM {table}" for table in REFUSED]  # noqa: S608 - our own names
    changes += [f"TRUNCATE {table}" for table in REFUSED] if postgresql else []
    around = ("", "SET session_replication_role = replica; ") if postgresql else ("",)
    for change in (*changes, *INSERTS):
        for before in around:
            with rt.engine.execution_options(write=True).connect() as connection:
                with pytest.raises(DBAPIError, match=r"append-only|out of order|only grows|there is one"):
                    connection.exec_driver_sql(before + change.replace("'x', 'x')", "'x', '\\x00')"))
                connection.rollback()
    assert evidence_seal.verify(rt).is_intact


def test_what_is_there_is_not_replaced_on_sqlite(original: Place, rt: Runtime) -> None:
    """REPLACE removes a row without firing the trigger on DELETE."""
    if not original.url.get_secret_value().startswith("sqlite"):
        pytest.skip("PostgreSQL has no REPLACE")
    with rt.engine.execution_options(write=True).begin() as connection:
        row = dict(connection.execute(sa.select(ENTRY).where(ENTRY.c.seq == 7)).mappings().one())
        head = dict(connection.execute(sa.select(HEAD)).mappings().one())
        for table, forged in (
            (ENTRY, row | {"body": "x"}),
            (NOTE, {"size": 270, "note": "x", "known_at": head["recorded_at"]}),
            (TILE, {"level": 8, "index": 0, "hash": b"x"}),
        ):
            try:
                connection.execute(table.insert().prefix_with("OR REPLACE").values(forged))
            except DBAPIError as error:
                assert "out of order" in str(error)
    assert evidence_seal.verify(rt).is_intact


def test_the_head_is_not_replaced_on_sqlite(original: Place, rt: Runtime) -> None:
    if not original.url.get_secret_value().startswith("sqlite"):
        pytest.skip("PostgreSQL has no REPLACE")
    with rt.engine.execution_options(write=True).begin() as connection:
        head = dict(connection.execute(sa.select(HEAD)).mappings().one())
        with pytest.raises(DBAPIError, match="there is one"):
            connection.execute(HEAD.insert().prefix_with("OR REPLACE").values(head | {"frontier": b"x"}))


def test_many_problems_are_counted_and_not_all_printed(rt: Runtime) -> None:
    def lose_everything(connection: sa.Connection) -> None:
        connection.execute(ALIAS.delete())

    spoil(rt, lose_everything)
    lines = evidence_seal.report(evidence_seal.verify(rt), "ja").splitlines()
    assert lines[0].endswith("一致しない")
    assert lines[-1] == "- ほか80件"
    assert len(lines) == 22


def test_a_fact_of_a_table_without_an_entry_is_told_whatever_the_table(rt: Runtime) -> None:
    table: type[Fact] = FACTS[0]
    rows: Any = table.__table__
    with rt.engine.execution_options(write=True).begin() as connection:
        content = {"id": "a" * 64, "subject": "x", "effective_at": rt.clock(), "recorded_at": rt.clock()}
        content |= {"actor": "x", "source": "x", "digest": "0" * 64, "models": 1, "versions": 1}
        connection.execute(rows.insert().values(content | {"changes": {}, "findings": []}))
    assert database.status(rt.engine)[0] == database.status(rt.engine)[1]
    says(evidence_seal.verify(rt).problems, (f"inventory_sweep/{'a' * 64}", "the ledger does not have"))
