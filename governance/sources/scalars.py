# SPDX-License-Identifier: Apache-2.0
"""Values of any source as the few types that checks know, and the limit on how many of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from governance.errors import CheckNotRunError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.core.evaluation import Scalar

MAX_GROUPS: Final = 10_000
"""More combinations than this are no grouping, and no longer counts but data about single people."""


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
