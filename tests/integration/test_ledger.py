# SPDX-License-Identifier: Apache-2.0
"""Each fact has one entry in the log, in the order of commits, whatever the clock, the writers and the content do."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import BigInteger, Boolean, Date, Float, String, Text, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from governance.core import merkle
from governance.core.evidence import plain
from governance.core.merkle import EMPTY, node_hash
from governance.errors import ConflictError, EvidenceError, StoreError
from governance.runtime import Runtime
from governance.settings import Settings
from governance.store import database, facts, ledger, verification
from governance.store.facts import AsOf, Telling
from governance.store.ledger import Entry
from governance.store.models import FACTS, AliasEvent, LedgerEntry, LedgerHead
from governance.store.types import UtcDateTime
from tests import factories
from tests.integration import databases

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from governance.store.base import Fact

NOW: Final = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
HOSTILE: Final = (
    "<script>alert(1)</script>",
    "=1+1",
    "m\0x",
    "\ud800",
    "\u202egnp",
    "与信モデル",
    "%s {} \\",
    "x" * 5000,
)
MIGRATIONS: Final = factories.ROOT / "governance" / "store" / "migrations"


class Clock:
    """Shows what it is set to; it never ticks by itself."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def migrated(kind: str, directory: Path) -> Generator[SecretStr]:
    """The URL of an empty database with our schema that nobody has open."""
    with databases.database(kind, directory) as url:
        engine = database.connect(url)
        database.upgrade(engine)
        engine.dispose()
        yield url


@contextmanager
def copied(url: SecretStr, directory: Path) -> Generator[SecretStr]:
    """The URL of a copy of a database that nobody has open."""
    parsed = make_url(url.get_secret_value())
    if parsed.get_backend_name() == "sqlite":
        copy = directory / f"{uuid.uuid4().hex}.db"
        shutil.copy(parsed.database or "", copy)
        yield SecretStr(f"sqlite:///{copy}")
        return
    server = sa.create_engine(parsed.set(database="postgres"), isolation_level="AUTOCOMMIT")
    name = f"governance_{uuid.uuid4().hex[:12]}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {parsed.database}")
    try:
        yield SecretStr(parsed.set(database=name).render_as_string(hide_password=False))
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


def runtime(url: SecretStr, home: Path, **changes: Any) -> Runtime:
    """A runtime whose places are all below `home` and whose clock stands still."""
    places: dict[str, Any] = {
        "database_url": url,
        "pack_dir": home / "packs",
        "data_dir": home / "data",
        "evidence_url": str(home / "evidence"),
        "checkpoint_url": str(home / "published"),
        "signing_key_file": home / "signing.key",
    }
    opened = Settings(**(places | changes))
    return Runtime(opened, factories.shipped(), database.connect(url), Clock(), "tests", "shell")


def alias(to: int | None, model: str = "m", name: str = "champion") -> AliasEvent:
    return AliasEvent(subject=model, model=model, alias=name, from_version=None, to_version=to)


def tell(rt: Runtime, *rows: Fact) -> None:
    """Record facts in one transaction."""
    with rt.writing() as session:
        telling = rt.telling(session)
        for row in rows:
            facts.record_changed(session, [row], telling)


def entries(count: int, start: int = 0) -> list[Entry]:
    return [Entry(f"test/{number:06d}", f'{{"number":{number}}}') for number in range(start, start + count)]


def append(engine: sa.Engine, told: Sequence[Entry]) -> int:
    with ledger.writing(engine) as session:
        return ledger.append(session, told, NOW)


