# SPDX-License-Identifier: Apache-2.0
"""Whether a model treats groups of people alike, judged from counts (clause 3.3-07b).

Each group is compared with a reference group: the one the policy names, else the largest. Two numbers:

- `selection_rate_ratio`: the lower selection rate over the higher one, min(r, 1/r) of group over reference,
  so a gap counts in whichever direction it goes. It has to be at least the limit (four fifths: EEOC Uniform
  Guidelines 1978, 29 CFR 1607.4 D). The Katz interval is turned the same way.
- `equal_opportunity_difference`: the higher true positive rate minus the lower one. It has to be at most the
  limit (Hardt, Price, Srebro 2016). The Newcombe interval is turned the same way.

A pair passes if its whole interval keeps the limit, fails if its whole interval breaks it, and is else
`insufficient`: the data cannot tell. What cannot be counted is named, never left out.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from governance.core import statistics
from governance.core.groups import Group, Share, choose_reference, count_groups, type_problem
from governance.core.terms import NOTHING, Finding, Observation, Verdict, Words
from governance.core.verdicts import combine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from governance.core.evaluation import Scalar
    from governance.core.groups import Cells
    from governance.policy import Check

SELECTION = "selection_rate_ratio"
OPPORTUNITY = "equal_opportunity_difference"
UNSETTLED: Final = Words("信頼区間からは判断できない", "the interval does not settle it")

_NO_COLUMN: Final = Words("公平性を比べる列が集計されていない", "no sensitive column was counted")
_ONE_PREDICTION: Final = Words(
    "予測がすべて有利か、すべて不利で、モデルは誰も区別していない",
    "all predictions are favourable or none is: the model sets nobody apart",
)
_ONE_CLASS: Final = Words(
    "正解ラベルがすべて有利か、すべて不利で、比べるクラスがない",
    "all labels are favourable or none is: there is only one class",
)
_NOBODY: Final = Words(
    "どちらの群にも選ばれた人がなく、比を計算できない", "nobody in either group is selected: there is no ratio"
)
_POINT_KEEPS: Final = Words(
    "点推定は限度を満たすが、信頼区間からは判断できない", "the point keeps the limit, the interval does not settle it"
)
_POINT_BREAKS: Final = Words(
    "点推定は限度を満たさないが、信頼区間からは判断できない",
    "the point breaks the limit, the interval does not settle it",
)
_PREDICTIONS: Final = Words("予測", "predictions")
_LABELS: Final = Words("有利な正解ラベル", "favourable labels")
_NAMES: Final = {"prediction": "予測", "label": "正解ラベル"}


def judge(
    counts: Mapping[str, Cells], check: Check, *, favourable: Scalar = 1, reference: Mapping[str, Scalar] | None = None
) -> Finding:
    """Compare the groups of every sensitive column.

    Args:
        counts: sensitive column -> (group, label, prediction) -> rows. None and NaN are missing values.
        check: limits, confidence and the least number of rows a share may rest on (`min_n`).
        favourable: the label and prediction that a person wants to get; every other value is the opposite.
        reference: sensitive column -> group to compare with; columns not named take their largest group.

    Returns:
        One observation per column, group and measure; the worst verdict counts. No column gives `not_run`.
    """
    chosen = reference or {}
    observations = tuple(
        observation
        for column, cells in counts.items()
        for observation in _column(column, cells, check, favourable, chosen.get(column))
    )
    n = max((sum(cells.values()) for cells in counts.values()), default=0)
    verdict = combine(observation.verdict for observation in observations)
    return Finding(verdict, observations, n=n, detail=NOTHING if counts else _NO_COLUMN)


def keeps_ratio(lower: Share, higher: Share, limit: float) -> bool:
    """Whether the point estimate keeps the limit, exactly: 48 % against 60 % is 80 %, and 80 % passes.

    Integers, because the float quotient calls two in five exact 80 % cases a breach. The limit counts as it
    was typed (0.8 is 4/5). No selection at all keeps no limit.
    """
    return higher.count > 0 and lower.count * higher.n >= Fraction(repr(limit)) * higher.count * lower.n


def _column(column: str, cells: Cells, check: Check, favourable: Scalar, reference: Scalar) -> Iterator[Observation]:
    problem = type_problem(cells, favourable)
    if problem:
        yield Observation("rows", column, verdict=Verdict.ERROR, detail=problem)
        return
    groups = count_groups(cells, favourable)
    against = choose_reference(groups, reference)
    if not isinstance(against, Group):
        yield Observation("groups", column, value=len(groups), verdict=against[0], detail=against[1])
        return
    yield from _unknown_rows(column, groups)
    others = [group for group in groups if group is not against]
    for group in others:
        where = f"{column}: {group.name} vs {against.name}"
        yield _selection(where, group, against, check, constant=_one_class([g.selected for g in groups]))
        yield _opportunity(where, group, against, check, constant=_one_class([g.favourable for g in groups]))


def _unknown_rows(column: str, groups: Sequence[Group]) -> Iterator[Observation]:
    """Rows that no rate can count: a gap may hide in them, so they keep the check from passing."""
    rows = sum(group.rows for group in groups)
    for name, missing in (
        ("prediction", rows - sum(group.selected.n for group in groups)),
        ("label", rows - sum(group.labelled for group in groups)),
    ):
        if missing:
            text = Words(
                f"{rows:,} 行のうち {missing:,} 行は{_NAMES[name]}がなく(NULL、NaN、無限大)、どの率にも入らない",
                f"{missing:,} of {rows:,} rows have no {name} (NULL, NaN or infinite) and are in no rate",
            )
            yield Observation(
                f"rows_without_{name}",
                column,
                value=missing,
                limit=0,
                comparison="==",
                n=rows,
                verdict=Verdict.INSUFFICIENT,
                detail=text,
            )


def _one_class(shares: Sequence[Share]) -> bool:
    count, n = sum(share.count for share in shares), sum(share.n for share in shares)
    return count in {0, n}


def _selection(where: str, group: Group, against: Group, check: Check, *, constant: bool) -> Observation:
    (low_name, lower), (high_name, higher) = _sorted_by_share(
        (group.name, group.selected), (against.name, against.selected)
    )
    limit, n = check.limits.selection_rate_ratio, lower.n + higher.n
    reason = _too_little((group.name, group.selected), (against.name, against.selected), check, _PREDICTIONS)
    if not reason and constant:
        reason = _ONE_PREDICTION
    if not reason and higher.count == 0:
        reason = _NOBODY
    rates = f"{low_name} {lower}, {high_name} {higher}"
    fact = Words(f"選択率: {rates}", f"selected: {rates}")
    if reason:
        return _untold(SELECTION, where, (limit, ">="), n, reason.then(fact))
    low, high = statistics.katz(lower.count, lower.n, higher.count, higher.n, check.confidence)
    verdict = _between(low >= limit, high < limit)
    if verdict is Verdict.INSUFFICIENT:
        fact = fact.then(_POINT_KEEPS if keeps_ratio(lower, higher, limit) else _POINT_BREAKS)
    value = float(lower.share / higher.share)
    return Observation(
        SELECTION, where, value, low, high if math.isfinite(high) else None, limit, ">=", n, verdict, fact
    )


def _opportunity(where: str, group: Group, against: Group, check: Check, *, constant: bool) -> Observation:
    (low_name, lower), (high_name, higher) = _sorted_by_share(
        (group.name, group.true_positive), (against.name, against.true_positive)
    )
    limit, n = check.limits.equal_opportunity_difference, lower.n + higher.n
    named = (group.name, group.true_positive), (against.name, against.true_positive)
    reason = _ONE_CLASS if constant else _too_little(*named, check, _LABELS)
    rates = f"{low_name} {lower}, {high_name} {higher}"
    fact = Words(f"真陽性率: {rates}", f"true positive rate: {rates}")
    if reason:
        return _untold(OPPORTUNITY, where, (limit, "<="), n, reason.then(fact))
    low, high = statistics.newcombe(higher.count, higher.n, lower.count, lower.n, check.confidence)
    verdict = _between(-limit <= low and high <= limit, low > limit)
    if verdict is Verdict.INSUFFICIENT:
        fact = fact.then(UNSETTLED)
    return Observation(OPPORTUNITY, where, float(higher.share - lower.share), low, high, limit, "<=", n, verdict, fact)


def _untold(name: str, where: str, bound: tuple[float, str], n: int, detail: Words) -> Observation:
    limit, comparison = bound
    return Observation(
        name, where, limit=limit, comparison=comparison, n=n, verdict=Verdict.INSUFFICIENT, detail=detail
    )


def _between(keeps: bool, breaks: bool) -> Verdict:  # noqa: FBT001 - both are read beside their comparison
    return Verdict.PASS if keeps else Verdict.FAIL if breaks else Verdict.INSUFFICIENT


def _sorted_by_share(*named: tuple[str, Share]) -> list[tuple[str, Share]]:
    """The lower share first, compared exactly; a share of nothing counts as 0."""
    return sorted(named, key=lambda pair: pair[1].share)


def _too_little(mine: tuple[str, Share], theirs: tuple[str, Share], check: Check, what: Words) -> Words:
    for name, share in (mine, theirs):
        if share.n < check.min_n:
            return Words(
                f"{name} の{what.ja}は {share.n:,} 件で、率に必要な {check.min_n} 件に足りない",
                f"{name} has {share.n:,} {what.en}, fewer than the {check.min_n} that a rate needs",
            )
    return NOTHING
