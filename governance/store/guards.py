# SPDX-License-Identifier: Apache-2.0
"""The triggers that keep facts as they are and the ledger in order; migrations put them in place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection


_REFUSE: Final = (
    "CREATE OR REPLACE FUNCTION governance_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
)
_NEXT_SEQ: Final = "(SELECT coalesce(max(seq) + 1, 0) FROM ledger_entry)"
_OUT_OF_ORDER: Final = f"NEW.seq <> {_NEXT_SEQ}"
_HEAD_WRONG: Final = f"NEW.id <> 1 OR NEW.size <> {_NEXT_SEQ}"
_HEAD_BACK: Final = f"{_HEAD_WRONG} OR NEW.size <= OLD.size OR NEW.recorded_at < OLD.recorded_at"
_HEAD_SECOND: Final = f"{_HEAD_WRONG} OR EXISTS (SELECT 1 FROM ledger_head)"  # noqa: S608 - our own names


def append_only(connection: Connection, table: str, *keys: tuple[str, ...]) -> None:
    """Refuse every UPDATE, DELETE and TRUNCATE on a table; `keys` are its unique keys (default: `id`)."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_REFUSE.replace("%", "%%"))
        _trigger(connection, table, "append_only", "UPDATE OR DELETE OR TRUNCATE", "STATEMENT", "refuse_change")
        return
    for change in ("UPDATE", "DELETE"):
        _abort(connection, table, f"no_{change.lower()}", change, f"{table} is append-only")
    # INSERT OR REPLACE deletes without firing a DELETE trigger: a row that is there is left as it is.
    same = [" AND ".join(f'"{column}" = NEW."{column}"' for column in key) for key in keys or (("id",),)]
    known = f'SELECT 1 FROM "{table}" WHERE {" OR ".join([*same, "rowid = NEW.rowid"])}'  # noqa: S608 - our own names
    connection.exec_driver_sql(
        f'CREATE TRIGGER {table}_no_replace BEFORE INSERT ON "{table}" '
        f"WHEN EXISTS ({known}) BEGIN SELECT RAISE(IGNORE); END"
    )


@contextmanager
def lifted(connection: Connection, table: str) -> Generator[None]:
    """Let rows of a table be changed within this transaction; only its owner may do that.

    Where the transaction fails, the guard was never gone.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f'ALTER TABLE "{table}" DISABLE TRIGGER {table}_append_only')
        yield
        connection.exec_driver_sql(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER {table}_append_only')
        return
    name = f"{table}_no_update"
    made = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": name}).scalar_one()
    connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    connection.exec_driver_sql(made)


def ledger_in_order(connection: Connection) -> None:
    """Let the log grow by one entry after the other, and its head follow: never jump, shrink or go."""
    if connection.dialect.name == "postgresql":
        _check(connection, "ledger_order", _OUT_OF_ORDER)
        _trigger(connection, "ledger_entry", "in_order", "INSERT", "ROW", "ledger_order")
        _check(connection, "ledger_head_new", _HEAD_SECOND)
        _trigger(connection, "ledger_head", "begins", "INSERT", "ROW", "ledger_head_new")
        _check(connection, "ledger_head_grows", _HEAD_BACK)
        _trigger(connection, "ledger_head", "grows", "UPDATE", "ROW", "ledger_head_grows")
        _trigger(connection, "ledger_head", "stays", "DELETE OR TRUNCATE", "STATEMENT", "refuse_change")
        return
    _abort(connection, "ledger_entry", "in_order", "INSERT", "ledger_entry: out of order", _OUT_OF_ORDER)
    _abort(connection, "ledger_head", "begins", "INSERT", "ledger_head: there is one", _HEAD_SECOND)
    _abort(connection, "ledger_head", "grows", "UPDATE", "ledger_head: only grows", _HEAD_BACK)
    _abort(connection, "ledger_head", "stays", "DELETE", "ledger_head is append-only")


def _abort(connection: Connection, table: str, name: str, change: str, message: str, when: str = "1") -> None:
    connection.exec_driver_sql(
        f'CREATE TRIGGER {table}_{name} BEFORE {change} ON "{table}" WHEN {when} '
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _check(connection: Connection, function: str, wrong: str) -> None:
    # The path is fixed: a temporary table of the same name must not answer in the ledger's place.
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION governance_{function}() RETURNS trigger LANGUAGE plpgsql "
        f"SET search_path = {schema}, pg_temp AS $$ BEGIN IF {wrong} THEN RAISE EXCEPTION '%% refused: the ledger would be out of order', TG_TABLE_NAME "
        f"USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )


def _trigger(connection: Connection, table: str, name: str, changes: str, each: str, function: str) -> None:
    """Create it so that it fires whatever `session_replication_role` says."""
    connection.exec_driver_sql(
        f'CREATE TRIGGER {table}_{name} BEFORE {changes} ON "{table}" '
        f"FOR EACH {each} EXECUTE FUNCTION governance_{function}()"
    )
    connection.exec_driver_sql(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER {table}_{name}')
