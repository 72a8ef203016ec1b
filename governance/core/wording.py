# SPDX-License-Identifier: Apache-2.0
"""How verdicts, observations and reasons read in Japanese and English: the one place that says so.

Nothing is computed here but how many digits a figure needs. Unknown reads as unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeGuard

from governance.core.labels import CHECKS, KINDS, LABELS, OBSERVED, Pair
from governance.core.terms import NOTHING, K, Verdict, Words
from governance.core.verdicts import WORST_FIRST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import StrEnum

    from governance.core.terms import Finding, GateDecision, Observation, Reason

_TAG: Final = "tag:"
_PERCENT: Final = " %"
_EXEMPT: Final = ("対象外", "exempt")
_BOUNDS: Final[Mapping[str, str]] = {">=": "下限", "<=": "上限", "==": "基準"}
_SIGNS: Final[Mapping[str, str]] = {">=": "≥", "<=": "≤", "==": "="}
_KNOWN: Final = frozenset({Verdict.PASS, Verdict.WARN, Verdict.FAIL})
_DIGITS: Final = range(2, 7)
_HUGE: Final = 1e15


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of an observation as a table shows them; empty where there is none."""

    value: str
    interval: str
    limit: str


def figures(observation: Observation) -> Figures:
    """Value, interval and limit, with as many digits as the line about the observation has."""
    digits, low, high = _digits(observation), observation.low, observation.high
    value = figure(observation.value, digits) if _is_number(observation.value) else ""
    interval = f"{figure(low, digits)} – {figure(high, digits)}" if _is_number(low) and _is_number(high) else ""
    limit = _limit(observation)
    return Figures(value, interval, f"{_SIGNS.get(observation.comparison, '')} {limit}".strip() if limit else "")


def distance(observation: Observation | None) -> float:
    """How far a value is from its limit, as a part of the limit; -1 where nobody can tell."""
    if observation is None or not (_is_finite(observation.value) and _is_finite(observation.limit)):
        return -1
    return abs(observation.value - observation.limit) / (abs(observation.limit) or 1)


def label(member: StrEnum, language: str) -> str:
    """What a verdict, a light, a tier, an ask or a kind of inventory finding is called."""
    pair = LABELS.get(type(member), KINDS).get(member.value)
    return _choose(pair, language) if pair else _plain(member.value)


def check_name(check: str, language: str) -> str:
    """What a check is called when its policy is not at hand."""
    pair = CHECKS.get(check.replace("-", "_"))
    return _choose(pair, language) if pair else check


def observed(name: str, language: str) -> str:
    """What was measured; the name of a logged metric stays as it is."""
    if pair := OBSERVED.get(name):
        return _choose(pair, language)
    if name.startswith(_TAG):
        tag = name.removeprefix(_TAG)
        return _choose((f"タグ {tag} の文字数", f"characters of tag {tag}"), language)
    return _plain(name.removeprefix("expect_")) if name.startswith("expect_") else name


def reason_line(reason: Reason, language: str) -> str:
    """Why a gate said what it said, on one line that starts with the check."""
    check = check_name(reason.check, language)
    if reason.observation is not None:
        waived = _aside(reason.text.in_(language), language) if reason.waiver else ""
        return f"{check}: {observation_line(reason.observation, language)}{waived}"
    ended = _choose(_EXEMPT, language) if reason.exempt else label(reason.verdict, language)
    return f"{check}: {ended}{_aside(reason.text.in_(language), language)}"


def decision_report(decision: GateDecision[K], language: str) -> str:
    """A decision as people read it: the verdict, then one line per reason."""
    verdict = label(decision.verdict, language)
    head = f"{decision.gate} {decision.subject} ({label(decision.tier, language)}): {verdict}"
    return "\n".join([head, *(f"- {reason_line(reason, language)}" for reason in decision.reasons)])


def closed(code: str, decision: GateDecision[K] | None) -> list[Words]:
    """Why a gate does not let its subject through, in short; empty if it does."""
    if decision is None:
        return [Words(f"{code}: 未判定", f"{code}: no decision")]
    blocking = [reason for reason in decision.reasons if reason.blocks] if decision.blocks else []
    return [
        Words(
            f"{code} {check_name(r.check, 'ja')}: {r.text.ja or label(r.verdict, 'ja')}",
            f"{code} {r.check}: {r.text.en or r.verdict.value}",
        )
        for r in blocking
    ]


def gist(reasons: Sequence[Reason]) -> Words:
    """The most telling reason on one short line, and how many more there are; of none, nothing."""
    if not reasons:
        return NOTHING
    checks = [reason.check for reason in reasons]
    first, more = _brief(min(reasons, key=lambda reason: _weight(reason, checks))), len(reasons) - 1
    ja, en = (f"(他 {more} 件)", f" (and {more} more)") if more else ("", "")
    return Words(reason_line(first, "ja") + ja, reason_line(first, "en") + en)


