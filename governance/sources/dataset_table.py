# SPDX-License-Identifier: Apache-2.0
"""A table of the warehouse (SQLite or PostgreSQL) as an evaluation table; its rows are counted where they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy import exc

from governance.core.evaluation import MAX_GROUPS, scalar, too_many
from governance.errors import CheckNotRunError
from governance.sources.warehouse import connect, translating

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

    @property
    def engines(self) -> Mapping[str, str]:
        """The database product and its version."""
        dialect = self.connection.dialect
        return {dialect.name: ".".join(map(str, dialect.server_version_info or ()))}

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

    @cached_property
    def rows(self) -> sa.FromClause:
        """The rows of the version, as something to select from."""
        return self._select(*map(_column, self.types)).subquery("evaluation")

    def fetch(self, statement: sa.Select[*tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows of a select over `rows`.

        Raises:
            CheckNotRunError: the database cannot compute it.
            SourceUnavailableError: it did not answer.
        """
        return [tuple(row) for row in self._execute(statement).all()]

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
                    ja=f"列 {name!r} が表 {self.name!r} にない。use_cases.yaml の evaluation を直すか、表に列を足す",
                )
        columns = [_column(name).label(f"by_{position}") for position, name in enumerate(by)]
        grouped = self._select(*columns, sa.func.count()).group_by(*map(_column, dict.fromkeys(by)))
        rows = self._execute(grouped.limit(MAX_GROUPS + 1)).all()
        if len(rows) > MAX_GROUPS:
            distinct = self._execute(self._select(*(sa.func.count(_column(name).distinct()) for name in by))).one()
            raise too_many(dict(zip(by, distinct, strict=True)))
        return [(tuple(map(scalar, row[:-1])), int(row[-1])) for row in rows]

    def batch(self, where: sa.ColumnElement[bool] | None = None) -> Any:  # noqa: ANN401 - (engine, schema, table, where)
        """(engine, schema, table, where) for Great Expectations; `where` is a SQL expression or None."""
        parts = [part for part in (self.where, where) if part is not None]
        return self.connection.engine, self.schema, self.name, sa.and_(*parts) if parts else None

    def _select(self, *what: sa.ColumnElement[Any]) -> sa.Select[Any]:
        statement = sa.select(*what).select_from(sa.table(self.name, schema=self.schema))
        return statement if self.where is None else statement.where(self.where)

    def _execute(self, statement: sa.Select[Any], *, stream: bool = False) -> sa.Result[Any]:
        with translating():
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
            ja=f"表 {source.table!r} を読めない。GOVERNANCE_WAREHOUSE_URL にデータベースの URL を設定する",
        )
    with connect(url) as connection:
        yield _reflect(connection, source, version)


def _reflect(connection: sa.Connection, source: Table, version: int) -> DatabaseTable:
    schema, _, name = source.table.rpartition(".")
    try:
        with translating():
            columns = sa.inspect(connection).get_columns(name, schema or None)
    except exc.NoSuchTableError:
        columns = []
    if not columns:
        raise CheckNotRunError(
            f"there is no table {source.table!r} in the warehouse",
            hint="Correct `evaluation.source.table` in use_cases.yaml, or create the table.",
            ja=f"表 {source.table!r} がデータベースにない。use_cases.yaml の evaluation.source.table を直すか、表を作る",
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
            ja=f"列 {name!r} が表 {source.table!r} にない。use_cases.yaml の evaluation.source.version_column を直すか、表に列を足す",
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
    with translating():
        yield from rows
