# SPDX-License-Identifier: Apache-2.0
"""How fast the ledger grows, verifies and proves, each beside a plain peer in the same run.

usage: python -m benchmarks.ledger [ENTRIES]

SQLite lies in a temporary directory; PostgreSQL is a database of its own on 127.0.0.1:5432, where there is one.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from pydantic import SecretStr

from governance.core import merkle
from governance.core.evidence import canonical
from governance.store import database, facts, ledger, verification
from governance.store.facts import Telling
from governance.store.ledger import Entry
from governance.store.models import AliasEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

SERVER: Final = "postgresql+psycopg://postgres@127.0.0.1:5432"
SECONDS: Final = 3.0
ENTRIES: Final = 1_000_000
NOW: Final = datetime(2026, 11, 10, 3, tzinfo=UTC)
PROCESSES: Final = multiprocessing.get_context("spawn")
PLAIN: Final = sa.Table(
    "plain", sa.MetaData(), sa.Column("key", sa.Text, primary_key=True), sa.Column("body", sa.Text, nullable=False)
)
"""The peer: the same bodies, inserted without a ledger."""


@contextmanager
def empty(kind: str) -> Generator[str]:
    """The URL of a database with our schema and the peer's table."""
    with tempfile.TemporaryDirectory() as home:
        name = f"benchmark_{uuid.uuid4().hex[:12]}"
        url = f"sqlite:///{Path(home) / 'governance.db'}" if kind == "SQLite" else f"{SERVER}/{name}"
        if kind == "PostgreSQL":
            _on_server(f"CREATE DATABASE {name}")
        try:
            engine = opened(url)
            database.upgrade(engine)
            with engine.execution_options(write=True).begin() as connection:
                PLAIN.create(connection)
            engine.dispose()
            yield url
        finally:
            if kind == "PostgreSQL":
                _on_server(f"DROP DATABASE {name} WITH (FORCE)")