def _weight(reason: Reason, checks: Sequence[str]) -> tuple[bool, int, int, float]:
    """A measured failure tells most, else the worst verdict; then the policy's order of checks, and the distance."""
    far = distance(reason.observation)
    is_measured = reason.verdict is Verdict.FAIL and far >= 0
    return not is_measured, WORST_FIRST.index(reason.verdict), checks.index(reason.check), -far


def _brief(reason: Reason) -> Reason:
    """Without the words beside a limit and a figure: they would only be cut where room is short."""
    seen = reason.observation
    if seen is None or seen.limit is None or (seen.n is None and not _is_number(seen.value)):
        return reason
    return replace(reason, observation=replace(seen, detail=NOTHING))


def observation_line(observation: Observation, language: str) -> str:
    """What was measured, what it has to keep, and how that ended; in words where the figures do not tell."""
    line = _ja(observation) if language == "ja" else _en(observation)
    detail = "" if _figures_tell(observation) else observation.detail.in_(language)
    return f"{line}: {label(observation.verdict, language)}{_aside(detail, language)}"


def _figures_tell(observation: Observation) -> bool:
    return observation.verdict in _KNOWN and observation.limit is not None and _is_number(observation.value)


def finding_line(check: str, finding: Finding, language: str) -> str:
    """How a check ended as a whole."""
    n = f" (n = {finding.n:,})" if finding.n is not None else ""
    return f"{check_name(check, language)}: {label(finding.verdict, language)}{n}{_aside(finding.detail.in_(language), language)}"


def figure(value: float, digits: int) -> str:
    """A number as people write it, never `-0.00`."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.3g}" if abs(value) >= _HUGE else f"{value:z,.{digits}f}"


def _en(observation: Observation) -> str:
    where = f" for {observation.slice}" if observation.slice else ""
    value, limit = _value(observation, "unknown"), _limit(observation)
    bound = f", must be {observation.comparison} {limit}" if limit else ""
    rows = f" (n = {observation.n:,})" if observation.n is not None else ""
    return f"{observed(observation.name, 'en')}{where}{value and f' is {value}'}{bound}{rows}"


def _ja(observation: Observation) -> str:
    name, where = observed(observation.name, "ja"), f"({observation.slice})" if observation.slice else ""
    unit = _PERCENT if name.endswith(_PERCENT) else ""
    value, limit = _value(observation, "不明"), _limit(observation)
    head = f"{name.removesuffix(unit)}{where}"
    # A closing bracket sets the figure off by itself.
    head += value if where else f" {value}".rstrip()
    head += unit if _is_number(observation.value) else ""
    bound = f"{_BOUNDS.get(observation.comparison, observation.comparison)} {limit}{unit}" if limit else ""
    rows = f"n = {observation.n:,}" if observation.n is not None else ""
    return "、".join(part for part in (head, bound, rows) if part)


def _value(observation: Observation, unknown: str) -> str:
    """The figure and its interval; a verdict that needs no figure shows none."""
    if not _is_number(observation.value):
        return "" if observation.verdict in _KNOWN else unknown
    digits = _digits(observation)
    low, high = observation.low, observation.high
    interval = f" [{figure(low, digits)}, {figure(high, digits)}]" if _is_number(low) and _is_number(high) else ""
    return f"{figure(observation.value, digits)}{interval}"


def _limit(observation: Observation) -> str:
    return figure(observation.limit, _digits(observation)) if _is_number(observation.limit) else ""


def _digits(observation: Observation) -> int:
    """As few digits as show the limit as it is and tell each figure from it: 0.7996 is not 0.80, 0.999 not 1.00."""
    every = (observation.value, observation.low, observation.high, observation.limit)
    figures = [x for x in every if _is_number(x) and math.isfinite(x)]
    if all(x == int(x) for x in figures):
        return 0
    return next((digits for digits in _DIGITS if _tells(observation, figures, digits)), _DIGITS[-1])


def _tells(observation: Observation, figures: list[float], digits: int) -> bool:
    limit = observation.limit
    if not _is_number(limit) or not math.isfinite(limit):
        return True
    return math.isclose(round(limit, digits), limit) and all(
        math.isclose(x, limit) or figure(x, digits) != figure(limit, digits) for x in figures
    )


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)


def _is_finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _aside(detail: str, language: str) -> str:
    if not detail:
        return ""
    return f"({detail})" if language == "ja" else f" - {detail}"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _choose(pair: Pair, language: str) -> str:
    return pair[0] if language == "ja" else pair[1]
