# SPDX-License-Identifier: Apache-2.0
"""Facts are told once, kept as they are, and read back as of any moment, on both databases."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import BigInteger, Boolean, Date, Engine, Float, String, Text, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from governance.core import inventory
from governance.core.terms import (
    DatasetInput,
    Finding,
    KpiValue,
    Light,
    Observation,
    RegisteredModel,
    Risk,
    Verdict,
    VersionKey,
    Words,
)
from governance.errors import ConflictError, PolicyError, SourceUnavailableError, StoreError
from governance.store import database, facts, gates, ledger, registers
from governance.store import inventory as inventory_facts
from governance.store.base import Base
from governance.store.facts import AsOf, Telling
from governance.store.models import (
    FACTS,
    AliasEvent,
    GateDecisionRow,
    LedgerCheckpoint,
    LedgerEntry,
    LedgerHead,
    LedgerTile,
    PackRow,
)
from governance.store.types import UtcDateTime
from tests import factories, factories_pack
from tests.integration import databases

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from governance.core.terms import CheckResult, GateDecision

NOW = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
HOSTILE = ("<script>alert(1)</script>", "=1+1", "m\0x", "\ud800", "\u202egnp", "与信モデル", "x" * 5000)


@pytest.fixture(scope="module", params=databases.KINDS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Engine]:
    with databases.database(request.param, tmp_path_factory.mktemp("store")) as url:
        opened = database.connect(url)
        database.upgrade(opened)
        yield opened
        opened.dispose()


@pytest.fixture
def session(engine: Engine) -> Generator[Session]:
    with undone(engine) as opened:
        yield opened


@contextlib.contextmanager
def undone(engine: Engine) -> Generator[Session]:
    """A transaction that leaves nothing behind."""
    with contextlib.suppress(UndoError), ledger.writing(engine) as opened:
        yield opened
        raise UndoError


class UndoError(Exception):
    """Leaves a transaction without committing it."""


def telling(after: float = 0) -> Telling:
    return Telling("tests", "shell", NOW + timedelta(seconds=after), NOW + timedelta(seconds=after))


def at(seconds: float = 3600) -> AsOf:
    moment = NOW + timedelta(seconds=seconds)
    return AsOf(moment, moment)


def alias(to: int | None, model: str = "m", name: str = "champion") -> AliasEvent:
    return AliasEvent(subject=model, model=model, alias=name, from_version=None, to_version=to)


def count(session: Session, table: type[Any] = AliasEvent) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": database.VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    assert database.upgrade(engine) == database.status(engine)[0]
    database.require_current(engine)


@pytest.mark.parametrize("kind", databases.KINDS)
def test_a_database_without_schema_is_refused_with_the_command_that_mends_it(kind: str, tmp_path: Any) -> None:
    with databases.database(kind, tmp_path) as url:
        opened = database.connect(url)
        with pytest.raises(StoreError, match="governance db upgrade"):
            database.require_current(opened)
        opened.dispose()


@pytest.mark.parametrize("kind", databases.KINDS)
def test_a_schema_of_another_version_is_refused_and_left_alone(kind: str, tmp_path: Path) -> None:
    with databases.database(kind, tmp_path) as url:
        opened = database.connect(url)
        database.upgrade(opened)
        with opened.execution_options(write=True).begin() as connection:
            connection.execute(text(f"UPDATE {database.VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608 - our own
        with pytest.raises(StoreError, match="has schema 9999; this version needs") as caught:
            database.require_current(opened)
        assert "governance db upgrade" in caught.value.hint
        with pytest.raises(StoreError, match="does not know") as caught:
            database.upgrade(opened)
        assert "newer" in caught.value.hint
        assert database.status(opened)[0] == "9999"
        opened.dispose()


@pytest.mark.parametrize(
    "url", ["mysql://root@127.0.0.1/x", "nonsense", "", "sqlite:////dev/null/governance/governance.db"]
)
def test_what_cannot_be_a_governance_database_is_a_policy_error_that_names_the_variable(url: str) -> None:
    with pytest.raises(PolicyError, match="GOVERNANCE_DATABASE_URL") as caught:
        database.connect(SecretStr(url))
    assert caught.value.hint


def test_a_server_that_does_not_answer_can_be_tried_again() -> None:
    opened = database.connect(SecretStr("postgresql+psycopg://governance:canary@127.0.0.1:9/governance"))
    for attempt in (database.upgrade, database.status, database.require_current):
        with pytest.raises(SourceUnavailableError, match="did not answer") as caught:
            attempt(opened)
        assert caught.value.retryable
        assert "canary" not in str(caught.value)


def test_every_table_holds_facts_or_the_ledger_over_them() -> None:
    ledgers = {table.__tablename__ for table in (LedgerEntry, LedgerTile, LedgerHead, LedgerCheckpoint)}
    assert {table.name for table in Base.metadata.sorted_tables} - ledgers == {table.__tablename__ for table in FACTS}


def test_every_fact_shows_the_ledger_columns_that_it_has_and_none_that_name_a_person() -> None:
    for table in FACTS:
        columns = {column.name for column in table.__table__.columns}
        assert set(table.disclosed) <= columns - {"owner", "actor", "description", "tags", "name"}


@pytest.mark.parametrize("table", FACTS, ids=lambda table: table.__tablename__)
def test_no_fact_can_be_changed_removed_or_replaced(session: Session, table: type[Any]) -> None:
    name, dialect = table.__tablename__, session.get_bind().dialect.name
    kept = filled(table)
    session.execute(insert(table).values(kept))
    changes = [f"UPDATE {name} SET actor = 'x'", f"DELETE FROM {name}"]  # noqa: S608 - our own names
    changes += [f"TRUNCATE {name}"] if dialect == "postgresql" else []
    for change in changes:
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(text(change))
    if dialect == "sqlite":  # where REPLACE removes a row without firing its DELETE trigger
        session.execute(insert(table).values(kept | {"actor": "x"}).prefix_with("OR REPLACE"))
        columns = ", ".join(f'"{column}"' for column in kept if column != "id")
        taken = f"SELECT rowid, 'other', {columns} FROM {name}"  # noqa: S608 - our own names
        session.execute(text(f"INSERT OR REPLACE INTO {name} (rowid, id, {columns}) {taken}"))
    found = session.execute(select(table.id, table.actor).where(table.id.in_([kept["id"], "other"])))
    assert [tuple(row) for row in found] == [(kept["id"], "tests")]


def filled(table: type[Any]) -> dict[str, Any]:
    """A row with something in each column."""
    samples: dict[type, Any] = {
        Text: "x", String: "x", BigInteger: 1, Float: 0.5, Boolean: True, Date: NOW.date(), UtcDateTime: NOW,
    }  # fmt: skip
    row = {column.name: samples.get(type(column.type), {}) for column in table.__table__.columns}
    return row | {"id": "0" * 64, "actor": "tests"}


def test_the_same_fact_told_twice_is_one_fact(session: Session) -> None:
    assert len(facts.record_changed(session, [alias(1)], telling())) == 1
    assert facts.record_changed(session, [alias(1)], telling(1)) == []


def test_a_state_that_comes_back_is_a_fact_of_its_own(session: Session) -> None:
    before = count(session)
    for second, version in enumerate((1, 2, 1)):
        facts.record_changed(session, [alias(version)], telling(second))
    assert count(session) == before + 3
    (newest,) = facts.newest(session, AliasEvent, at(), AliasEvent.model == "m")
    assert newest.to_version == 1


def test_a_fact_to_be_renewed_is_told_again(session: Session) -> None:
    facts.record_changed(session, [alias(1)], telling())
    assert facts.record_changed(session, [alias(1)], telling(5), fresh_since=NOW) == []
    assert len(facts.record_changed(session, [alias(1)], telling(6), fresh_since=NOW + timedelta(seconds=1))) == 1


def test_the_same_id_with_other_content_is_a_conflict(session: Session) -> None:
    first, second = alias(1), alias(2)
    first.id = second.id = facts.fact_id(AliasEvent, "m", "champion")
    facts.record(session, [first], telling())
    with pytest.raises(ConflictError, match="alias_event m"):
        facts.record(session, [second], telling(1))


def test_one_id_with_two_contents_in_one_telling_is_a_conflict(session: Session) -> None:
    first, second = alias(1), alias(2)
    first.id = second.id = facts.fact_id(AliasEvent, "m", "champion")
    with pytest.raises(ConflictError, match="alias_event m"):
        facts.record(session, [first, second], telling())


def test_a_number_that_one_database_returns_as_another_kind_is_still_the_same_fact(session: Session) -> None:
    """PostgreSQL's jsonb returns 1e300 as an integer of 301 digits."""
    key = VersionKey("huge", 1)
    seen = Observation("mean", value=1e300, low=1e16, high=math.inf, n=2**60, verdict=Verdict.PASS)
    finding = Finding(Verdict.PASS, (seen,), 9)
    for second in range(2):
        gates.record_result(
            session, (key, "bias"), "definition", finding, telling=telling(second), fresh_since=NOW - timedelta(1)
        )
    found = gates.results_of(session, key, at())["bias"]
    assert (found.at, found.finding) == (NOW, finding)


