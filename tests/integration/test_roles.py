# SPDX-License-Identifier: Apache-2.0
"""On PostgreSQL the account that runs the product can append and read, and nothing else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from governance.errors import PolicyError, StoreError
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import evidence_seal, kpi_metrics
from governance.store import checkpoints, database, ledger, roles
from governance.store.roles import Roles
from tests import factories
from tests.integration import databases

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.postgres
NOW = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
REFUSED = {
    "update a fact": "UPDATE kpi_value SET actor = 'x'",
    "delete a fact": "DELETE FROM kpi_value",
    "empty a table": "TRUNCATE kpi_value",
    "update an entry": "UPDATE ledger_entry SET body = '{}'",
    "switch a trigger off": "ALTER TABLE kpi_value DISABLE TRIGGER kpi_value_append_only",
    "drop a trigger": "DROP TRIGGER kpi_value_append_only ON kpi_value",
    "pose as a replica": "SET session_replication_role = replica",
    "replace the guard": "CREATE OR REPLACE FUNCTION governance_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RETURN NULL; END $$",
    "skip an entry": "INSERT INTO ledger_entry (seq, key, body, leaf) VALUES (999, 'x', '{}', '')",
    "repeat an entry": "INSERT INTO ledger_entry (seq, key, body, leaf) VALUES (0, 'x', '{}', '')",
    "turn the head back": "UPDATE ledger_head SET size = size - 1",
    "move the head on": "UPDATE ledger_head SET size = size + 1",
    "add a head": "INSERT INTO ledger_head (id, size, frontier, recorded_at) VALUES (2, 0, '', now())",
    "remove the head": "DELETE FROM ledger_head",
    "become the owner": "SET ROLE {owner}",
    "drop a table": "DROP TABLE kpi_value CASCADE",
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, Engine]]:
    """The same database as its administrator, the app and the auditor see it, with facts in it."""
    home, mark = tmp_path_factory.mktemp("roles"), uuid.uuid4().hex[:8]
    wanted = Roles(*(f"governance_{mark}_{name}" for name in ("owner", "app", "auditor")))
    with databases.database("postgresql", home) as url:
        admin = database.connect(url)
        database.upgrade(admin)
        roles.grant(admin, wanted)
        roles.grant(admin, wanted)
        accounts = {name: f"{group}_account" for name, group in (("app", wanted.app), ("auditor", wanted.auditor))}
        with admin.begin() as connection:
            for name, account in accounts.items():
                connection.execute(text(f'CREATE ROLE "{account}" LOGIN IN ROLE "{getattr(wanted, name)}"'))
        engines = {name: _as(url, account) for name, account in accounts.items()}
        try:
            measure(engines["app"], home)
            yield {"admin": admin, **engines}
        finally:
            for engine in engines.values():
                engine.dispose()
            with admin.begin() as connection:
                for role in (*accounts.values(), wanted.app, wanted.auditor, wanted.owner):
                    connection.execute(text(f'DROP OWNED BY "{role}" CASCADE'))
                    connection.execute(text(f'DROP ROLE "{role}"'))
            admin.dispose()


def _as(url: SecretStr, account: str) -> Engine:
    known = make_url(url.get_secret_value()).set(username=account)
    return database.connect(SecretStr(known.render_as_string(hide_password=False)))


def measure(engine: Engine, home: Path) -> None:
    """What the product does: facts, entries and a seal, all by the app's account."""
    settings = Settings(signing_key_file=home / "signing.key", checkpoint_url=str(home / "checkpoints"))
    evidence_seal.make_key(settings.signing_key_file, "roles.example")
    rt = Runtime(settings, factories.shipped(), engine, lambda: NOW)
    assert kpi_metrics.measure(rt) > 0
    assert evidence_seal.seal(rt).note
    assert evidence_seal.verify(rt).is_intact


@pytest.mark.parametrize("attempt", REFUSED)
def test_the_app_may_append_and_nothing_else(company: dict[str, Engine], attempt: str) -> None:
    with company["admin"].connect() as connection:
        owner = connection.scalar(text("SELECT tableowner FROM pg_tables WHERE tablename = 'kpi_value'"))
    told = "permission denied|must be owner|out of order"
    with pytest.raises(DBAPIError, match=told), company["app"].begin() as connection:
        connection.execute(text(REFUSED[attempt].replace("{owner}", owner)))


def test_a_temporary_table_does_not_answer_in_the_place_of_the_ledger(company: dict[str, Engine]) -> None:
    with pytest.raises(DBAPIError, match="out of order"), company["app"].begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE ledger_entry (seq bigint)"))
        connection.execute(text("INSERT INTO pg_temp.ledger_entry VALUES (998)"))
        connection.execute(text("INSERT INTO public.ledger_entry (seq, key, body, leaf) VALUES (999, 'x', '{}', '')"))


def test_not_even_an_administrator_who_poses_as_a_replica_changes_a_fact(company: dict[str, Engine]) -> None:
    with pytest.raises(DBAPIError, match="append-only"), company["admin"].begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text("UPDATE kpi_value SET actor = 'x'"))


def test_the_auditor_reads_everything_and_writes_nothing(company: dict[str, Engine]) -> None:
    with database.snapshot(company["auditor"]) as session:
        assert ledger.size(session) > 0
        assert checkpoints.newest(session) is not None
        assert session.execute(text("SELECT count(*) FROM current_kpi_value")).scalar_one() > 0
    with pytest.raises(DBAPIError, match="permission denied"), ledger.writing(company["auditor"]):
        pass


def test_an_account_that_may_not_create_roles_is_told_so(company: dict[str, Engine]) -> None:
    with pytest.raises(StoreError, match="not granted") as caught:
        roles.grant(company["app"], Roles("governance_x", "governance_y", "governance_z"))
    assert "CREATEROLE" in caught.value.hint


def test_sqlite_has_no_roles_and_says_what_to_do_instead(tmp_path: Path) -> None:
    engine = database.connect(SecretStr(f"sqlite:///{tmp_path / 'g.db'}"))
    with pytest.raises(PolicyError, match="only PostgreSQL"):
        roles.grant(engine, Roles())
    engine.dispose()
