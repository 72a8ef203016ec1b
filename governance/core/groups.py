# SPDX-License-Identifier: Apache-2.0
"""Rows of an evaluation table as one count per group of people, fit for rates."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from governance.core.evaluation import Scalar
from governance.core.terms import NOTHING, Verdict, Words

Cells = Mapping[tuple[Scalar, Scalar, Scalar], float]
"""(group, label, prediction) -> rows; weighted rows need not be whole."""

MISSING: Final = "(missing)"
"""The name of the group of everybody whose group is NULL or NaN."""

MAX_GROUPS = 100
"""More groups than this are not groups: an id or an amount was taken for one."""

_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `n` rows."""

    count: float
    n: float

    @property
    def share(self) -> Fraction:
        """Exact; 0 of 0 is 0, so look at `n` first."""
        return Fraction(self.count) / Fraction(self.n) if self.n else Fraction(0)

    @property
    def rate(self) -> float:
        """The share as a float, for order and print; of two equal shares either may come first."""
        return self.count / self.n if self.n else 0.0

    def __str__(self) -> str:
        """`48/60 (80.0%)`, which reads the same in every language."""
        return f"{shown(self.count)}/{shown(self.n)} ({self.rate:.1%})" if self.n else "0/0"


@dataclass(frozen=True, slots=True)
class Group:
    """People who share one value of a sensitive column."""

    name: str
    rows: float
    labelled: float
    """Rows whose label is known."""
    selected: Share
    """Favourable predictions among known predictions."""
    favourable: Share
    """Favourable labels among known labels."""
    true_positive: Share
    """Favourable predictions among favourable labels with a known prediction."""
    false_positive: Share
    """Favourable predictions among unfavourable labels with a known prediction."""
    precise: Share
    """Favourable labels among favourable predictions with a known label."""
    accurate: Share
    """Rows whose label and prediction are both favourable or both not, among rows where both are known."""

    @property
    def is_missing(self) -> bool:
        """True for the people whose group nobody recorded."""
        return self.name == MISSING


def count_groups(cells: Cells, favourable: Scalar) -> list[Group]:
    """Fold cells into one `Group` per value, by name; cells may come in any order and more than once."""
    by_name: dict[str, list[tuple[Scalar, Scalar, float]]] = {}
    for (group, label, prediction), rows in cells.items():
        by_name.setdefault(plain(group), []).append((label, prediction, rows))
    return [_group(name, by_name[name], favourable) for name in sorted(by_name)]


def choose_reference(groups: Sequence[Group], wanted: Scalar) -> Group | tuple[Verdict, Words]:
    """The group to compare with, or the verdict and the reason why there is nothing to compare."""
    if not groups:
        return Verdict.INSUFFICIENT, Words("比べる行がない", "there are no rows to compare")
    if len(groups) > MAX_GROUPS:
        return (
            Verdict.ERROR,
            Words(
                f"群が {len(groups):,} 個あり {MAX_GROUPS} を超える。値を区間にまとめるか、evaluation.sensitive に別の列を指定する",
                f"{len(groups):,} groups, more than {MAX_GROUPS}: not a grouping; put the values into bands or name another column in evaluation.sensitive",
            ),
        )
    if wanted is not None and all(group.name != plain(wanted) for group in groups):
        return (
            Verdict.ERROR,
            Words(
                f"基準群 {plain(wanted)!r} がデータにない。use_cases.yaml の evaluation.reference を直す",
                f"the reference group {plain(wanted)!r} is not in the data; correct evaluation.reference in use_cases.yaml",
            ),
        )
    if len(groups) == 1:
        return (
            Verdict.INSUFFICIENT,
            Words(
                f"全 {shown(groups[0].rows)} 行が 1 つの群({groups[0].name})で、比べる相手がない",
                f"all {shown(groups[0].rows)} rows are of one group ({groups[0].name}): there is nobody to compare with",
            ),
        )
    if wanted is not None:
        return next(group for group in groups if group.name == plain(wanted))
    # People whose group is unknown are no yardstick, unless everybody's is.
    return max(groups, key=lambda group: (not group.is_missing, group.rows))


def type_problem(cells: Cells, favourable: Scalar) -> Words:
    """Text where a number is wanted would silently count as unfavourable."""
    if isinstance(favourable, str):
        return NOTHING
    for position, column in ((1, "label"), (2, "prediction")):
        if any(isinstance(cell[position], str) for cell in cells):
            return Words(
                f"{column} の列は文字だが、有利な値は数値の {favourable}。use_cases.yaml の evaluation.favourable を文字にするか、evaluation.{column} を数値の列にする",
                f"the {column} column holds text, but the favourable value is the number {favourable}; set evaluation.favourable in use_cases.yaml to the text, or evaluation.{column} to a numeric column",
            )
    return NOTHING


def shown(number: float) -> str:
    """A number of rows; weighted rows need not be whole."""
    return f"{int(number):,}" if number == int(number) else f"{number:,.1f}"


def plain(value: Scalar) -> str:
    """A group's name as people read it: whole floats as integers, one line, printable, short.

    Different values keep different names: text that had to be altered ends in a piece of its hash, and text
    that reads like the name of the missing group is put in quotes.
    """
    if unknown(value):
        return MISSING
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    if text == MISSING:
        return f'"{text}"'
    if text.isprintable() and len(text) <= _LONGEST_NAME:
        return text
    shown = "".join(character if character.isprintable() else "�" for character in text[:_LONGEST_NAME])
    return f"{shown}… #{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"


def unknown(value: Scalar) -> bool:
    """NULL, NaN and infinity say nothing."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _group(name: str, cells: list[tuple[Scalar, Scalar, float]], favourable: Scalar) -> Group:
    """Count every outcome once: label and prediction are favourable (True), not (False) or unknown (None)."""
    outcomes: dict[tuple[bool | None, bool | None], float] = defaultdict(int)
    for label, prediction, rows in cells:
        outcomes[_is(label, favourable), _is(prediction, favourable)] += rows
    tp, fn, fp, tn = (outcomes[key] for key in ((True, True), (True, False), (False, True), (False, False)))
    known = [outcomes[label, prediction] for label in (True, False, None) for prediction in (True, False)]
    favoured, unfavoured = (sum(outcomes[label, p] for p in (True, False, None)) for label in (True, False))
    return Group(
        name=name,
        rows=sum(outcomes.values()),
        labelled=favoured + unfavoured,
        selected=Share(tp + fp + outcomes[None, True], sum(known)),
        favourable=Share(favoured, favoured + unfavoured),
        true_positive=Share(tp, tp + fn),
        false_positive=Share(fp, fp + tn),
        precise=Share(tp, tp + fp),
        accurate=Share(tp + tn, tp + fn + fp + tn),
    )


def _is(value: Scalar, favourable: Scalar) -> bool | None:
    return None if unknown(value) else value == favourable
