# SPDX-License-Identifier: Apache-2.0
"""A Parquet or CSV file as an evaluation table, counted by a DuckDB that can reach nothing else."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from governance.errors import CheckNotRunError
from governance.sources.scalars import MAX_GROUPS, quoted, scalar, too_many

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from governance.core.evaluation import Scalar

_READERS: Final = {
    # Types are told from the whole file, so that a late text cannot pass for a number; directory names add no columns.
    ".parquet": "read_parquet(?, hive_partitioning = false)",
    ".csv": "read_csv(?, header = true, sample_size = -1, hive_partitioning = false)",
}
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": 2,
    "memory_limit": "1GB",
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
    """A DuckDB connection that is locked down."""
    relation: str

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Column name -> DuckDB type, in the file's order."""
        return {str(row[0]): str(row[1]) for row in self._rows(f"DESCRIBE FROM {self.relation}")}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file's bytes."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def count(self) -> int:
        """Number of rows."""
        return int(self._rows(f"SELECT count(*) FROM {self.relation}")[0][0])  # noqa: S608 - the relation is a constant

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
        names = ", ".join(quoted(name) for name in by)
        places = ", ".join(str(position + 1) for position in range(len(by)))
        rows = self._rows(f"SELECT {names}, count(*) FROM {self.relation} GROUP BY {places} LIMIT {MAX_GROUPS + 1}")  # noqa: S608 - checked and quoted above
        if len(rows) > MAX_GROUPS:
            raise self._too_many(by)
        return [(tuple(scalar(value) for value in row[:-1]), int(row[-1])) for row in rows]

    def batch(self) -> Any:  # noqa: ANN401 - a pandas DataFrame
        """The whole file as a pandas DataFrame."""
        with self._reading(f"FROM {self.relation}") as result:
            return result.df()

    def _too_many(self, by: Sequence[str]) -> CheckNotRunError:
        distinct = ", ".join(f"count(DISTINCT {quoted(name)})" for name in by)
        sizes = dict(zip(by, self._rows(f"SELECT {distinct} FROM {self.relation}")[0], strict=True))  # noqa: S608 - checked and quoted
        return too_many(sizes)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._reading(sql) as result:
            return list(result.fetchall())

    @contextmanager
    def _reading(self, sql: str) -> Generator[Any]:
        """The result of one statement; DuckDB may meet the broken line only while it is fetched."""
        import duckdb

        try:
            yield self.connection.execute(sql, [str(self.path)])
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
        CheckNotRunError: it is neither Parquet nor CSV, or broken.
    """
    if path.suffix.lower() not in _READERS:
        raise CheckNotRunError(
            f"{path.name!r} is neither .parquet nor .csv",
            hint="Write the evaluation data in one of these formats.",
            ja=f"{path.name!r} は .parquet でも .csv でもない。どちらかの形式で書く",
        )
    if set(path.as_posix()) & set("*?[]{}"):
        raise CheckNotRunError(
            f"{path.name!r} or a directory above it is named with one of * ? [ ] {{ }}",
            hint="Rename it: DuckDB would take that for a pattern of several files.",
            ja=f"{path.name!r} か上位のディレクトリの名前に * ? [ ] {{ }} がある。複数のファイルと解釈されるので、名前を変える",
        )
    with _locked(path) as connection:
        table = FileTable(path, connection, _READERS[path.suffix.lower()])
        _ = table.columns  # a broken file shows here, not in the middle of a check
        yield table


@contextmanager
def _locked(path: Path) -> Generator[Any]:
    """A DuckDB in memory that may read `path` and change nothing about itself."""
    import duckdb

    with duckdb.connect(config=_CONFIG) as connection:
        literal = "'" + str(path).replace("'", "''") + "'"
        connection.execute(f"SET allowed_paths = [{literal}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
