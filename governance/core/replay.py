# SPDX-License-Identifier: Apache-2.0
"""Judge stored results again under another policy, from what was recorded: no data are read.

A stored value, its interval and its n are enough when only limits change. Whatever else changes (a column, a
metric, a suite, what is required) would need the data: such a result is listed as one that cannot be judged
again, and so is one whose stored verdict does not follow from its stored numbers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from governance.core import statistics
from governance.core.evidence import plain
from governance.core.replay_limits import Said, limit_of
from governance.core.terms import NOTHING, CheckResult, Observation, Verdict, Words
from governance.core.verdicts import combine
from governance.policy import Check, Family

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADJUSTABLE: Final = re.compile(
    r"check\.(confidence|min_n|min_characters|limits\.\w+|genai\.rates\.\w+\.(at_most|at_least)|robustness\.max_drop"
    r"|(explanation|reviewed)\.max_age_days|documents\.[\w-]+\.min_characters)"
    r"|use_case\.performance\.\d+\.(at_least|at_most|max_drop)"
)
_READS: Final = {
    Family.DATA_QUALITY: {"evaluation", "suite"},
    Family.BIAS: {"evaluation"},
    Family.PERFORMANCE: {"performance"},
    Family.DOCUMENTATION: set[str](),
    Family.GENAI: {"evaluation"},
    Family.EXPLANATION: set[str](),
    Family.ROBUSTNESS: set[str](),
}
"""What a family reads of the use case; families not named here may read all of it."""
_ALL: Final = {"evaluation", "performance", "suite"}
_COUNTED: Final = frozenset({Family.PERFORMANCE, Family.GENAI, Family.ROBUSTNESS})
"""Families whose observations carry the n that `min_n` is about."""
_BY_CHANCE: Final = Words(
    "比較の数に応じた補正は区間だけからは導けない", "the correction for many comparisons takes more than the intervals"
)
_NO_CHECK: Final = Words(
    "新しいポリシーにこのチェックかユースケースがない", "the other policy has no such check or use case"
)
_INCONSISTENT: Final = Words(
    "記録された数値だけでは判定を導けない", "its verdict does not follow from the recorded numbers alone"
)


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A stored result and how it would have ended."""

    result: CheckResult
    verdict: Verdict | None
    """Under the other policy; None if the recorded numbers do not tell."""
    why: Words = NOTHING
    """Why they do not."""

    @property
    def differs(self) -> bool:
        """Whether the other policy would have led to another verdict."""
        return self.verdict is not None and self.verdict is not self.result.finding.verdict


def rejudge(result: CheckResult, old: Said, new: Said | None) -> Rejudged:
    """Judge a result again.

    Args:
        result: as recorded under `old`.
        old: what the policy said when it was recorded.
        new: what the other policy says; None if it has no such check or use case.

    Returns:
        The verdict under `new`, or why there is none.
    """
    if new is None:
        return Rejudged(result, None, _NO_CHECK)
    before, after = _flat(old), _flat(new)
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if not changed:
        return Rejudged(result, result.finding.verdict)
    names = {observation.name for observation in result.finding.observations}
    beyond = [path for path in changed if not _is_adjustable(path, before.get(path), after.get(path), names)]
    if beyond:
        listed = ", ".join(beyond[:5])
        return Rejudged(result, None, Words(f"データが要る変更: {listed}", f"these changes need the data: {listed}"))
    return _weigh(result, old, new)


def _weigh(result: CheckResult, old: Said, new: Said) -> Rejudged:
    finding = result.finding
    if not finding.observations:
        return Rejudged(result, finding.verdict)  # nothing was measured, so no limit was asked
    if combine(observation.verdict for observation in finding.observations) is not finding.verdict:
        return Rejudged(result, None, _INCONSISTENT)
    verdicts = []
    for observation in finding.observations:
        verdict = _again(observation, old.check, new)
        if verdict is None:
            name = observation.name
            return Rejudged(result, None, Words(f"{name} は記録から導けない", f"the record of {name} does not tell"))
        verdicts.append(verdict)
    if Verdict.FAIL in verdicts and _is_corrected(old, new) and len(finding.observations) > 1:
        return Rejudged(result, None, _BY_CHANCE)
    return Rejudged(result, combine(verdicts))