def test_two_processes_at_the_same_moment_leave_one_fact(engine: Engine) -> None:
    script = (
        "import sys; from pydantic import SecretStr\n"
        "from governance.store import database, facts, ledger; from tests.integration.test_store import alias, telling\n"
        "engine = database.connect(SecretStr(sys.argv[1])); sys.stdin.readline()\n"
        "with ledger.writing(engine) as session:\n"
        "    facts.record_changed(session, [alias(7, model='processes')], telling())\n"
    )
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", script, url]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, cwd=factories.ROOT) for _ in range(2)]
    for process in started:
        process.communicate(b"\n", timeout=60)
    assert [process.returncode for process in started] == [0, 0]
    with Session(engine) as session:
        told = select(func.count()).select_from(AliasEvent).where(AliasEvent.model == "processes")
        assert session.scalar(told) == 1


def test_two_writers_at_the_same_moment_leave_one_fact(engine: Engine) -> None:
    barrier = threading.Barrier(2)
    problems: list[Exception] = []

    def write() -> None:
        barrier.wait()
        try:
            with ledger.writing(engine) as session:
                facts.record_changed(session, [alias(7, model="raced")], telling())
        except Exception as error:  # noqa: BLE001 - told below
            problems.append(error)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Session(engine) as session:
        found = session.scalar(select(func.count()).select_from(AliasEvent).where(AliasEvent.model == "raced"))
    assert (found, problems) == (1, [])


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=8),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_reading_back_agrees_with_a_plain_list_on_both_clocks(
    engine: Engine, told: list[tuple[int, int, int]], as_of: int, known_at: int
) -> None:
    """Each fact: true from, learnt at, value; the newest true one that was known by then counts."""
    rows = []
    for number, (effective, recorded, value) in enumerate(told):
        row = alias(value, model="clocks")
        row.id = facts.fact_id(AliasEvent, number, effective, recorded, value)
        row.effective_at = NOW + timedelta(minutes=effective)
        rows.append((effective, recorded, row, value))
    known = [
        (effective, recorded, row.id, value)
        for effective, recorded, row, value in rows
        if effective <= as_of and recorded <= known_at
    ]
    position = AsOf(NOW + timedelta(minutes=as_of), NOW + timedelta(minutes=known_at))
    with undone(engine) as session:
        for _, recorded, row, _ in rows:
            facts.record(session, [row], telling(60 * recorded))
        found = facts.newest(session, AliasEvent, position, AliasEvent.model == "clocks")
        one = facts.newest_one(session, AliasEvent, position, AliasEvent.model == "clocks")
        values = [row.to_version for row in found], one.to_version if one else None
    assert values == (([max(known)[3]], max(known)[3]) if known else ([], None))


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_an_inventory_comes_back_as_it_was_whatever_its_names(session: Session, name: str) -> None:
    version = factories.version(
        name,
        2,
        metrics={"auc": 0.5, "nan": math.nan, "inf": math.inf, "whole": 3.0, "huge": 1e300},
        tags={name[:50]: name},
        datasets=(DatasetInput("evaluation", name[:50], "d", "{}"),),
    )
    seen = (RegisteredModel(name, name, {"tag": name}, {"champion": 2}, (version,)),)
    inventory_facts.record_changes(
        session, inventory.reconcile(inventory.Reading.whole(seen), ()), {name: None}, telling()
    )
    known = inventory_facts.models(session, at())
    found = inventory.reconcile(inventory.Reading.whole(seen), known)
    assert not any(found.counts[kind] for kind in found.counts if not kind.startswith("retired"))
    assert inventory_facts.model(session, known[0].name, at()) is not None


