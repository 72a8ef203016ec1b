# SPDX-License-Identifier: Apache-2.0
"""Workers and servers are killed at random moments: nothing that was acknowledged is lost, and nothing is there twice."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from governance.core import merkle, signed_note
from governance.store import checkpoints, database, ledger, verification
from governance.store.models import AliasEvent, LedgerEntry
from tests import factories
from tests.faults.postgres import Server, private_server
from tests.faults.worker import ALIASES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime

    from sqlalchemy.orm import Session

KEY: Final = signed_note.new_signing_key("ledger.example")
VERIFIER: Final = signed_note.verifier_key(KEY)
WORKERS: Final = ("a", "b", "c")
SECONDS: Final = float(os.environ.get("FAULT_SECONDS", "25"))
SEED: Final = int(os.environ.get("FAULT_SEED", str(time.time_ns() % 10**6)))
CRASHES: Final = 6
"""Of the server, in one run."""
SEALS: Final = 0.3
"""After so many of the kills; more would keep the workers waiting for each other."""


@dataclass
class Harness:
    """Workers on one database, and what was heard of them."""

    url: str
    directory: Path
    forker: subprocess.Popen[str]
    random: random.Random
    workers: dict[str, int] = field(default_factory=dict)
    kills: int = 0
    crashes: int = 0
    checkpoints: dict[int, bytes] = field(default_factory=dict)

    def noted(self, name: str) -> list[tuple[int, str]]:
        """What a worker acknowledged; the line that it was killed in is none."""
        path = self.directory / name
        text = path.read_text() if path.exists() else ""
        return [(int(number), kind) for number, kind in (line.split() for line in text.split("\n")[:-1])]

    def start(self, name: str) -> None:
        start = self.noted(name)[-1][0] + 1 if self.noted(name) else 0
        assert self.forker.stdin
        assert self.forker.stdout
        self.forker.stdin.write(f"{name} {start}\n")
        self.forker.stdin.flush()
        self.workers[name] = int(self.forker.stdout.readline())

    def kill(self, name: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.workers[name], signal.SIGKILL)
        while Path(f"/proc/{self.workers[name]}").exists():
            time.sleep(0.001)

    def seal(self, engine: sa.Engine) -> None:
        try:
            with ledger.writing(engine) as session:
                note = checkpoints.seal(session, KEY).note
        except DBAPIError:  # the server is away
            engine.dispose()
            return
        if note:
            checkpoint = signed_note.read_checkpoint(note, [VERIFIER])
            assert self.checkpoints.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root

    def run(self, engine: sa.Engine, crash: Callable[[], None] | None) -> None:
        for name in WORKERS:
            self.start(name)
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < SECONDS:
            time.sleep(self.random.expovariate(1 / 0.12))
            name = self.random.choice(WORKERS)
            self.kill(name)
            self.kills += 1
            if crash and elapsed > (self.crashes + 0.5) * SECONDS / CRASHES:
                crash()
                self.crashes += 1
            self.start(name)
            if self.random.random() < SEALS:
                self.seal(engine)
        for name in WORKERS:
            self.kill(name)


@contextmanager
def harness(url: str, directory: Path) -> Generator[Harness]:
    notes = directory / "notes"
    notes.mkdir()
    command = [sys.executable, "-m", "tests.faults.worker", url, str(notes)]
    with subprocess.Popen(
        command, cwd=factories.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as forker:
        started = Harness(url, notes, forker, random.Random(SEED))  # noqa: S311 - when to kill is no secret
        try:
            yield started
        finally:
            for name in started.workers:
                started.kill(name)
            forker.kill()


def put_to_the_test(kind: str, url: str, directory: Path, crash: Callable[[], None] | None = None) -> None:
    engine = database.connect(SecretStr(url))
    database.upgrade(engine)
    with harness(url, directory) as run:
        run.run(engine, crash)
        engine.dispose()
        with database.snapshot(engine) as session:
            compare(kind, run, session)
    engine.dispose()


def compare(kind: str, run: Harness, session: Session) -> None:
    notes = {name: run.noted(name) for name in WORKERS}
    for acknowledged in notes.values():
        assert [number for number, _ in acknowledged] == list(range(len(acknowledged)))
    wanted = {(f"{name}/{number}", alias) for name in WORKERS for number, _ in notes[name] for alias in ALIASES}
    found = Counter((model, alias) for model, alias in session.execute(sa.select(AliasEvent.model, AliasEvent.alias)))
    lost, unheard = wanted - set(found), set(found) - wanted
    heard_later = sum(kind == "known" for acknowledged in notes.values() for _, kind in acknowledged)
    sys.stdout.write(
        f"\n{kind} (seed {SEED}): {run.kills} workers and {run.crashes} servers killed; "
        f"{len(wanted)} facts acknowledged, {len(lost)} lost, "
        f"{heard_later * len(ALIASES) + len(unheard)} durable but unacknowledged; {len(run.checkpoints)} checkpoints\n"
    )
    assert lost == set()
    assert set(found.values()) == {1}
    assert len(unheard) % len(ALIASES) == 0, "a transaction is there as a whole"
    assert len({model for model, _ in unheard}) <= len(WORKERS), "the last of each worker at most"
    assert run.kills > SECONDS / 2
    assert len(run.checkpoints) > SECONDS / 10
    verify(run, session, sum(found.values()))


def verify(run: Harness, session: Session, rows: int) -> None:
    walk = verification.log(session, run.checkpoints)
    told, differing = verification.facts(session)
    assert [*walk.problems, *differing] == []
    assert walk.frontier.size == ledger.size(session) == told == rows
    nodes, root = ledger.nodes(session), walk.frontier.root()
    for size, before in run.checkpoints.items():
        proof = merkle.consistency(nodes, size, rows)
        assert merkle.verify_consistency(size, rows, before, root, proof)
    key = LedgerEntry.key == sa.literal("alias_event/") + AliasEvent.id
    columns = sa.select(AliasEvent.recorded_at, AliasEvent.model).join(LedgerEntry, key).order_by(LedgerEntry.seq)
    order: list[tuple[datetime, str]] = [(moment, model) for moment, model in session.execute(columns)]
    transactions = [key for key, _ in itertools.groupby(order)]
    assert len(transactions) * len(ALIASES) == rows
    assert all(before[0] < after[0] for before, after in itertools.pairwise(transactions))


def test_killed_workers_lose_nothing_on_sqlite(tmp_path: Path) -> None:
    put_to_the_test("SQLite", f"sqlite:///{tmp_path / 'governance.db'}", tmp_path)


def test_killed_workers_and_servers_lose_nothing_on_postgresql(tmp_path: Path) -> None:
    with private_server() as server:
        put_to_the_test("PostgreSQL", server.url, tmp_path, lambda: crash(server))


def crash(server: Server) -> None:
    server.kill()
    time.sleep(0.2)
    server.start()