def _on_server(statement: str) -> None:
    server = sa.create_engine(f"{SERVER}/postgres", isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(statement)
    server.dispose()


def opened(url: str) -> sa.Engine:
    """An engine on it, as the product has one."""
    return database.connect(SecretStr(url))


def entries(prefix: str, count: int, start: int = 0) -> list[Entry]:
    """As long as those of real facts: some 400 bytes."""
    digests = (f"{number:064x}" for number in range(start, start + count))
    return [Entry(f"{prefix}/{digest}", BODY.replace("@", digest)) for digest in digests]


def _body() -> str:
    said = {"model": "credit-scoring", "version": 7, "check": "bias", "verdict": "pass", "n": 1000}
    content = {"commitment": "@", "disclosed": said, "effective_at": NOW, "id": "@", "recorded_at": NOW}
    return canonical(content | {"table": "check_result"}).decode()


BODY: Final = _body()


# --- what a writer does again and again; each returns how many were written


def append(engine: sa.Engine, name: str, count: int, turn: int) -> int:
    """Extend the log, as every fact does."""
    with ledger.writing(engine) as session:
        return ledger.append(session, entries(name, count, turn * count), NOW)


def insert(engine: sa.Engine, name: str, count: int, turn: int) -> int:
    """The peer of `append`."""
    rows = [{"key": entry.key, "body": entry.body} for entry in entries(name, count, turn * count)]
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(PLAIN.insert(), rows)
    return count


def record(engine: sa.Engine, name: str, count: int, turn: int) -> int:
    """Tell facts, as a step does."""
    rows = [
        AliasEvent(subject=name, model=f"{name}/{number}", alias="champion", from_version=None, to_version=turn)
        for number in range(count)
    ]
    with ledger.writing(engine) as session:
        now = datetime.now(UTC)
        telling = Telling("benchmark", "shell", now, ledger.moment(session, now))
        models = [row.model for row in rows]
        return len(facts.record_changed(session, rows, telling, AliasEvent.model.in_(models)))


WORK: Final[dict[str, Callable[[sa.Engine, str, int, int], int]]] = {
    "append": append,
    "insert": insert,
    "record": record,
}


def write(url: str, work: str, count: int, name: str, results: Any) -> None:  # noqa: ANN401 - a queue
    """Work for some seconds, and tell how many were written in how long."""
    engine, written, turn = opened(url), 0, 0
    WORK[work](engine, f"{name}/warm", count, 0)
    began = time.monotonic()
    while time.monotonic() - began < SECONDS:
        written += WORK[work](engine, name, count, turn)
        turn += 1
    results.put((written, time.monotonic() - began))
    engine.dispose()


def rate(url: str, work: str, count: int, writers: int) -> float:
    """Per second, by so many processes that each write so many in a transaction."""
    results = PROCESSES.Queue()
    names = [f"{work}{count}x{writers}/{number}" for number in range(writers)]
    started = [PROCESSES.Process(target=write, args=(url, work, count, name, results)) for name in names]
    for process in started:
        process.start()
    total: float = sum(written / seconds for written, seconds in (results.get(timeout=120) for _ in started))
    for process in started:
        process.join()
    return total


def writing(kind: str) -> None:
    """Print how many a second get in."""
    with empty(kind) as url:
        for writers in (1, 4):
            for count in (1, 200):
                plain, appended = (rate(url, work, count, writers) for work in ("insert", "append"))
                print(
                    f"{kind}: {writers} writers, {count} in a transaction: {appended:,.0f} entries/s; "
                    f"plain INSERT {plain:,.0f}/s, ratio {plain / appended:.1f}"
                )
            for count in (1, 50):
                told = rate(url, "record", count, writers)
                print(f"{kind}: {writers} writers, {count} in a transaction: {told:,.0f} facts/s by record_changed")


# --- one long log


def fill(engine: sa.Engine, size: int) -> None:
    """Make a long log."""
    for start in range(0, size, 20_000):
        with ledger.writing(engine) as session:
            ledger.append(session, entries("check_result", min(20_000, size - start), start), NOW)


def verify(url: str, results: Any) -> None:  # noqa: ANN401 - a queue
    """In a process of its own, for its memory; the peer reads the same rows and hashes the same bytes once."""
    engine = opened(url)
    with database.snapshot(engine) as session:
        before = peak()
        began = time.monotonic()
        hashed = sum(1 for data in _stored(session) if hashlib.sha256(data).digest())
        peer = time.monotonic() - began
        began = time.monotonic()
        walk = verification.log(session, {1: b"", 2: b""})
        seconds = time.monotonic() - began
        assert hashed == walk.frontier.size  # noqa: S101 - nothing was left out
        assert len(walk.problems) == 2  # noqa: S101, PLR2004 - the two roots that are none
    engine.dispose()
    results.put((walk.frontier.size, seconds, peer, before, peak()))


def _stored(session: Any) -> Iterator[bytes]:  # noqa: ANN401 - a session
    """The cheapest reading of the same columns: the driver's own cursor."""
    wanted = "SELECT seq, key, body, leaf FROM ledger_entry WHERE seq > {} ORDER BY seq LIMIT 20000"
    after = -1
    while batch := session.connection().exec_driver_sql(wanted.format(after)).all():
        yield from (f"{key}\n{text}".encode() for _, key, text, _ in batch)
        after = batch[-1][0]


def peak() -> float:
    """Of resident memory, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def proving(engine: sa.Engine, size: int) -> None:
    """Print how long a proof takes that reads a snapshot of its own."""
    kinds: dict[str, Callable[[merkle.Nodes, int], list[bytes]]] = {
        "inclusion": lambda nodes, at: merkle.inclusion(nodes, at, size),
        "consistency": lambda nodes, at: merkle.consistency(nodes, at, size),
    }
    for name, prove in kinds.items():
        took, hashes = [], 0
        for number in range(1, 21):
            with database.snapshot(engine) as session:
                began = time.monotonic()
                hashes = max(hashes, len(prove(ledger.nodes(session), size * number // 21)))
                took.append(1000 * (time.monotonic() - began))
        print(f"  {name} proof: {statistics.median(took):.1f} ms, at most {max(took):.1f} ms and {hashes} hashes")


def long_log(kind: str, size: int) -> None:
    """Print how long it takes to verify, and to prove from, a long log."""
    with empty(kind) as url:
        engine = opened(url)
        began = time.monotonic()
        fill(engine, size)
        print(f"{kind}: {size:,} entries appended in {time.monotonic() - began:.0f} s")
        engine.dispose()
        results = PROCESSES.Queue()
        process = PROCESSES.Process(target=verify, args=(url, results))
        process.start()
        count, seconds, peer, before, after = results.get(timeout=600)
        process.join()
        print(
            f"  verified {count:,} entries in {seconds:.1f} s (goal 10 s); reading and SHA-256 alone {peer:.1f} s, "
            f"ratio {seconds / peer:.1f}; peak {after:.0f} MB (goal 200 MB), {before:.0f} MB before"
        )
        proving(engine, size)
        engine.dispose()


def main(size: int) -> None:
    """Measure all, on each database that is there."""
    kinds = ["SQLite"]
    try:
        _on_server("SELECT 1")
        kinds.append("PostgreSQL")
    except sa.exc.OperationalError:
        print("no PostgreSQL on 127.0.0.1:5432")
    for kind in kinds:
        writing(kind)
        long_log(kind, size)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES)
