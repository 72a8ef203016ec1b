# SPDX-License-Identifier: Apache-2.0
"""What a check may ask of an evaluation table, wherever it lives, and what values it may get back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol

from governance.errors import CheckNotRunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

Scalar = str | int | float | bool | None
MAX_GROUPS: Final = 10_000
"""More combinations than this are no grouping, and no longer counts but data about single people."""


class EvaluationTable(Protocol):
    """Rows that a model version is judged on, reachable only through group-bys.

    Every method may raise `SourceUnavailableError`, and `CheckNotRunError` for what the table
    itself makes impossible (a column it does not have).
    """

    @property
    def columns(self) -> Mapping[str, str]:
        """Column name -> type as the source calls it, in the table's order."""

    @property
    def engines(self) -> Mapping[str, str]:
        """What counts the rows: its name and version."""

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

    def batch(self, where: Any = None) -> Any:  # noqa: ANN401 - a pandas DataFrame or (engine, schema, table, where)
        """What Great Expectations runs on, see `checks.data_quality`; `where` narrows it, a SQL expression or None."""


def scalar(value: object) -> Scalar:
    """`value` as text, number, boolean or None; decimals become numbers, anything else its text."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    return str(value)


def too_many(sizes: Mapping[str, int]) -> CheckNotRunError:
    """The error for a grouping that is none; `sizes` are distinct values per column."""
    column, size = max(sizes.items(), key=lambda item: item[1])
    if size > MAX_GROUPS:
        return CheckNotRunError(
            f"column {column!r} has more than {MAX_GROUPS:,} values",
            hint="Put the values into bands, or name another column in `evaluation` in use_cases.yaml.",
            ja=f"列 {column!r} の値が {MAX_GROUPS:,} 種類を超える。区間にまとめるか、use_cases.yaml の evaluation に別の列を指定する",
        )
    names = ", ".join(map(repr, sizes))
    return CheckNotRunError(
        f"columns {names} have more than {MAX_GROUPS:,} combinations of values",
        hint=f"Put the values of {column!r} into bands.",
        ja=f"列 {names} の値の組み合わせが {MAX_GROUPS:,} 通りを超える。{column!r} の値を区間にまとめる",
    )
