# SPDX-License-Identifier: Apache-2.0
"""A Parquet, CSV or Arrow file as an evaluation table, counted by a DuckDB that can reach nothing else."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from governance.core.evaluation import MAX_GROUPS, scalar, too_many
from governance.errors import CheckNotRunError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from governance.core.evaluation import Scalar

_READERS: Final = {
    # Types are told from the whole file, so that a late text cannot pass for a number; directory names add no columns.
    ".parquet": "read_parquet({}, hive_partitioning = false)",
    ".csv": "read_csv({}, header = true, sample_size = -1, hive_partitioning = false)",
}
_ARROW: Final = frozenset({".arrow", ".feather"})
_DIALECT: Final = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
"""DuckDB speaks PostgreSQL's SQL, so a statement is written once for files and databases."""
VIEW: Final = "evaluation"
"""What the rows are called in the connection."""
_MEMORY: Final = "1GB"
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": 2,
    "memory_limit": _MEMORY,
    "temp_directory": "",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}


@dataclass
class FileTable:
    """Rows of one file. See `core.evaluation.EvaluationTable`."""

    path: Path
    connection: Any = field(repr=False)
    """A DuckDB connection that is locked down and knows the rows as `VIEW`."""

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Column name -> DuckDB type, in the file's order."""
        return {str(row[0]): str(row[1]) for row in self._rows(f"DESCRIBE FROM {VIEW}")}

    @property
    def engines(self) -> Mapping[str, str]:
        """DuckDB and its version."""
        import duckdb

        return {"duckdb": duckdb.__version__}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file's bytes."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def rows(self) -> sa.FromClause:
        """The rows, as something to select from."""
        return sa.table(VIEW, *map(sa.column, self.columns))

    def fetch(self, statement: sa.Select[*tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows of a select over `rows`.

        Raises:
            CheckNotRunError: DuckDB cannot compute it.
        """
        return self._rows(*_compiled(statement))

    def count(self) -> int:
        """Number of rows."""
        return int(self.fetch(sa.select(sa.func.count()).select_from(self.rows))[0][0])

    def group_counts(self, by: Sequence[str]) -> list[tuple[tuple[Scalar, ...], int]]:
        """Rows per combination of the values of `by`, in one scan.

        Raises:
            CheckNotRunError: a column is missing or has too many values.
        """
        for name in by:
            if name not in self.columns:
                raise CheckNotRunError(
                    f"column {name!r} is not in {self.path.name}",
                    hint="Correct `evaluation` in use_cases.yaml, or add the column to the file.",
                    ja=f"列 {name!r} が {self.path.name} にない。use_cases.yaml の evaluation を直すか、ファイルに列を足す",
                )
        columns = [self.rows.c[name] for name in by]
        labelled = [column.label(f"by_{position}") for position, column in enumerate(columns)]
        grouped = sa.select(*labelled, sa.func.count()).group_by(*dict.fromkeys(columns)).limit(MAX_GROUPS + 1)
        rows = self.fetch(grouped)
        if len(rows) > MAX_GROUPS:
            distinct = self.fetch(sa.select(*(sa.func.count(column.distinct()) for column in columns)))
            raise too_many(dict(zip(by, distinct[0], strict=True)))
        return [(tuple(scalar(value) for value in row[:-1]), int(row[-1])) for row in rows]

    def batch(self, where: sa.ColumnElement[bool] | None = None) -> Any:  # noqa: ANN401 - a pandas DataFrame
        """The rows as a pandas DataFrame: all, or those that `where` keeps."""
        rows = sa.select(sa.text("*")).select_from(self.rows)
        with self.reading(*_compiled(rows if where is None else rows.where(where))) as result:
            return result.df()

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self.reading(sql, values) as result:
            return list(result.fetchall())

    @contextmanager
    def reading(self, sql: str, values: Sequence[object] = ()) -> Generator[Any]:
        """The result of one statement; DuckDB may meet the broken line only while it is fetched.

        Raises:
            CheckNotRunError: the file is broken, or the statement needs more memory than there is.
        """
        import duckdb

        try:
            yield self.connection.execute(sql, list(values))
        except duckdb.OutOfMemoryException:
            raise CheckNotRunError(
                f"{self.path.name} needs more memory than the {_MEMORY} that a check may take",
                hint="Check fewer columns at a time, or load the data into a table of the warehouse.",
                ja=f"{self.path.name} の処理が、チェックに許されたメモリ {_MEMORY} を超える。列を減らすか、データベースの表に置く",
            ) from None
        except duckdb.Error as error:
            # DuckDB's message quotes the offending line of the file.
            raise CheckNotRunError(
                f"{self.path.name} cannot be read as {self.path.suffix[1:].upper()} ({type(error).__name__})",
                hint="Write the file again as Parquet, or as CSV with a header.",
                ja=f"{self.path.name} を {self.path.suffix[1:].upper()} として読めない({type(error).__name__})。Parquet か見出し付き CSV で書き直す",
            ) from None


@contextmanager
def open_file(path: Path) -> Generator[FileTable]:
    """Open one file that is already known to be allowed.

    Raises:
        CheckNotRunError: it is not Parquet, CSV or Arrow, it is broken, or it changed while it was read.
    """
    if path.suffix.lower() not in {*_READERS, *_ARROW}:
        raise CheckNotRunError(
            f"{path.name!r} is none of .parquet, .csv, .arrow and .feather",
            hint="Write the evaluation data in one of these formats.",
            ja=f"{path.name!r} は .parquet、.csv、.arrow、.feather のどれでもない。いずれかの形式で書く",
        )
    if set(path.as_posix()) & set("*?[]{}"):
        raise CheckNotRunError(
            f"{path.name!r} or a directory above it is named with one of * ? [ ] {{ }}",
            hint="Rename it: DuckDB would take that for a pattern of several files.",
            ja=f"{path.name!r} か上位のディレクトリの名前に * ? [ ] {{ }} がある。複数のファイルと解釈されるので、名前を変える",
        )
    before = _stamp(path)
    with _locked(path) as connection:
        table = FileTable(path, connection)
        _define(table)
        yield table
    if _stamp(path) != before:
        raise CheckNotRunError(
            f"{path.name} changed while it was read",
            hint="Deliver data under another name and rename it into place, then run the check again.",
            ja=f"{path.name} が読み取りの途中で変わった。別名で届けてから改名し、チェックをもう一度実行する",
        )


def _compiled(statement: sa.Select[*tuple[Any, ...]]) -> tuple[str, list[Any]]:
    compiled = statement.compile(dialect=_DIALECT)
    return compiled.string, [compiled.params[name] for name in compiled.positiontup or ()]


def _stamp(path: Path) -> tuple[int, ...]:
    """What a file is as long as nobody writes or replaces it; empty if it is gone."""
    try:
        told = path.stat()
    except OSError:
        return ()
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns


@contextmanager
def _locked(path: Path) -> Generator[Any]:
    """A DuckDB in memory that may read `path` and change nothing about itself."""
    import duckdb

    with duckdb.connect(config=_CONFIG) as connection:
        connection.execute(f"SET allowed_paths = [{_literal(path)}]")
        # Times with a zone are written in UTC, as PostgreSQL writes them, wherever the process runs.
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def _define(table: FileTable) -> None:
    """Give the rows their name; a broken file shows here, not in the middle of a check."""
    if table.path.suffix.lower() in _ARROW:
        _register(table)
    else:
        reader = _READERS[table.path.suffix.lower()].format(_literal(table.path))
        with table.reading(f"CREATE VIEW {VIEW} AS FROM {reader}"):
            pass
    _ = table.columns


def _register(table: FileTable) -> None:
    """Arrow files are streamed by pyarrow: DuckDB would want an extension for them."""
    import pyarrow as pa
    from pyarrow import dataset

    try:
        table.connection.register(VIEW, dataset.dataset(table.path, format="ipc"))
    except (pa.ArrowException, OSError) as error:
        raise CheckNotRunError(
            f"{table.path.name} cannot be read as ARROW ({type(error).__name__})",
            hint="Write the file again as Arrow IPC, or as Parquet.",
            ja=f"{table.path.name} を ARROW として読めない({type(error).__name__})。Arrow IPC か Parquet で書き直す",
        ) from None


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
