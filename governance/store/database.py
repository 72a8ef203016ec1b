# SPDX-License-Identifier: Apache-2.0
"""Open the governance database, and bring its schema up to the code's."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, column, create_engine, event, inspect, select, table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from governance.errors import PolicyError, SourceUnavailableError, StoreError

if TYPE_CHECKING:
    from collections.abc import Generator

    from pydantic import SecretStr

VERSION_TABLE: Final = "governance_version"
_MIGRATIONS: Final = Path(__file__).with_name("migrations")


def connect(url: SecretStr) -> Engine:
    """An engine on the governance database; nothing is opened before first use.

    Raises:
        PolicyError: the URL cannot be one of SQLite or PostgreSQL.
    """
    try:
        parsed = make_url(url.get_secret_value())
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise PolicyError(
                f"GOVERNANCE_DATABASE_URL: {parsed.get_backend_name()} is not supported",
                hint="Use sqlite:///path or postgresql+psycopg://user@host/name.",
            )
        engine = create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise PolicyError(
            "GOVERNANCE_DATABASE_URL: not a database URL",
            hint="Use sqlite:///path or postgresql+psycopg://user@host/name.",
        ) from error
    if parsed.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, parsed.database)
    return engine


def _prepare_sqlite(engine: Engine, path: str | None) -> None:
    """WAL and immediate write locks: parallel tasks wait for each other instead of failing."""
    if path and path != ":memory:":
        _make_directory(Path(path).parent)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - DBAPI
        connection.isolation_level = None  # we emit BEGIN ourselves
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PolicyError(
            f"GOVERNANCE_DATABASE_URL: {directory}: {error.strerror or error}",
            hint="Name a file in a directory that you can write.",
        ) from error


@contextmanager
def _answering() -> Generator[None]:
    """Say so when the database does not answer."""
    try:
        yield
    except DBAPIError as error:
        raise SourceUnavailableError(
            f"the governance database did not answer: {error.orig}",
            hint="Check GOVERNANCE_DATABASE_URL and that the server runs.",
        ) from error


@contextmanager
def snapshot(engine: Engine) -> Generator[Session]:
    """A session that sees the database as it was at its first read (SQLite's WAL gives that by itself)."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with Session(engine) as session:
        yield session


def upgrade(engine: Engine) -> str:
    """Bring the schema to the code's revision, which is returned. Safe to run twice.

    Raises:
        StoreError: the schema is newer than this code.
        SourceUnavailableError: the database does not answer.
    """
    from alembic import command  # noqa: PLC0415 - whoever only reads must not wait for it to load
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.util.exc import CommandError  # noqa: PLC0415 - as above

    try:
        with _answering(), engine.execution_options(write=True).begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"the governance database has a schema that this version does not know: {error}",
            hint="Install the version that made it, or a newer one; nothing was changed.",
        ) from error
    return _head()


def status(engine: Engine) -> tuple[str | None, str]:
    """The schema revision found (None: no schema) and the one the code needs."""
    with _answering(), engine.connect() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None, _head()
        found: str | None = connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))
        return found, _head()


def require_current(engine: Engine) -> None:
    """Refuse to work on a schema that is not the code's.

    Raises:
        StoreError: the schema is missing, older or newer.
    """
    found, needed = status(engine)
    if found != needed:
        what = "has no schema yet" if found is None else f"has schema {found}"
        raise StoreError(
            f"the governance database {what}; this version needs {needed}",
            hint="Run `governance db upgrade` with the newest installed version.",
        )


def _head() -> str:
    """The newest migration, by its file's name: Alembic would load each of them to tell."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))
