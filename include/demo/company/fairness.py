# SPDX-License-Identifier: Apache-2.0
"""Compares two groups on an evaluation table, so that the demo can show its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from include.demo.company.intervals import Count, Estimate, katz, newcombe
from include.demo.company.terms import LABEL, PREDICTION, Sensitive

if TYPE_CHECKING:
    import pandas as pd


class Gap(NamedTuple):
    """How the group at risk fares beside the reference group."""

    column: str
    at_risk: Count
    reference: Count
    ratio: Estimate
    equal_opportunity: Estimate

    def __str__(self) -> str:
        """Print one line: rates, ratio, difference."""
        rates = f"{self.at_risk.rate:.3f} / {self.reference.rate:.3f}"
        return f"{self.column}: selected {rates}, ratio {self.ratio}, equal opportunity {self.equal_opportunity}"


def gap(evaluation: pd.DataFrame, sensitive: Sensitive) -> Gap:
    """Measure selection ratio and equal opportunity for one sensitive column."""
    groups = evaluation[sensitive.column]
    one = evaluation[groups == sensitive.at_risk]
    two = evaluation[groups == sensitive.reference]
    left, right = _selected(one), _selected(two)
    deserving = newcombe(_selected(_deserving(one)), _selected(_deserving(two)))
    return Gap(sensitive.column, left, right, katz(left, right), deserving)


def _selected(rows: pd.DataFrame) -> Count:
    return Count(int(rows[PREDICTION].sum()), len(rows))


def _deserving(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows[LABEL] == 1]
