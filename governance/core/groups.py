# SPDX-License-Identifier: Apache-2.0
"""Rows of an evaluation table as one count per group of people, fit for rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.core.evaluation import Scalar

    Cells = Mapping[tuple[Scalar, Scalar, Scalar], int]
    """(group, label, prediction) -> rows."""

MISSING: Final = "(missing)"
"""The name of the group of everybody whose group is NULL or NaN."""

_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `n` rows."""

    count: int
    n: int

    @property
    def share(self) -> Fraction:
        """Exact; 0 of 0 is 0, so look at `n` first."""
        return Fraction(self.count, self.n) if self.n else Fraction(0)

    def __str__(self) -> str:
        """`48 of 60 (80.0 %)`."""
        return f"{self.count:,} of {self.n:,} ({float(self.share):.1%})" if self.n else "0 of 0"


@dataclass(frozen=True, slots=True)
class Group:
    """People who share one value of a sensitive column."""

    name: str
    rows: int
    labelled: int
    """Rows whose label is known."""
    selected: Share
    """Favourable predictions among known predictions."""
    favourable: Share
    """Favourable labels among known labels."""
    true_positive: Share
    """Favourable predictions among favourable labels with a known prediction."""

    @property
    def is_missing(self) -> bool:
        """True for the people whose group nobody recorded."""
        return self.name == MISSING


def count_groups(cells: Cells, favourable: Scalar) -> list[Group]:
    """Fold cells into one `Group` per value, by name; cells may come in any order and more than once."""
    by_name: dict[str, list[tuple[Scalar, Scalar, int]]] = {}
    for (group, label, prediction), rows in cells.items():
        by_name.setdefault(plain(group), []).append((label, prediction, rows))
    return [_group(name, by_name[name], favourable) for name in sorted(by_name)]


def plain(value: Scalar) -> str:
    """A group's name as people read it: whole floats as integers, one line, printable, short.

    Text that reads like the name of the missing group is put in quotes.
    """
    if unknown(value):
        return MISSING
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = "".join(character if character.isprintable() else "�" for character in str(value))
    if text == MISSING:
        return f'"{text}"'
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"


def unknown(value: Scalar) -> bool:
    """NULL, NaN and infinity say nothing."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _group(name: str, cells: list[tuple[Scalar, Scalar, int]], favourable: Scalar) -> Group:
    predicted = [cell for cell in cells if not unknown(cell[1])]
    labelled = [cell for cell in cells if not unknown(cell[0])]
    deserving = [cell for cell in predicted if cell[0] == favourable]
    return Group(
        name=name,
        rows=_rows(cells),
        labelled=_rows(labelled),
        selected=Share(_rows([cell for cell in predicted if cell[1] == favourable]), _rows(predicted)),
        favourable=Share(_rows([cell for cell in labelled if cell[0] == favourable]), _rows(labelled)),
        true_positive=Share(_rows([cell for cell in deserving if cell[1] == favourable]), _rows(deserving)),
    )


def _rows(cells: list[tuple[Scalar, Scalar, int]]) -> int:
    return sum(rows for _, _, rows in cells)
