# SPDX-License-Identifier: Apache-2.0
"""A table of the warehouse (SQLite or PostgreSQL) as an evaluation table; its rows are counted where they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy import exc

from governance.errors import CheckNotRunError, SourceUnavailableError
from governance.sources.scalars import MAX_GROUPS, scalar, too_many

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from pydantic import SecretStr

    from governance.core.evaluation import Scalar
    from governance.policy import Table

_HASH_BYTES: Final = 256
"""2,048 bits, because sums of shorter hashes can be forged (Wagner 2002)."""


@dataclass
class DatabaseTable:
    """The rows of one table that belong to one version. See `core.evaluation.EvaluationTable`."""

    connection: sa.Connection
    schema: str | None
    name: str
    types: Mapping[str, sa.types.TypeEngine[Any]]
    where: sa.ColumnElement[bool] | None

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Column name -> type as the database calls it, in the table's order."""
        return {name: str(kind) for name, kind in self.types.items()}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the columns, the number of rows, and the sum of all rows' hashes.

        Every value of every row counts, the order of rows does not, and memory stays constant: the rows are
        streamed, each is hashed (SHAKE-256, 2,048 bits, of its Python form) and the hashes are added modulo
        2^2048 (AdHash: Bellare, Micciancio 1997). Same rows in another database product: another digest, as
        types differ.
        """
        rows = self._execute(self._select(*map(_column, self.types)), stream=True)
        count, total = _sum_of_hashes(tuple(row) for row in _translated(rows))
        head = repr((list(self.columns.items()), count)).encode()
        return hashlib.sha256(head + total.to_bytes(_HASH_BYTES)).hexdigest()

    def count(self) -> int:
        """Number of rows."""
        return int(self._execute(self._select(sa.func.count())).scalar_one())

    def group_counts(self, by: Sequence[str]) -> list[tuple[tuple[Scalar, ...], int]]:
        """Rows per combination of the values of `by`, in one statement.

        Raises:
            CheckNotRunError: a column is missing, cannot be grouped, or has too many values.
            SourceUnavailableError: the database did not answer.
        """
        for name in by:
            if name not in self.types:
                raise CheckNotRunError(
                    f"column {name!r} is not in table {self.name!r}",
                    hint="Correct `evaluation` in use_cases.yaml, or add the column to the table.",
                )
        columns = [_column(name).label(f"by_{position}") for position, name in enumerate(by)]
        grouped = self._select(*columns, sa.func.count()).group_by(*map(_column, dict.fromkeys(by)))
        rows = self._execute(grouped.limit(MAX_GROUPS + 1)).all()
        if len(rows) > MAX_GROUPS:
            distinct = self._execute(self._select(*(sa.func.count(_column(name).distinct()) for name in by))).one()
            raise too_many(dict(zip(by, distinct, strict=True)))
        return [(tuple(scalar(value) for value in row[:-1]), int(row[-1])) for row in rows]

    def batch(self) -> Any:  # noqa: ANN401 - (engine, schema, table, where)
        """(engine, schema, table, where) for Great Expectations; `where` is a SQL expression or None."""
        return self.connection.engine, self.schema, self.name, self.where

    def _select(self, *what: sa.ColumnElement[Any]) -> sa.Select[Any]:
        statement = sa.select(*what).select_from(sa.table(self.name, schema=self.schema))
        return statement if self.where is None else statement.where(self.where)

    def _execute(self, statement: sa.Select[Any], *, stream: bool = False) -> sa.Result[Any]:
        with _translating():
            return self.connection.execution_options(stream_results=stream).execute(statement)


@contextmanager
def open_table(url: SecretStr | None, source: Table, version: int) -> Generator[DatabaseTable]:
    """Open one table for reading, at one moment.

    Args:
        url: of the warehouse, or None.
        source: names the table and the column that holds the version.
        version: whose rows to look at.

    Raises:
        CheckNotRunError: no warehouse, table or version column, or a database product we do not know.
        SourceUnavailableError: the database did not answer.
    """
    if url is None:
        raise CheckNotRunError(
            f"table {source.table!r} cannot be read: no warehouse is configured",
            hint="Set GOVERNANCE_WAREHOUSE_URL to its SQLAlchemy URL.",
        )
    engine = _engine(url)
    try:
        with _translating():
            connection = engine.connect()
        with connection:
            yield _reflect(connection, source, version)
    finally:
        engine.dispose()


def _engine(secret: SecretStr) -> sa.Engine:
    """An engine that cannot write, and that never prints its URL or parameters."""
    hint = "Set GOVERNANCE_WAREHOUSE_URL to sqlite:///file or postgresql+psycopg://user@host/database."
    try:
        url = sa.make_url(secret.get_secret_value())
    except exc.ArgumentError:
        raise CheckNotRunError("the warehouse URL cannot be read", hint=hint) from None
    match url.get_backend_name():
        case "sqlite":
            return _sqlite(url, hint)
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
            raise CheckNotRunError(f"a {other} warehouse is not supported", hint=hint)


def _sqlite(url: sa.URL, hint: str) -> sa.Engine:
    if not url.database or not Path(url.database).is_file():
        raise CheckNotRunError(
            "the SQLite file of the warehouse does not exist", hint=hint
        )  # connecting would create it
    engine = sa.create_engine(url, hide_parameters=True)
    sa.event.listen(engine, "connect", _query_only)
    return engine


def _query_only(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.execute("PRAGMA query_only = ON")


def _reflect(connection: sa.Connection, source: Table, version: int) -> DatabaseTable:
    schema, _, name = source.table.rpartition(".")
    try:
        with _translating():
            columns = sa.inspect(connection).get_columns(name, schema or None)
    except exc.NoSuchTableError:
        columns = []
    if not columns:
        raise CheckNotRunError(
            f"there is no table {source.table!r} in the warehouse",
            hint="Correct `evaluation.source.table` in use_cases.yaml, or create the table.",
        )
    types = {str(column["name"]): column["type"] for column in columns}
    return DatabaseTable(connection, schema or None, name, types, _of_version(types, source, version))


def _of_version(
    types: Mapping[str, sa.types.TypeEngine[Any]], source: Table, version: int
) -> sa.ColumnElement[bool] | None:
    """The filter, with the version as a bind parameter of the column's own kind."""
    name = source.version_column
    if name is None:
        return None
    if name not in types:
        raise CheckNotRunError(
            f"column {name!r} is not in table {source.table!r}",
            hint="Correct `evaluation.source.version_column` in use_cases.yaml, or add the column to the table.",
        )
    return _column(name) == (str(version) if isinstance(types[name], sa.String) else version)


def _column(name: str) -> sa.ColumnClause[Any]:
    """An identifier that SQLAlchemy quotes where it must."""
    return sa.column(name)


def _sum_of_hashes(rows: Iterable[tuple[Any, ...]]) -> tuple[int, int]:
    count = total = 0
    for row in rows:
        count += 1
        total += int.from_bytes(hashlib.shake_256(repr(row).encode()).digest(_HASH_BYTES))
    return count, total % (1 << 8 * _HASH_BYTES)


def _translated(rows: sa.Result[Any]) -> Generator[sa.Row[Any]]:
    with _translating():
        yield from rows


@contextmanager
def _translating() -> Generator[None]:
    """SQLAlchemy's errors as ours; never with the statement, the URL or values."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        raise SourceUnavailableError(
            f"the warehouse did not answer ({type(error.__cause__ or error).__name__})",
            hint="See whether it runs, and whether GOVERNANCE_WAREHOUSE_URL is right.",
        ) from None
    except exc.DBAPIError as error:
        raise CheckNotRunError(
            f"the warehouse refused to read the table ({type(error.__cause__ or error).__name__})",
            hint="See whether the columns' types can be grouped, and whether the user may read the table.",
        ) from None
