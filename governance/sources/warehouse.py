# SPDX-License-Identifier: Apache-2.0
"""A connection to the company's warehouse that can read and nothing else."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc

from governance.errors import CheckNotRunError, SourceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Generator

    from pydantic import SecretStr


@contextmanager
def connect(url: SecretStr) -> Generator[sa.Connection]:
    """One read-only connection; on PostgreSQL all its statements see the same moment.

    Raises:
        CheckNotRunError: the URL is wrong, or names a database product we do not know.
        SourceUnavailableError: the database did not answer.
    """
    engine = _engine(url)
    opened: list[Any] = []
    sa.event.listen(engine, "connect", lambda dbapi, _record: opened.append(dbapi))
    try:
        with translating():
            connection = engine.connect()
        with connection:
            yield connection
    finally:
        engine.dispose()
        # Great Expectations checks connections out and forgets them (metrics/util.py); closing twice is harmless.
        for dbapi in opened:
            dbapi.close()


def _engine(secret: SecretStr) -> sa.Engine:
    """An engine that cannot write, and that never prints its URL or parameters."""
    try:
        url = sa.make_url(secret.get_secret_value())
    except exc.ArgumentError:
        raise _wrong_url("the warehouse URL cannot be read", "データベースの URL を読み取れない") from None
    match url.get_backend_name():
        case "sqlite":
            return _sqlite(url)
        case "postgresql":
            # One snapshot for all statements of a check; times as UTC, so that the digest does not depend on the server.
            options = "-c default_transaction_read_only=on -c timezone=UTC"
            return sa.create_engine(
                url,
                hide_parameters=True,
                isolation_level="REPEATABLE READ",
                connect_args={"options": options, "connect_timeout": 10},
            )
        case other:
            raise _wrong_url(f"a {other} warehouse is not supported", f"{other} のデータベースには対応していない")


def _wrong_url(message: str, ja: str) -> CheckNotRunError:
    form = "sqlite:///file", "postgresql+psycopg://user@host/database"
    return CheckNotRunError(
        message,
        hint=f"Set GOVERNANCE_WAREHOUSE_URL to {' or '.join(form)}.",
        ja=f"{ja}。GOVERNANCE_WAREHOUSE_URL に {' か '.join(form)} を設定する",
    )


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or not Path(url.database).is_file():
        # Connecting would create it.
        raise _wrong_url(
            "the SQLite file of the warehouse does not exist", "データベースの SQLite ファイルが存在しない"
        )
    engine = sa.create_engine(url, hide_parameters=True)
    sa.event.listen(engine, "connect", _query_only)
    return engine


def _query_only(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.execute("PRAGMA query_only = ON")


@contextmanager
def translating() -> Generator[None]:
    """SQLAlchemy's errors as ours; never with the statement, the URL or values."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        raise SourceUnavailableError(
            f"the warehouse did not answer ({type(error.__cause__ or error).__name__})",
            hint="See whether it runs, and whether GOVERNANCE_WAREHOUSE_URL is right.",
        ) from None
    except exc.DBAPIError as error:
        kind = type(error.__cause__ or error).__name__
        raise CheckNotRunError(
            f"the warehouse refused to read the table ({kind})",
            hint="See whether the columns' types can be grouped, and whether the user may read the table.",
            ja=f"データベースが表の読み取りを拒んだ({kind})。列の型で集計できるか、利用者に読み取り権限があるかを確かめる",
        ) from None
