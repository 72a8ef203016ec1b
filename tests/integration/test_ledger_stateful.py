# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to the ledger in whatever order, it is the list of what was appended, until somebody alters it."""

from __future__ import annotations

import base64
import contextlib
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from governance.core import merkle, signed_note
from governance.errors import ConflictError
from governance.store import checkpoints, database, ledger, verification
from governance.store.ledger import Entry
from governance.store.models import LedgerEntry
from tests.integration import databases
from tests.integration.test_ledger import by_definition, copied, drop_triggers, migrated

if TYPE_CHECKING:
    from collections.abc import Generator

    from pydantic import SecretStr
    from sqlalchemy import Engine

NOW: Final = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
KEY: Final = signed_note.new_signing_key("ledger.example")
VERIFIER: Final = signed_note.verifier_key(KEY)
ALTERATIONS: Final = (
    "UPDATE ledger_entry SET body = body || ' ' WHERE seq = :seq",
    "UPDATE ledger_entry SET key = 'k' || key WHERE seq = :seq",
    "UPDATE ledger_entry SET leaf = :hash WHERE seq = :seq",
    "UPDATE ledger_entry SET seq = seq + 100000 WHERE seq = :seq",
    "DELETE FROM ledger_entry WHERE seq = :seq",
    "UPDATE ledger_head SET size = size + 1 + :seq",
    "UPDATE ledger_head SET frontier = :hash",
    'INSERT INTO ledger_tile (level, "index", hash) VALUES (8, 100000 + :seq, :hash)',
)

keys = st.integers(0, 30)
values = st.integers(0, 2)
many = st.integers(250, 270)


class UndoError(Exception):
    """Leaves a transaction without committing it."""


class Ledger(RuleBasedStateMachine):
    """A database beside a plain list of keys and bodies."""

    empty: ClassVar[SecretStr]
    """A database to begin with; each run gets a copy."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.home = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.url = self.stack.enter_context(copied(self.empty, self.home))
        self.engine = self._open(self.url)
        self.told: list[tuple[str, str]] = []
        self.sealed: dict[int, bytes] = {}
        self.bulk = 0

    def _open(self, url: SecretStr) -> Engine:
        engine = database.connect(url)
        self.stack.callback(engine.dispose)
        return engine

    def teardown(self) -> None:
        self.stack.close()

    @property
    def leaves(self) -> list[bytes]:
        return [ledger.leaf_of(key, body) for key, body in self.told]

    @initialize(count=st.sampled_from((0, 1, 254, 255, 256, 600)))
    def begin(self, count: int) -> None:
        self.append_many(count)

    @rule(count=many)
    def append_many(self, count: int) -> None:
        """More than one block of the tree."""
        self.bulk += 1
        fresh = [(f"bulk/{self.bulk}/{number}", "{}") for number in range(count if len(self.told) < 1500 else 1)]
        with ledger.writing(self.engine) as session:
            assert ledger.append(session, [Entry(*told) for told in fresh], NOW) == len(fresh)
        self.told += fresh

    @rule(wanted=st.lists(st.tuples(keys, values), min_size=1, max_size=5))
    def append(self, wanted: list[tuple[int, int]]) -> None:
        """New ones, ones that are there, and ones that are there with another body."""
        entries = [Entry(f"fact/{key}", f'{{"value":{value}}}') for key, value in wanted]
        known = dict(self.told)
        for entry in entries:
            known.setdefault(entry.key, entry.body)
        fits = all(known[entry.key] == entry.body for entry in entries)
        fresh = list(known.items())[len(self.told) :]
        with contextlib.nullcontext() if fits else pytest.raises(ConflictError), ledger.writing(self.engine) as session:
            assert ledger.append(session, entries, NOW) == len(fresh)
        if fits:
            self.told += fresh

    @rule(count=st.integers(1, 300))
    def roll_back(self, count: int) -> None:
        with contextlib.suppress(UndoError), ledger.writing(self.engine) as session:
            ledger.append(session, [Entry(f"undone/{number}", "{}") for number in range(count)], NOW)
            checkpoints.seal(session, KEY)
            raise UndoError

    @rule()
    def seal(self) -> None:
        with ledger.writing(self.engine) as session:
            position = checkpoints.seal(session, KEY)
        if position.note is None:
            assert not self.told
            return
        checkpoint = signed_note.read_checkpoint(position.note, [VERIFIER])
        assert base64.b64decode(position.note.splitlines()[2]) == checkpoint.root == position.root
        assert checkpoint.size == len(self.told)
        self.sealed.setdefault(checkpoint.size, checkpoint.root)

    @rule()
    def reopen(self) -> None:
        self.engine.dispose()
        self.engine = self._open(self.url)

    @rule(how=st.sampled_from(ALTERATIONS), where=st.integers(0, 5000))
    def alter_a_copy(self, how: str, where: int) -> None:
        """What the guards refuse, done to a copy without them, is told."""
        if not self.told:
            return
        with self.engine.execution_options(write=True).connect() as connection, connection.begin() as undone:
            drop_triggers(connection, "ledger_entry", "ledger_head", "ledger_tile")
            values = {"seq": where % len(self.told), "hash": b"\0" * 32}
            statement = sa.text(how)
            connection.execute(statement, {name: values[name] for name in statement.compile().params})
            with sa.orm.Session(connection) as session:
                assert verification.log(session, self.sealed).problems, how
            undone.rollback()

    @invariant()
    def the_log_is_the_list(self) -> None:
        with database.snapshot(self.engine) as session:
            walk = verification.log(session, self.sealed)
            assert walk.problems == []
            assert walk.frontier.size == ledger.size(session) == len(self.told)
            stored = session.execute(sa.select(LedgerEntry.key, LedgerEntry.body).order_by(LedgerEntry.seq)).all()
            assert [tuple(row) for row in stored] == self.told
            root = walk.frontier.root()
            assert root == by_definition(self.leaves) == ledger.root_at(session, len(self.told))
            nodes = ledger.nodes(session)
            for size, earlier in self.sealed.items():
                proof = merkle.consistency(nodes, size, len(self.told))
                assert merkle.verify_consistency(size, len(self.told), earlier, root, proof)


@pytest.fixture(params=databases.KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[SecretStr]:
    with migrated(request.param, tmp_path) as url:
        yield url


def test_the_ledger_is_the_list_of_what_was_appended_whatever_is_done_to_it(empty: SecretStr) -> None:
    is_file = empty.get_secret_value().startswith("sqlite")
    machine = type("Machine", (Ledger,), {"empty": empty})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25 if is_file else 5,
            stateful_step_count=20 if is_file else 15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