def by_definition(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


def found(session: Session) -> list[tuple[str, str]]:
    """Everything in the log and among the facts that does not match."""
    problems = [*verification.log(session, {}).problems, *verification.facts(session)[1]]
    return [(problem.where, problem.what.en) for problem in problems]


@pytest.fixture(scope="module", params=databases.KINDS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[sa.Engine]:
    """A database for tests that leave nothing behind."""
    with migrated(request.param, tmp_path_factory.mktemp("ledger")) as url:
        engine = database.connect(url)
        yield engine
        engine.dispose()


@pytest.fixture(params=databases.KINDS)
def rt(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Runtime]:
    with migrated(request.param, tmp_path) as url:
        opened = runtime(url, tmp_path)
        yield opened
        opened.engine.dispose()


class UndoError(Exception):
    """Leaves a transaction without committing it."""


@contextmanager
def undone(engine: sa.Engine) -> Generator[Session]:
    with suppress(UndoError), ledger.writing(engine) as session:
        yield session
        raise UndoError


# --- the order of commits


def test_facts_count_as_learnt_in_the_order_of_commits_though_the_clock_stands_still_or_goes_back(rt: Runtime) -> None:
    assert isinstance(rt.clock, Clock)
    for number, minutes in enumerate((0, 0, -60, -59, 5, 5, 4)):
        rt.clock.now = NOW + timedelta(minutes=minutes)
        tell(rt, alias(number), alias(number, "other"))
    with rt.reading() as session:
        key = LedgerEntry.key == sa.literal("alias_event/") + AliasEvent.id
        told = select(AliasEvent.to_version, AliasEvent.recorded_at).join(LedgerEntry, key).order_by(LedgerEntry.seq)
        rows: list[tuple[int | None, datetime]] = [(number, moment) for number, moment in session.execute(told)]
        assert ledger.known_at(session) == rows[-1][1]
    assert [number for number, _ in rows] == [number for number in range(7) for _ in range(2)]
    moments = [moment for _, moment in rows]
    assert moments[::2] == moments[1::2], "one transaction, one moment"
    assert all(before < after for before, after in itertools.pairwise(moments[::2]))
    assert moments[0] == NOW
    assert moments[8] == NOW + timedelta(minutes=5), "the clock is right again as soon as it is ahead"


WRITER: Final = """
import sys
from datetime import UTC, datetime
from pydantic import SecretStr
from governance.store import database, facts, ledger
from governance.store.facts import Telling
from governance.store.models import AliasEvent
engine = database.connect(SecretStr(sys.argv[1]))
sys.stdin.readline()
for number in range(15):
    with ledger.writing(engine) as session:
        now = datetime.now(UTC)
        telling = Telling("tests", "shell", now, ledger.moment(session, now))
        model = {"subject": sys.argv[2], "model": sys.argv[2], "from_version": None, "to_version": number}
        facts.record_changed(session, [AliasEvent(alias=name, **model) for name in ("champion", "other")], telling)
"""


def test_writers_at_the_same_time_leave_no_gap_and_no_moment_out_of_order(rt: Runtime) -> None:
    url = rt.settings.database_url.get_secret_value()
    command_ = [sys.executable, "-c", WRITER, url]
    started = [
        subprocess.Popen([*command_, f"m{i}"], stdin=subprocess.PIPE, cwd=factories.ROOT, env=os.environ)
        for i in range(3)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in started:
        process.communicate(timeout=120)
    assert [process.returncode for process in started] == [0, 0, 0]
    with rt.reading() as session:
        key = LedgerEntry.key == sa.literal("alias_event/") + AliasEvent.id
        columns = select(LedgerEntry.seq, AliasEvent.model, AliasEvent.to_version, AliasEvent.recorded_at)
        rows = session.execute(columns.join(AliasEvent, key).order_by(LedgerEntry.seq)).all()
        assert found(session) == []
    assert [seq for seq, *_ in rows] == list(range(3 * 15 * 2))
    transactions = [(model, number, moment) for _, model, number, moment in rows]
    assert transactions[::2] == transactions[1::2]
    moments = [moment for _, _, moment in transactions[::2]]
    assert all(before < after for before, after in itertools.pairwise(moments))
    for writer in range(3):
        assert [number for model, number, _ in transactions[::2] if model == f"m{writer}"] == list(range(15))


def test_what_is_known_at_a_moment_does_not_change_when_a_slow_writer_commits(rt: Runtime) -> None:
    tell(rt, alias(1))
    inside, go_on = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with rt.writing() as session:
            telling = rt.telling(session)
            facts.record_changed(session, [alias(2)], telling)
            inside.set()
            go_on.wait(30)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert inside.wait(30)
    with rt.reading() as session:
        position = rt.current(session)
        before = [row.to_version for row in facts.newest(session, AliasEvent, position)]
        go_on.set()
        writer.join()
        assert [row.to_version for row in facts.newest(session, AliasEvent, position)] == before == [1]
    with rt.reading() as session:
        assert [row.to_version for row in facts.newest(session, AliasEvent, position)] == [1]
        assert [row.to_version for row in facts.newest(session, AliasEvent, rt.current(session))] == [2]


# --- what goes into the log


def test_facts_told_outside_of_a_transaction_over_the_ledger_are_refused(shared: sa.Engine) -> None:
    telling = Telling("tests", "shell", NOW, NOW)
    with Session(shared) as session:
        with pytest.raises(StoreError, match=r"within `ledger\.writing` only") as caught:
            facts.record_changed(session, [alias(1)], telling)
        assert "Runtime.writing()" in caught.value.hint
        with pytest.raises(StoreError, match=r"within `ledger\.writing` only"):
            ledger.moment(session, NOW)


def test_a_transaction_that_tells_nothing_or_fails_leaves_the_log_as_it_was(rt: Runtime) -> None:
    tell(rt, alias(1))
    with rt.reading() as session:
        before = session.execute(select(LedgerHead.size, LedgerHead.frontier, LedgerHead.recorded_at)).one()
    assert isinstance(rt.clock, Clock)
    rt.clock.now += timedelta(days=1)
    tell(rt, alias(1))
    with pytest.raises(UndoError), rt.writing() as session:
        facts.record_changed(session, [alias(2)], rt.telling(session))
        ledger.append_facts(session)
        raise UndoError
    with rt.reading() as session:
        assert session.execute(select(LedgerHead.size, LedgerHead.frontier, LedgerHead.recorded_at)).one() == before
        assert found(session) == []


def test_an_entry_told_again_is_one_entry_and_another_body_under_its_key_is_a_conflict(shared: sa.Engine) -> None:
    with undone(shared) as session:
        assert ledger.append(session, [*entries(3), *entries(2)], NOW) == 3
        assert ledger.append(session, entries(5), NOW) == 2
        with pytest.raises(ConflictError, match="test/000001: the ledger has another body"):
            ledger.append(session, [*entries(1, 7), Entry("test/000001", "{}")], NOW)
        assert ledger.size(session) == 5


def test_roots_and_proofs_are_those_of_the_rfc_across_the_blocks_that_are_kept(shared: sa.Engine) -> None:
    told = entries(1300)
    leaves = [entry.leaf for entry in told]
    with undone(shared) as session:
        for start, stop in itertools.pairwise((0, 1, 255, 256, 257, 900, 1300)):
            ledger.append(session, told[start:stop], NOW)
        nodes = ledger.nodes(session)
        root = by_definition(leaves)
        for size in (1, 2, 255, 256, 257, 511, 512, 513, 1024, 1299, 1300):
            assert ledger.root_at(session, size) == by_definition(leaves[:size])
            proof = merkle.consistency(nodes, size, 1300)
            assert merkle.verify_consistency(size, 1300, by_definition(leaves[:size]), root, proof)
        for seq in (0, 1, 254, 255, 256, 511, 1023, 1024, 1299):
            assert merkle.verify_inclusion(seq, 1300, leaves[seq], merkle.inclusion(nodes, seq, 1300), root)
        with pytest.raises(EvidenceError, match="lacks the hash at level 0, place 1300"):
            merkle.inclusion(nodes, 0, 1301)


def test_an_entry_shows_ids_and_numbers_but_no_text_and_two_of_a_kind_look_different(rt: Runtime) -> None:
    private = "personal words"
    row: dict[str, Any] = dict.fromkeys(("id", "digest"), "0" * 64) | {
        "subject": private,
        "model": "m",
        "actor": private,
    }
    row |= {"effective_at": plain(NOW), "recorded_at": plain(NOW), "to_version": 2, "from_version": None}
    one, two = (ledger.entry_of("alias_event", AliasEvent.disclosed, row, ledger.new_salt()) for _ in range(2))
    assert one.key == two.key
    assert one.body != two.body
    assert private not in one.body
    assert '"disclosed":{"model":"m","to_version":2}' in one.body
    with rt.reading() as session:
        assert ledger.size(session) == 0


def test_a_ledger_without_its_head_says_so(rt: Runtime) -> None:
    with rt.engine.execution_options(write=True).begin() as connection:
        drop_triggers(connection, "ledger_head")
        connection.exec_driver_sql("DELETE FROM ledger_head")
    with pytest.raises(EvidenceError, match="the ledger has no head"):
        tell(rt, alias(1))


def drop_triggers(connection: sa.Connection, *tables: str) -> None:
    """What somebody does first who administers the database and wants to change it unseen."""
    if connection.dialect.name == "postgresql":
        for table in tables:
            connection.exec_driver_sql(f'ALTER TABLE "{table}" DISABLE TRIGGER ALL')
        return
    triggers = connection.exec_driver_sql("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'").all()
    for name, table in triggers:
        if table in tables:
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


# --- facts older than the ledger


def to_revision(engine: sa.Engine, revision: str) -> None:
    with engine.execution_options(write=True).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def sample(table: type[Fact], number: int) -> dict[str, Any]:
    """A row of `table` with something awkward in each column."""
    samples: dict[type, Any] = {
        Text: "与信\u202e'\"", BigInteger: 2**60 + number, Float: 0.1, Boolean: True, Date: date(2026, 11, 10),
    }  # fmt: skip
    awkward = {"whole": 3.0, "zero": -0.0, "tiny": 5e-324, "text": "é", "list": [1, None, {"a": True}]}
    moment = NOW + timedelta(seconds=-number, microseconds=number)
    row: dict[str, Any] = {}
    for column in table.__table__.columns:
        kind = type(column.type)
        row[column.name] = moment if kind is UtcDateTime else samples.get(kind, awkward)
        if kind is String:
            row[column.name] = f"{number:064x}"
    return row


@pytest.mark.parametrize("kind", databases.KINDS)
def test_facts_that_are_older_than_the_ledger_get_their_entries_when_it_begins(kind: str, tmp_path: Path) -> None:
    with databases.database(kind, tmp_path) as url:
        engine = database.connect(url)
        to_revision(engine, "0001")
        told = 0
        with engine.execution_options(write=True).begin() as connection:
            there = sa.inspect(connection)
            for table in (table for table in FACTS if there.has_table(table.__tablename__)):
                names = {column["name"] for column in there.get_columns(table.__tablename__)}
                rows = [{k: v for k, v in sample(table, number).items() if k in names} for number in range(3)]
                connection.execute(sa.insert(table), rows)
                told += len(rows)
        database.upgrade(engine)
        with Session(engine) as session:
            assert (found(session), ledger.size(session)) == ([], told)
            bodies = session.scalars(select(LedgerEntry.body).order_by(LedgerEntry.seq)).all()
            moments = [body.partition('"recorded_at":')[2][:34] for body in bodies]
            assert moments == sorted(moments)
            assert ledger.known_at(session) == NOW
        rt = runtime(url, tmp_path)
        tell(rt, alias(9))
        with rt.reading() as session:
            assert found(session) == []
            assert ledger.known_at(session) == NOW + timedelta(microseconds=1)
        rt.engine.dispose()
        engine.dispose()


# --- every kind of fact, whatever it says

texts = st.sampled_from(HOSTILE) | st.text(st.characters(), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones())  # noqa: DTZ001 - with zones


def documents() -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(texts, json_values, max_size=4)


KINDS_OF_COLUMNS: Final[dict[type, Callable[[], st.SearchStrategy[Any]]]] = {
    Text: lambda: texts,
    String: lambda: st.text("0123456789abcdef", min_size=64, max_size=64),
    BigInteger: lambda: st.integers(-(2**63), 2**63 - 1),
    Float: lambda: st.floats(allow_nan=False),
    Boolean: lambda: st.sampled_from([False, True]),
    Date: lambda: st.dates(date(1900, 1, 1), date(2200, 1, 1)),
    UtcDateTime: lambda: moments,
}


def contents(table: type[Fact]) -> st.SearchStrategy[dict[str, Any]]:
    columns: dict[str, st.SearchStrategy[Any]] = {}
    for column in table.__table__.columns:
        if column.name not in {"id", "digest", "recorded_at", "actor", "source"}:
            draw: Callable[[], st.SearchStrategy[Any]] = KINDS_OF_COLUMNS.get(type(column.type), documents)
            columns[column.name] = st.none() | draw() if column.nullable else draw()
    return st.fixed_dictionaries(columns)


@pytest.mark.parametrize("table", FACTS, ids=lambda table: table.__tablename__)
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_was_recorded_verifies_after_reading_back_whatever_it_says(
    shared: sa.Engine, table: type[Fact], data: st.DataObject
) -> None:
    told = data.draw(st.lists(contents(table), min_size=1, max_size=3))
    with undone(shared) as session:
        telling = Telling("tests", "shell", NOW, ledger.moment(session, NOW))
        added = [facts.record_changed(session, [table(**content)], telling) for content in told]
        ledger.append_facts(session)
        session.flush()
        session.expire_all()
        assert found(session) == []
        assert verification.facts(session)[0] == ledger.size(session) == sum(map(len, added))


@pytest.mark.parametrize("table", FACTS, ids=lambda table: table.__tablename__)
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 3)), min_size=1, max_size=6))
def test_the_view_of_what_holds_now_is_the_newest_fact_of_each_series(
    shared: sa.Engine, table: type[Fact], told: list[tuple[int, int]]
) -> None:
    """Each fact: which series, and in effect since so many days (or only in so many)."""
    now = datetime.now(UTC)
    view = sa.table(f"current_{table.__tablename__}", *(sa.column(c.name) for c in table.__table__.columns))
    with undone(shared) as session:
        for number, (series, days) in enumerate(told):
            content = sample(table, number)
            for name in table.series:
                old = content[name]
                content[name] = f"{series:064x}" if isinstance(old, str) else bool(series) if old is True else series
            row = table(**content | {"effective_at": now - timedelta(days=days, minutes=1)})
            facts.record(session, [row], Telling("tests", "shell", now, now + timedelta(microseconds=number)))
        newest = facts.newest(session, table, AsOf(now, now + timedelta(days=1)))
        shown = session.scalars(select(view.c.id)).all()
        assert sorted(shown) == sorted(row.id for row in newest)
        assert [column["name"] for column in sa.inspect(session.connection()).get_columns(view.name)] == [
            column["name"] for column in sa.inspect(session.connection()).get_columns(table.__tablename__)
        ]


def test_a_person_with_a_hostile_account_name_tells_facts_that_verify(rt: Runtime) -> None:
    told = replace(rt, actor="田中\u202e <x@example.com>", source="=cmd|' /C calc'!A1")
    tell(told, alias(1))
    with rt.reading() as session:
        assert found(session) == []
        assert session.scalar(select(func.count()).select_from(AliasEvent)) == 1