def _is_corrected(old: Said, new: Said) -> bool:
    """Whether a breach counts only if chance does not explain it among all: that takes more than the intervals."""
    return new.check.family is Family.BIAS and new.check.grouping.correction == "holm" and old != new


def _flat(said: Said) -> dict[str, Any]:
    """Path -> value of all that decides how the check ends; names and remedies do not."""
    family = said.check.family
    read = _READS.get(family, _ALL) if isinstance(family, Family) else _ALL
    check = said.check.model_dump(mode="json", exclude={"name", "remedy"})
    case = said.use_case.model_dump(mode="json", include=read)
    return dict(_paths("check", plain(check))) | dict(_paths("use_case", plain(case)))


def _paths(where: str, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(f"{where}.{key}", inner)
    else:
        yield where, value


def _is_adjustable(path: str, before: Any, after: Any, names: set[str]) -> bool:  # noqa: ANN401 - JSON
    """Whether a changed setting is a number that the stored observations can be held against."""
    limit = path.removeprefix("check.limits.")
    is_seen = limit == path or limit in names
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (before, after))
    return numbers and is_seen and _ADJUSTABLE.fullmatch(path) is not None


def _again(seen: Observation, old: Check, new: Said) -> Verdict | None:
    """The verdict of one observation under the other policy; None if the record does not tell."""
    limit, is_same_rule = limit_of(seen, new), (new.check.confidence, new.check.min_n) == (old.confidence, old.min_n)
    if (limit == seen.limit and is_same_rule) or seen.verdict in {Verdict.NOT_RUN, Verdict.ERROR}:
        return seen.verdict
    if seen.value is None:
        # Nothing was computed, for want of rows; another limit makes no rows.
        return seen.verdict if is_same_rule else None
    if new.check.min_n != old.min_n and seen.n is not None and old.family not in _COUNTED:
        return None  # n is of several groups together, min_n of each
    return _held(seen, old, new.check, limit)


def _held(seen: Observation, old: Check, new: Check, limit: float | None) -> Verdict | None:
    n = seen.n if new.family in _COUNTED else None
    was_too_few = n is not None and n < old.min_n
    if n is not None and n < new.min_n:
        return Verdict.INSUFFICIENT
    if not was_too_few and _verdict(seen, seen.limit, old) is not seen.verdict:
        return None
    if was_too_few or (new.confidence != old.confidence and seen.low is not None):
        again = _anew(seen, new)
        return _verdict(again, limit, new) if again else None
    return _verdict(seen, limit, new)


def _anew(seen: Observation, new: Check) -> Observation | None:
    """The interval of a logged share of n rows can be computed again; others need more than was recorded."""
    if new.family is not Family.PERFORMANCE or seen.slice or seen.value is None or not seen.n:
        return None
    low, high = statistics.wilson(seen.value * seen.n, seen.n, new.confidence)
    return replace(seen, low=low, high=high)


def _verdict(seen: Observation, limit: float | None, check: Check) -> Verdict | None:
    """What value, interval and limit say: the rule of every family that judges on intervals."""
    if limit is None or seen.value is None:
        return None
    low = seen.value if seen.low is None else seen.low
    high = seen.value if seen.low is None else math.inf if seen.high is None else seen.high
    if seen.comparison == ">=":
        keeps, breaks = low >= limit, high < limit
    elif seen.comparison == "<=":
        # A difference between groups has to keep the limit in both directions.
        keeps, breaks = high <= limit and (check.family is not Family.BIAS or low >= -limit), low > limit
    else:
        return None
    return Verdict.PASS if keeps else Verdict.FAIL if breaks else Verdict.INSUFFICIENT
