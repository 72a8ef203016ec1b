# SPDX-License-Identifier: Apache-2.0
"""Who may do what in a PostgreSQL database: an owner nobody logs in as, the app that appends, the auditor that reads.

NIST SP 800-53 AU-9(4), AU-9(6): no account that runs the product can change the triggers that guard its facts.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from governance.errors import PolicyError, StoreError
from governance.store.base import Base
from governance.store.database import VERSION_TABLE, require_current
from governance.store.models import LedgerHead

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from sqlalchemy import Connection, Engine

_HEAD: Final = LedgerHead.__tablename__


@dataclass(frozen=True, slots=True)
class Roles:
    """Names of the three roles; accounts that log in are made members of one."""

    owner: str = "governance_owner"
    app: str = "governance_app"
    auditor: str = "governance_auditor"


def grant(engine: Engine, roles: Roles) -> Roles:
    """Create the roles that are missing, hand everything to the owner, and grant the others what they need.

    To be run after each upgrade of the schema, by an account that may create roles. Safe to run twice.

    Raises:
        PolicyError: the database is not PostgreSQL.
        StoreError: the schema is not current, or the account may not do that.
    """
    if engine.dialect.name != "postgresql":
        raise PolicyError(
            "only PostgreSQL has roles", hint="Keep an SQLite file where nobody but the product's account can write."
        )
    require_current(engine)
    with _refusals(), engine.begin() as connection:
        for role in (roles.owner, roles.app, roles.auditor):
            _create(connection, role)
        for statement in _statements(connection, roles):
            connection.execute(text(statement))
    return roles


@contextmanager
def _refusals() -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StoreError(
            f"the roles were not granted: {error.orig}", hint="Run it as an account that may create roles (CREATEROLE)."
        ) from error


def _create(connection: Connection, role: str) -> None:
    known = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    if not known:
        connection.execute(text(f"CREATE ROLE {_quoted(connection, role)} NOLOGIN"))


def _statements(connection: Connection, roles: Roles) -> Iterator[str]:
    owner, app, auditor = (_quoted(connection, role) for role in (roles.owner, roles.app, roles.auditor))
    schema = _quoted(connection, str(connection.scalar(text("SELECT current_schema()"))))
    tables = [_quoted(connection, table) for table in (*Base.metadata.tables, VERSION_TABLE)]
    views = [_quoted(connection, view) for view in inspect(connection).get_view_names()]
    functions = [_quoted(connection, name) for name in connection.scalars(text(_FUNCTIONS))]
    yield f"GRANT {owner} TO CURRENT_USER"
    yield f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {owner}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {app}, {auditor}"
    for kind, names in (("TABLE", tables), ("VIEW", views)):
        for name in names:
            yield f"ALTER {kind} {name} OWNER TO {owner}"
            yield f"REVOKE ALL ON {name} FROM PUBLIC, {app}, {auditor}"
            yield f"GRANT SELECT ON {name} TO {app}, {auditor}"
    for name in functions:
        yield f"ALTER FUNCTION {name}() OWNER TO {owner}"
    for name in tables[:-1]:
        yield f"GRANT INSERT ON {name} TO {app}" if name != _HEAD else _grow(app)


_FUNCTIONS: Final = (
    "SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace "
    "WHERE n.nspname = current_schema() AND proname LIKE 'governance\\_%' ORDER BY proname"
)


def _grow(app: str) -> str:
    return f"GRANT UPDATE (size, frontier, recorded_at) ON {_HEAD} TO {app}"


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
