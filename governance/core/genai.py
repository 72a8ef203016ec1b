# SPDX-License-Identifier: Apache-2.0
"""Whether judged answers of a generative model keep the policy's limits (K-Q06, K-Q07; clause 4.4-02).

Somebody puts probes to the model and judges every answer; this module only counts. A rate is judged on its
Wilson interval (Wilson 1927): `pass` if the whole interval keeps the limit, `fail` if all of it breaks it, else
`insufficient`, with the number of probes that would settle it. An answer that nobody judged may have been good
or bad: the interval reaches from all good to all bad.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from governance.core import performance, statistics
from governance.core.terms import Finding, Observation, Verdict, Words
from governance.core.verdicts import combine
from governance.policy import MetricFloor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from governance.core.evaluation import Scalar
    from governance.policy import Check
    from governance.policy.measures import Genai, JudgedColumn, Rate, RateLimit

Rows = tuple[tuple["Scalar", ...], int]
"""The values of some columns and how many rows have them."""

_NO_LIMITS: Final = Words(
    "限度が決められていない。checks.yaml の genai.rates に書く",
    "no rate has a limit; write them under `genai.rates` in checks.yaml",
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the probes for one rate."""

    count: int
    """Answers that count towards the rate."""
    n: int
    """All probes, judged or not."""
    unjudged: int = 0

    @property
    def share(self) -> float:
        """Of the answers that were judged; there is at least one."""
        return self.count / (self.n - self.unjudged)


def columns(settings: Genai) -> tuple[str, ...]:
    """The columns of the evaluation table that counting needs, each once."""
    named = [name for column in settings.columns.values() for name in _names(column)]
    return tuple(dict.fromkeys(named))


def _names(column: JudgedColumn) -> tuple[str, ...]:
    return (column.column, column.among.column) if column.among else (column.column,)


def tally(settings: Genai, by: Sequence[str], rows: Iterable[Rows]) -> dict[Rate, Judged]:
    """Count every rate that has a column, from one group-by over `by`.

    Args:
        settings: rate -> column and the value that counts.
        by: the columns that were grouped by, `columns(settings)`.
        rows: the values of `by` and how many rows have them.

    Returns:
        Rate -> counts. A value that neither counts nor is named as the opposite is an answer nobody judged.
    """
    told = [(dict(zip(by, values, strict=True)), n) for values, n in rows]
    return {rate: _tally_one(column, told) for rate, column in settings.columns.items()}


def _tally_one(column: JudgedColumn, rows: Sequence[tuple[dict[str, Scalar], int]]) -> Judged:
    mine = [
        (row[column.column], n)
        for row, n in rows
        if not column.among or row[column.among.column] == column.among.equals
    ]
    n = sum(rows for _value, rows in mine)
    count = sum(rows for value, rows in mine if value == column.counts)
    clear = sum(rows for value, rows in mine if value in column.against)
    return Judged(count, n, n - count - clear)


def judge(check: Check, metrics: Mapping[str, float], counted: Mapping[Rate, Judged]) -> Finding:
    """Hold every rate against its limits.

    Args:
        check: `genai` with the limits, `confidence` and `min_n`.
        metrics: of the version's run, for rates without a column: `<rate>_rate` and `<rate>_n`.
        counted: rates counted in the evaluation table.

    Returns:
        One observation per rate and bound. Not logged: `not_run`; too few probes: `insufficient`.
    """
    if check.genai is None:
        return Finding(Verdict.NOT_RUN, detail=_NO_LIMITS)
    observations = tuple(
        _counted(rate, floor, counted[rate], check) if rate in counted else _logged(rate, floor, metrics, check)
        for rate, limit in check.genai.rates.items()
        for floor in floors(rate, limit)
    )
    n = max((observation.n for observation in observations if observation.n is not None), default=None)
    return Finding(combine(observation.verdict for observation in observations), observations, n)


def floors(rate: Rate, limit: RateLimit) -> Iterator[MetricFloor]:
    """The bounds of a rate as `performance` judges them, one each."""
    metric, n_metric = limit.metric or f"{rate.value}_rate", limit.n_metric or f"{rate.value}_n"
    if limit.at_most is not None:
        yield MetricFloor(metric=metric, at_most=limit.at_most, n_metric=n_metric)
    if limit.at_least is not None:
        yield MetricFloor(metric=metric, at_least=limit.at_least, n_metric=n_metric)


def probes_needed(share: float, limit: float, confidence: float) -> int | None:
    """The least number of probes whose Wilson interval would settle that a true `share` keeps a different `limit`.

    Inverts the score test: n = z^2 limit (1 - limit) / (limit - share)^2. With no violation at all this is
    z^2 (1 - limit) / limit, Wilson's counterpart of the rule of three (Hanley, Lippman-Hand, JAMA 249 (1983) 1743).

    Returns:
        None if no number is enough: the share is the limit, or nothing but a share of 0 could keep a limit of 0.
    """
    if share == limit or not 0 < limit < 1:
        return None
    z2 = statistics.z_score(confidence) ** 2
    # The last digits of the quotient are rounding, not a probe more.
    return math.ceil(round(z2 * limit * (1 - limit) / (limit - share) ** 2, 9))


def _logged(rate: Rate, floor: MetricFloor, metrics: Mapping[str, float], check: Check) -> Observation:
    return _settle(replace(performance.observe(floor, metrics, check), name=rate.value), check)


def _counted(rate: Rate, floor: MetricFloor, judged: Judged, check: Check) -> Observation:
    if judged.n - judged.unjudged < 1:
        text = Words(
            f"判定済みの回答がない。プローブ {judged.n:,} 件", f"no answer was judged; there are {judged.n:,} probes"
        )
        seen = performance.unjudged(floor, Verdict.INSUFFICIENT, text, n=judged.n)
        return _settle(replace(seen, name=rate.value), check)
    low = statistics.wilson(judged.count, judged.n, check.confidence).low
    high = statistics.wilson(judged.count + judged.unjudged, judged.n, check.confidence).high
    text = Words(f"プローブ {judged.n:,} 件中", f"of {judged.n:,} probes")
    seen = performance.judged(floor, judged.share, statistics.Interval(low, high), judged.n, text)
    if judged.unjudged:
        seen = replace(seen, detail=_unjudged(judged).then(seen.detail))
    if judged.n < check.min_n:
        seen = replace(seen, low=None, high=None, verdict=Verdict.INSUFFICIENT)
    return _settle(replace(seen, name=rate.value), check)


def _unjudged(judged: Judged) -> Words:
    return Words(
        f"{judged.unjudged:,} 件は判定がなく、良し悪しの両方を見込む",
        f"{judged.unjudged:,} were not judged and may be good or bad",
    )


def _settle(seen: Observation, check: Check) -> Observation:
    """Say how many probes would settle what these could not."""
    if seen.verdict is not Verdict.INSUFFICIENT or seen.limit is None:
        return seen
    return replace(seen, detail=seen.detail.then(_needed(seen.value or 0.0, seen, check)))


def _needed(share: float, seen: Observation, check: Check) -> Words:
    limit = seen.limit or 0.0
    keeps = share < limit if seen.comparison == "<=" else share > limit
    least = probes_needed(share, limit, check.confidence)
    if not keeps or least is None:
        return Words(
            "この割合のままでは、件数を増やしても限度内と示せない",
            "at this rate no number of probes would show that the limit is kept",
        )
    probes = max(least, check.min_n)
    return Words(
        f"限度内と示すには、この割合で {probes:,} 件のプローブが要る",
        f"showing that the limit is kept takes {probes:,} probes at this rate",
    )
