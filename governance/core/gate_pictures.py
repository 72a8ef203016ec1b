# SPDX-License-Identifier: Apache-2.0
"""What a check saw as data to draw: intervals beside their limit, failing expectations, distributions, a course in time.

Nothing is measured here. What does not fit into a picture is counted, never left out in silence.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from governance.core.drift import Profile, cell_names, plain_shares
from governance.core.terms import CheckResult, Observation, Verdict, VersionKey, Words
from governance.core.verdicts import WORST_FIRST
from governance.core.wording import distance
from governance.policy import Family

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_BARS: Final = 24
MOST_COLUMNS: Final = 6
MOST_POINTS: Final = 40


@dataclass(frozen=True, slots=True)
class Forest:
    """Intervals of one measure beside the limit that all of them have to keep, the worst first."""

    measure: str
    limit: float
    comparison: str
    bars: tuple[Observation, ...]
    more: int
    """Further comparisons, none of them worse."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """An expectation that the data do not meet; values as the evidence file has them, personal ones masked."""

    seen: Observation
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectations:
    """Which expectations are not met, and how many are."""

    failing: tuple[Expectation, ...]
    met: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares of one column's values, then and now, in the same cells."""

    column: str
    cells: tuple[Words, ...]
    reference: tuple[float, ...]
    """Empty: the reference's counts are not kept."""
    current: tuple[float, ...]
    of: VersionKey | None
    """The version that the reference is of."""
    seen: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A metric of one version at one moment."""

    at: datetime
    version: int
    seen: Observation


@dataclass(frozen=True, slots=True)
class Trend:
    """A metric over time, with its limit and the value of the approved version."""

    metric: str
    limit: float | None
    comparison: str
    points: tuple[Point, ...]
    baseline: Point | None


Picture = Forest | Expectations | Histogram | Trend


@dataclass(frozen=True, slots=True)
class Material:
    """What a picture needs besides the result."""

    samples: Mapping[tuple[str, str], tuple[str, ...]] | None = None
    """(expectation, column) -> offending values; None: the file is not at hand."""
    profiles: Mapping[str, Profile] | None = None
    """Column -> counts of the newest window in the reference's cells."""
    reference: Mapping[str, Profile] | None = None
    approved: VersionKey | None = None
    past: Sequence[CheckResult] = ()
    """Results of the same check on versions of the model, oldest first."""


def draw(result: CheckResult, family: Family | None, material: Material) -> tuple[Picture, ...]:
    """The pictures of one check's result."""
    if family is Family.DATA_QUALITY:
        return (_expectations(result, material),)
    if family is Family.PERFORMANCE:
        return tuple(_trends(result, material))
    if family is Family.DRIFT and material.profiles:
        return tuple(_histograms(result, material))
    return tuple(_forests(result.finding.observations))


def _forests(observations: Iterable[Observation]) -> Iterator[Forest]:
    """One per measure and limit."""
    groups: dict[tuple[str, float, str], list[Observation]] = defaultdict(list)
    for seen in observations:
        if _is_bounded(seen) and seen.limit is not None and math.isfinite(seen.limit):
            groups[seen.name, seen.limit, seen.comparison].append(seen)
    for (name, limit, comparison), bars in groups.items():
        ordered = sorted(bars, key=_worst)
        yield Forest(name, limit, comparison, tuple(ordered[:MOST_BARS]), len(ordered[MOST_BARS:]))


def _is_bounded(seen: Observation) -> bool:
    """Whether there is a point, and at least one bound, to draw."""
    bounds = [bound for bound in (seen.low, seen.high) if bound is not None and math.isfinite(bound)]
    return seen.value is not None and math.isfinite(seen.value) and bool(bounds)


def _worst(seen: Observation) -> tuple[int, float, str]:
    return WORST_FIRST.index(seen.verdict), -distance(seen), seen.slice


def _expectations(result: CheckResult, material: Material) -> Expectations:
    unwell = [seen for seen in result.finding.observations if seen.verdict is not Verdict.PASS]
    samples = material.samples or {}
    failing = (Expectation(seen, samples.get((seen.name, seen.slice), ())) for seen in sorted(unwell, key=_worst))
    return Expectations(tuple(failing), len(result.finding.observations) - len(unwell))


def _trends(result: CheckResult, material: Material) -> Iterator[Trend]:
    """One per floor; where only one point is known there is no course to draw."""
    for seen in result.finding.observations:
        if seen.slice or seen.limit is None or not math.isfinite(seen.limit):
            continue
        points = [point for one in [*material.past, result] for point in _points(one, seen.name)]
        unique = tuple({(point.version, point.at): point for point in points}.values())[-MOST_POINTS:]
        if unique:
            yield Trend(seen.name, seen.limit, seen.comparison, unique, _baseline(unique, material.approved))


def _points(result: CheckResult, metric: str) -> Iterator[Point]:
    for seen in result.finding.observations:
        if seen.name == metric and not seen.slice and seen.value is not None and math.isfinite(seen.value):
            yield Point(result.at, result.subject.version, seen)


def _baseline(points: Iterable[Point], approved: VersionKey | None) -> Point | None:
    found = [point for point in points if approved is not None and point.version == approved.version]
    return found[-1] if found else None


def _histograms(result: CheckResult, material: Material) -> Iterator[Histogram]:
    """The columns that moved furthest first."""
    by_column: dict[str, list[Observation]] = defaultdict(list)
    for seen in result.finding.observations:
        by_column[seen.slice].append(seen)
    profiles = material.profiles or {}
    columns = sorted((c for c in profiles if c in by_column), key=lambda column: min(map(_worst, by_column[column])))
    for column in columns[:MOST_COLUMNS]:
        current = profiles[column]
        reference = (material.reference or {}).get(column)
        is_same = reference is not None and _are_alike(reference, current)
        yield Histogram(
            column,
            tuple(cell_names(current)),
            tuple(plain_shares(reference.cells)) if reference and is_same else (),
            tuple(plain_shares(current.cells)),
            material.approved if is_same else None,
            tuple(by_column[column]),
        )


def _are_alike(reference: Profile, current: Profile) -> bool:
    """Whether both are counted in the same cells: else the reference has been another one."""
    return (reference.edges, reference.coarse, reference.categories) == (
        current.edges,
        current.coarse,
        current.categories,
    )