def test_a_retired_model_is_gone_now_and_still_there_before(session: Session) -> None:
    model = factories.registered("gone", aliases={"champion": 1})
    inventory_facts.record_changes(
        session, inventory.reconcile(inventory.Reading.whole((model,)), ()), {"gone": None}, telling()
    )
    known = tuple(m for m in inventory_facts.models(session, at(1)) if m.name == "gone")
    inventory_facts.record_changes(
        session, inventory.reconcile(inventory.Reading.whole(()), known, {(model.name, None)}), {}, telling(60)
    )
    assert inventory_facts.model(session, "gone", at()) is None
    before = inventory_facts.model(session, "gone", at(30))
    assert before is not None
    assert before.aliases == {"champion": 1}


def test_results_and_decisions_come_back_as_they_were(session: Session) -> None:
    key = VersionKey("kept", 1)
    result: CheckResult = factories.result("bias", subject=key, at=NOW)
    gates.record_result(
        session, (key, "bias"), result.definition, result.finding, telling=telling(), fresh_since=NOW - timedelta(1)
    )
    decision: GateDecision = factories.decision(key, blocks=True)
    gates.record_decision(session, decision, "1.0", telling())
    gates.record_decision(session, decision, "1.0", telling(9))
    found = gates.results_of(session, key, at())["bias"]
    assert (found.finding, found.at) == (result.finding, NOW)
    (known,) = gates.decisions_of(session, key, at()).values()
    assert (known.reasons, known.verdict, known.at) == (decision.reasons, decision.verdict, NOW)
    assert [first.subject for first in gates.first_decisions(session, at())] == [key]


