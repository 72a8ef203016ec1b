# SPDX-License-Identifier: Apache-2.0
"""Measure how groups of people fare, and judge it (clause 3.3-07b)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from governance.checks import cells, scores
from governance.checks.bootstrap import resampler
from governance.core import bias as core
from governance.core import causes, cubes, regression
from governance.core import scores as core_scores
from governance.core.comparisons import settle
from governance.core.terms import NOTHING, Finding, Observation, Statistic, Verdict, Words
from governance.core.verdicts import combine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from governance.checks.cells import Counted
    from governance.core.comparisons import Comparison
    from governance.core.cubes import Cube
    from governance.core.evaluation import EvaluationTable
    from governance.policy import Check, Evaluation

CUBE = "cube "
"""What the statistics of this family are named: `cube sex × race`."""


LEFT_OUT: Final = ("rows_without_time", "rows_without_weight")
"""Observations of rows that no cube holds."""


def measure(
    table: EvaluationTable, check: Check, evaluation: Evaluation, *, today: date, beside: causes.Beside
) -> Finding:
    """Count outcomes by group, compare the groups, and say why where a comparison fails.

    Args:
        table: has the columns that `evaluation` names.
        check: limits and grouping.
        evaluation: at least one sensitive column and the prediction.
        today: in the company's time zone; the last day of the window.
        beside: the approved version's counts and the drift of features, for the cause.

    Returns:
        The worst verdict of all comparisons; its statistics are one cube per day, or one for all rows.
    """
    counted = _counted(table, check, evaluation, today) if judges_classes(check) else {}
    whole = {columns: cubes.add(one.cubes.values()) for columns, one in counted.items()}
    if problem := next((one.problem for one in counted.values() if one.problem), NOTHING):
        rows = Observation("rows", verdict=Verdict.ERROR, detail=problem)
        return Finding(Verdict.ERROR, (rows,), data_digest=table.digest)
    compared = [*_compare(whole.values(), check, evaluation), *_scored(table, check, evaluation)]
    left_out = [seen for one in list(counted.values())[:1] for seen in _left_out(one)]
    observations = (*left_out, *settle(compared, check))
    return Finding(
        combine(seen.verdict for seen in observations),
        observations,
        n=_size(whole.values()) if whole else table.count(),
        data_digest=table.digest,
        cause=_cause(observations, whole, check, beside),
        statistics=tuple(_statistics(counted, check)),
    )


def past(statistics: Iterable[Statistic]) -> Cube | None:
    """What an earlier version's check counted, of all its days; of several cubes, the one with the most columns."""
    return max(stored(statistics), key=lambda cube: (len(cube.columns), cube.columns), default=None)


def stored(statistics: Iterable[Statistic]) -> list[Cube]:
    """The cubes of a check, each of all its days."""
    by_columns: dict[tuple[str, ...], list[Cube]] = defaultdict(list)
    for one in statistics:
        if one.name.startswith(CUBE):
            cube = cubes.read(one.content)
            by_columns[cube.columns].append(cube)
    return [cubes.add(days) for days in by_columns.values()]


def judge(whole: Sequence[Cube], check: Check, evaluation: Evaluation) -> Finding:
    """Compare the groups of cubes; the same cubes judged again under other limits give what those would have said."""
    observations = settle(_compare(whole, check, evaluation), check)
    return Finding(combine(seen.verdict for seen in observations), observations, n=_size(whole))


def judges_classes(check: Check) -> bool:
    """Whether some limit is about favourable labels or predictions; without one they need not be classes."""
    return any(limit is not None for limit in check.limits.model_dump().values())


def _compare(whole: Iterable[Cube], check: Check, evaluation: Evaluation) -> list[Comparison]:
    counts = {
        core.CROSSED.join(chosen): cubes.by_group(cube, chosen)
        for cube in whole
        for chosen in cubes.crossings(cube.columns, check.grouping.intersections)
    }
    resample = resampler(check.grouping.replicates, check.confidence)
    return core.compare(counts, check, favourable=True, reference=evaluation.reference, resample=resample)


def _scored(table: EvaluationTable, check: Check, evaluation: Evaluation) -> list[Comparison]:
    """What scores and errors say, if the policy sets a limit for them."""
    compared: list[Comparison] = []
    reference, favourable = evaluation.reference, evaluation.favourable
    if check.scores is not None and evaluation.score is not None:
        histograms = {
            column: scores.histogram(table, column, evaluation.label, evaluation.score)
            for column in evaluation.sensitive
        }
        compared += core_scores.compare_scores(histograms, check.scores, check, favourable, reference)
    if check.errors is not None and evaluation.label is not None and evaluation.prediction is not None:
        sums = {
            column: scores.errors(table, column, evaluation.label, evaluation.prediction)
            for column in evaluation.sensitive
        }
        compared += regression.compare_errors(sums, check.errors, check, reference)
    return compared


def _size(whole: Iterable[Cube]) -> int:
    """Rows, or what weighted rows are worth."""
    return max((int(sum(cubes.by_group(cube, cube.columns[:1]).values())) for cube in whole), default=0)


def _counted(
    table: EvaluationTable, check: Check, evaluation: Evaluation, today: date
) -> Mapping[tuple[str, ...], Counted]:
    """One reading per column, or one of all columns together where they are crossed."""
    crossed = check.grouping.intersections > 1
    together = [evaluation.sensitive] if crossed else [(column,) for column in evaluation.sensitive]
    return {columns: cells.count(table, evaluation, columns, today) for columns in together}


def _left_out(counted: Counted) -> Iterable[Observation]:
    """Rows that are in no cube: a gap may hide in them, so they keep the check from passing."""
    told = (
        (counted.undated, "時刻がないか、未来の時刻", "have no time, or one in the future"),
        (counted.unweighted, "正の有限な重みがない", "have no positive, finite weight"),
    )
    for name, (rows, ja, en) in zip(LEFT_OUT, told, strict=True):
        if rows:
            text = Words(f"{rows:,} 行は{ja}で、どの率にも入らない", f"{rows:,} rows {en}, and are in no rate")
            yield Observation(
                name, value=rows, limit=0, comparison="==", n=rows, verdict=Verdict.INSUFFICIENT, detail=text
            )


def _cause(
    observations: Sequence[Observation],
    whole: Mapping[tuple[str, ...], Cube],
    check: Check,
    beside: causes.Beside,
) -> Words:
    told = (
        causes.explain(observations, cube, cubes.crossings(columns, check.grouping.intersections), beside)
        for columns, cube in whole.items()
    )
    return next((words for words in told if words), NOTHING)


def _statistics(counted: Mapping[tuple[str, ...], Counted], check: Check) -> Iterable[Statistic]:
    smallest = check.grouping.smallest_cell
    for columns, one in counted.items():
        for day, cube in one.cubes.items():
            yield Statistic(CUBE + core.CROSSED.join(columns), cubes.content(cube, smallest), day)
