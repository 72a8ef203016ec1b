# SPDX-License-Identifier: Apache-2.0
"""The measures of group fairness, as data: which share of people each one compares, and in which words.

`equal_opportunity_difference` compares true positive rates (Hardt, Price, Srebro 2016), and false negative rates
with them, since one is 1 less the other; `predictive_parity_difference` compares precisions (Chouldechova 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from governance.core import statistics
from governance.core.groups import Group, Share, shown
from governance.core.terms import NOTHING, Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.core.statistics import Interval
    from governance.policy import Check

SELECTION: Final = "selection_rate_ratio"
OPPORTUNITY: Final = "equal_opportunity_difference"
ODDS: Final = "equalized_odds_difference"


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of the people of a group."""

    name: str
    """As in `core.groups.Group`, for the counts behind it."""
    said: Words
    of: Words
    """What it is a share of."""
    share: Callable[[Group], Share]
    by_prediction: bool
    """Whether it is constant because the model sets nobody apart, or because there is only one class of labels."""


SELECTED: Final = Rate(
    "selected",
    Words("選択率", "selected"),
    Words("予測", "predictions"),
    lambda group: group.selected,
    by_prediction=True,
)
TRUE_POSITIVE: Final = Rate(
    "true_positive",
    Words("真陽性率", "true positive rate"),
    Words("有利な正解ラベル", "favourable labels"),
    lambda group: group.true_positive,
    by_prediction=False,
)
FALSE_POSITIVE: Final = Rate(
    "false_positive",
    Words("偽陽性率", "false positive rate"),
    Words("不利な正解ラベル", "unfavourable labels"),
    lambda group: group.false_positive,
    by_prediction=False,
)
PRECISE: Final = Rate(
    "precise",
    Words("適合率", "precision"),
    Words("有利な予測", "favourable predictions"),
    lambda group: group.precise,
    by_prediction=True,
)
ACCURATE: Final = Rate(
    "accurate",
    Words("正解率", "accuracy"),
    Words("正解ラベルのある予測", "predictions with a label"),
    lambda group: group.accurate,
    by_prediction=False,
)
RATES: Final = (SELECTED, TRUE_POSITIVE, FALSE_POSITIVE, PRECISE, ACCURATE)

_ONE_PREDICTION: Final = Words(
    "予測がすべて有利か、すべて不利で、モデルは誰も区別していない",
    "all predictions are favourable or none is: the model sets nobody apart",
)
_ONE_CLASS: Final = Words(
    "正解ラベルがすべて有利か、すべて不利で、比べるクラスがない",
    "all labels are favourable or none is: there is only one class",
)


@dataclass(frozen=True, slots=True)
class Measure:
    """What of two groups is compared: their shares as a ratio, or as a difference; of several rates, the worst."""

    name: str
    """As in `policy.BiasLimits`."""
    rates: tuple[Rate, ...]
    is_ratio: bool = False

    @property
    def comparison(self) -> str:
        """How value and limit relate when all is well."""
        return ">=" if self.is_ratio else "<="

    def sorted(self, rate: Rate, groups: Sequence[Group]) -> list[Group]:
        """The lowest share first; a share of nothing counts as 0."""
        return sorted(groups, key=lambda group: rate.share(group).rate)

    def value(self, groups: Sequence[Group]) -> float:
        """Lowest over highest share, or highest less lowest; of several rates, the largest gap."""
        return max(self._gap(rate, groups) for rate in self.rates)

    def _gap(self, rate: Rate, groups: Sequence[Group]) -> float:
        ordered = self.sorted(rate, groups)
        low, high = rate.share(ordered[0]), rate.share(ordered[-1])
        # Whole counts are multiplied before they are divided, so that the quotient is rounded once.
        if self.is_ratio:
            return low.count * high.n / (low.n * high.count)
        return (high.count * low.n - low.count * high.n) / (high.n * low.n)

    def interval(self, groups: Sequence[Group], confidence: float) -> Interval:
        """For `value` of two groups: Katz or Newcombe; of several rates, at a joint confidence (Bonferroni)."""
        each = 1 - (1 - confidence) / len(self.rates)
        found = [self._interval(rate, groups, each) for rate in self.rates]
        return statistics.Interval(max(one.low for one in found), max(one.high for one in found))

    def _interval(self, rate: Rate, groups: Sequence[Group], confidence: float) -> Interval:
        lower, higher = (rate.share(group) for group in self.sorted(rate, groups))
        if self.is_ratio:
            return statistics.katz(lower.count, lower.n, higher.count, higher.n, confidence)
        return statistics.newcombe(higher.count, higher.n, lower.count, lower.n, confidence)

    def rows(self, groups: Sequence[Group]) -> int:
        """How many rows the value rests on; of several rates, the fewest."""
        return int(min(sum(rate.share(group).n for group in groups) for rate in self.rates))

    def fact(self, groups: Sequence[Group]) -> Words:
        """The shares of two groups, lower first: `selected: a 12/40 (30.0%), b 20/40 (50.0%)`."""
        told = NOTHING
        for rate in self.rates:
            ordered = self.sorted(rate, groups)
            shares = ", ".join(f"{group.name} {rate.share(group)}" for group in (ordered[0], ordered[-1]))
            told = told.then(Words(f"{rate.said.ja}: {shares}", f"{rate.said.en}: {shares}"))
        return told

    def too_little(self, groups: Sequence[Group], check: Check) -> Words:
        """Which share rests on too few rows; empty if all rest on enough."""
        for rate in self.rates:
            for group in groups:
                if rate.share(group).n < check.min_n:
                    n = shown(rate.share(group).n)
                    return Words(
                        f"{group.name} の{rate.of.ja}は {n} 件で、率に必要な {check.min_n} 件に足りない",
                        f"{group.name} has {n} {rate.of.en}, fewer than the {check.min_n} that a rate needs",
                    )
        return NOTHING

    def constant(self, groups: Sequence[Group]) -> Words:
        """Why the measure says nothing: no prediction or no label differs from any other."""
        for rate in self.rates:
            shares = [group.selected if rate.by_prediction else group.favourable for group in groups]
            count, n = sum(share.count for share in shares), sum(share.n for share in shares)
            if count in {0, n}:
                return _ONE_PREDICTION if rate.by_prediction else _ONE_CLASS
        return NOTHING


MEASURES: Final = (
    Measure(SELECTION, (SELECTED,), is_ratio=True),
    Measure("demographic_parity_difference", (SELECTED,)),
    Measure(OPPORTUNITY, (TRUE_POSITIVE,)),
    Measure("false_positive_rate_difference", (FALSE_POSITIVE,)),
    Measure(ODDS, (TRUE_POSITIVE, FALSE_POSITIVE)),
    Measure("predictive_parity_difference", (PRECISE,)),
    Measure("accuracy_difference", (ACCURATE,)),
)