def test_the_first_decision_is_the_first_that_was_known(session: Session) -> None:
    """A decision learnt late does not show before it was known, though it was true before the first."""
    key = VersionKey("late", 1)
    gates.record_decision(session, factories.decision(key), "1.0", telling())
    late = GateDecisionRow(
        subject=str(key), model=key.model, version=1, gate="G4", tier="high", verdict="block", reasons=[],
        policy_digest="", facts_digest="", evidence={}, code_version="1.0", effective_at=NOW - timedelta(minutes=1),
    )  # fmt: skip
    late.id = facts.fact_id(GateDecisionRow, "late")
    facts.record(session, [late], telling(60))
    assert [d.blocks for d in gates.first_decisions(session, at(30))] == [False]
    assert [d.blocks for d in gates.first_decisions(session, at(90))] == [True]
    assert [d.blocks for d in gates.decisions_of(session, key, at(90)).values()] == [False]


def test_checks_are_tallied_within_the_month_and_as_far_as_known(session: Session) -> None:
    for second, verdict in ((0, Verdict.PASS), (60, Verdict.FAIL), (120, Verdict.PASS)):
        series = (VersionKey("m", 1), "bias")
        gates.record_result(session, series, "definition", Finding(verdict), telling=telling(second), fresh_since=NOW)
    assert gates.tally(session, NOW, at()) == {"bias": {Verdict.PASS: 2, Verdict.FAIL: 1}}
    assert gates.tally(session, NOW + timedelta(seconds=30), at(90)) == {"bias": {Verdict.FAIL: 1}}
    assert gates.tally(session, NOW, AsOf(at().as_of, at(30).known_at)) == {"bias": {Verdict.PASS: 1}}


def test_a_pack_comes_back_with_its_clocks_and_digests_and_later_revisions_win(session: Session) -> None:
    pack = factories_pack.sample()
    final = replace(pack, interim=False)
    registers.record_pack(session, pack, {"interim.pdf": "a" * 64}, telling())
    registers.record_pack(session, final, {"r1.pdf": "b" * 64}, telling(1))
    registers.record_pack(session, final, {"r1.pdf": "b" * 64}, telling(2))
    registers.record_pack(session, replace(final, revision=2), {"r2.pdf": "c" * 64}, telling(3))
    assert count(session, PackRow) == 3
    for seconds, revision in ((1, 1), (2, 1), (3, 2)):
        found = registers.final_pack(session, pack.period, at(seconds))
        assert found is not None
        assert (found.revision, found.as_of, found.known_at) == (revision, pack.as_of, pack.known_at)
    assert registers.final_pack(session, pack.period, at(0)) is None
    assert [(row.interim, row.files) for row in registers.packs(session, at())] == [
        (False, {"r2.pdf": "c" * 64}),
        (True, {"interim.pdf": "a" * 64}),
    ]


def test_risks_kpis_and_policies_come_back_as_they_were(session: Session) -> None:
    cause = Words("偏り: 不合格", "bias: fail")
    risk = Risk(
        "m v1", "bias", "credit", 4, 5, cause, is_open=True, owner=None, opened_at=NOW, due_on=date(2026, 12, 1)
    )
    assert registers.record_risks(session, [risk], telling()) == 1
    assert registers.record_risks(session, [risk], telling(1)) == 0
    assert registers.risks(session, at()) == (risk,)
    value = KpiValue("K-G01", 2 / 3, Light.RED, 2, 3, Words("一言", "a word"))
    registers.record_kpis(session, [value], "digest", telling=telling(), fresh_since=NOW)
    assert registers.kpis(session, at()) == {"K-G01": value}
    policy = factories.shipped()
    registers.record_policy(session, policy, telling())
    kept = registers.policy(session, policy.digest)
    assert kept is not None
    assert kept.digest == policy.digest


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(RuntimeError), ledger.writing(engine) as session:
        facts.record_changed(session, [alias(1, model="half")], telling())
        raise RuntimeError
    with Session(engine) as session:
        assert facts.newest(session, AliasEvent, at(), AliasEvent.model == "half") == []
