# SPDX-License-Identifier: Apache-2.0
"""What a check may ask of an evaluation table, wherever the table lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

Scalar = str | int | float | bool | None


class EvaluationTable(Protocol):
    """Rows that a model version is judged on, reachable only through group-bys.

    Every method may raise `SourceUnavailableError`, and `CheckNotRunError` for what the table
    itself makes impossible (a column it does not have).
    """

    @property
    def columns(self) -> Mapping[str, str]:
        """Column name -> type as the source calls it, in the table's order."""

    @property
    def digest(self) -> str:
        """Hex SHA-256 that changes when the data change."""

    @property
    def rows(self) -> Any:  # noqa: ANN401 - the core does not know SQLAlchemy
        """The rows as a SQLAlchemy FROM clause, with a column for each of `columns`."""

    def fetch(self, statement: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - as above
        """The rows of a SQLAlchemy select over `rows`; made for aggregates, the answer is held in memory."""

    def count(self) -> int:
        """Number of rows."""

    def group_counts(self, by: Sequence[str]) -> list[tuple[tuple[Scalar, ...], int]]:
        """Rows per combination of the values of `by`; one scan, no row leaves the source."""

    def batch(self) -> Any:  # noqa: ANN401 - a pandas DataFrame or a (engine, schema, table, where)
        """What Great Expectations runs on, see `checks.data_quality`."""
