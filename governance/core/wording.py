# SPDX-License-Identifier: Apache-2.0
"""How verdicts, observations and reasons read in Japanese and English: the one place that says so.

Nothing is computed here but how many digits a figure needs. Unknown reads as unknown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeGuard

from governance.core.committee import Ask
from governance.core.terms import GateVerdict, Light, Verdict
from governance.policy import RiskTier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from governance.core.terms import Finding, Observation, Reason

Pair = tuple[str, str]
"""Japanese, English."""

_LABELS: Final[Mapping[type, Mapping[str, Pair]]] = {
    Verdict: {
        "pass": ("合格", "pass"),
        "warn": ("注意", "warning"),
        "insufficient": ("データ不足", "insufficient data"),
        "not_run": ("未実施", "not run"),
        "stale": ("期限切れ", "stale"),
        "fail": ("不合格", "fail"),
        "error": ("エラー", "error"),
    },
    GateVerdict: {"pass": ("通過", "passed"), "block": ("不通過", "blocked")},
    Light: {
        "green": ("良好", "green"),
        "amber": ("注意", "amber"),
        "red": ("要対応", "red"),
        "grey": ("不明", "unknown"),
    },
    RiskTier: {
        "low": ("低リスク", "low"),
        "limited": ("限定リスク", "limited"),
        "high": ("高リスク", "high"),
        "prohibited": ("禁止", "prohibited"),
    },
    Ask: {
        "hold_or_accept_champion": ("稼働中の版の停止または容認", "hold or accept the serving version"),
        "treat_risk": ("リスクへの対応", "treat the risk"),
        "name_owner": ("責任者の指名", "name an owner"),
        "adopt_or_retire": ("ユースケースへの登録または廃止", "adopt into a use case or retire"),
    },
}
_KINDS: Final[Mapping[str, Pair]] = {
    "new": ("新規", "new"),
    "changed": ("変更", "changed"),
    "retired": ("廃止", "retired"),
    "orphan": ("ユースケース未登録", "no use case"),
    "ownerless": ("責任者不在", "no owner"),
    "unserved": ("MLflow に存在しないモデル", "not in MLflow"),
    "ungoverned_champion": ("有効なゲート判定のない版が稼働中", "serves without a valid gate decision"),
}
_CHECKS: Final[Mapping[str, Pair]] = {
    "bias": ("偏り", "bias"),
    "data_quality": ("データ品質", "data quality"),
    "documentation": ("文書", "documentation"),
    "performance": ("性能", "performance"),
    "ungoverned": ("統制外の稼働", "ungoverned"),
    "orphan": ("ユースケース未登録", "orphan"),
    "ownerless": ("責任者不在", "ownerless"),
    "tier": ("リスク区分", "tier"),
    "use_case": ("ユースケース", "use case"),
}
_OBSERVED: Final[Mapping[str, Pair]] = {
    "selection_rate_ratio": ("選択率の比", "selection-rate ratio"),
    "equal_opportunity_difference": ("真陽性率の差", "equal-opportunity difference"),
    "groups": ("群の数", "number of groups"),
    "rows": ("行", "rows"),
    "unknown_rows": ("群が不明な行", "rows of unknown group"),
    "rows_without_prediction": ("予測のない行", "rows without a prediction"),
    "rows_without_label": ("正解ラベルのない行", "rows without a label"),
    "description": ("説明の文字数", "characters of description"),
    "expect_column_to_exist": ("列の存在", "existence of column"),
    "expect_column_values_to_not_be_null": ("欠損値の割合 %", "% of values missing"),
    "expect_column_values_to_be_between": ("範囲外の値の割合 %", "% of values out of range"),
    "expect_column_values_to_be_in_set": ("許された値以外の割合 %", "% of values outside the allowed set"),
    "expect_column_values_to_be_unique": ("重複した値の割合 %", "% of values repeated"),
    "expect_column_values_to_match_regex": ("形式に合わない値の割合 %", "% of values in another format"),
    "expect_column_values_to_be_of_type": ("型の異なる値の割合 %", "% of values of another type"),
    "expect_compound_columns_to_be_unique": ("重複した行の割合 %", "% of rows repeated"),
    "expect_column_pair_values_a_to_be_greater_than_b": ("大小関係に反する値の割合 %", "% of pairs in the wrong order"),
    "expect_column_value_lengths_to_be_between": ("長さが範囲外の値の割合 %", "% of values of another length"),
    "expect_column_min_to_be_between": ("最小値", "minimum"),
    "expect_column_max_to_be_between": ("最大値", "maximum"),
    "expect_column_median_to_be_between": ("中央値", "median"),
    "expect_column_stdev_to_be_between": ("標準偏差", "standard deviation"),
    "expect_column_proportion_of_unique_values_to_be_between": ("一意な値の割合", "share of unique values"),
    "expect_table_row_count_to_equal": ("行数", "row count"),
    "expect_table_column_count_to_equal": ("列数", "column count"),
    "expect_column_mean_to_be_between": ("平均値", "mean"),
    "expect_table_row_count_to_be_between": ("行数", "row count"),
    "expect_table_columns_to_match_set": ("列の構成", "columns of the table"),
}
_TAG: Final = "tag:"
_EXEMPT: Final = ("対象外", "exempt")
_BOUNDS: Final[Mapping[str, str]] = {">=": "下限", "<=": "上限", "==": "基準"}
_KNOWN: Final = frozenset({Verdict.PASS, Verdict.WARN, Verdict.FAIL})
_DIGITS: Final = range(2, 7)
_HUGE: Final = 1e15


def label(member: StrEnum, language: str) -> str:
    """What a verdict, a light, a tier, an ask or a kind of inventory finding is called."""
    pair = _LABELS.get(type(member), _KINDS).get(member.value)
    return _choose(pair, language) if pair else _plain(member.value)


def check_name(check: str, language: str) -> str:
    """What a check is called when its policy is not at hand."""
    pair = _CHECKS.get(check.replace("-", "_"))
    return _choose(pair, language) if pair else check


def observed(name: str, language: str) -> str:
    """What was measured; the name of a logged metric stays as it is."""
    if pair := _OBSERVED.get(name):
        return _choose(pair, language)
    if name.startswith(_TAG):
        tag = name.removeprefix(_TAG)
        return _choose((f"タグ {tag} の文字数", f"characters of tag {tag}"), language)
    return _plain(name.removeprefix("expect_")) if name.startswith("expect_") else name


def reason_line(reason: Reason, language: str) -> str:
    """Why a gate said what it said, on one line that starts with the check."""
    check = check_name(reason.check, language)
    if reason.observation is not None:
        return f"{check}: {observation_line(reason.observation, language)}"
    ended = _choose(_EXEMPT, language) if reason.exempt else label(reason.verdict, language)
    return f"{check}: {ended}{_aside(reason.text.in_(language), language)}"


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
    where = f"({observation.slice})" if observation.slice else ""
    value, limit = _value(observation, "不明"), _limit(observation)
    head = f"{observed(observation.name, 'ja')}{where}"
    # A closing bracket sets the figure off by itself.
    head += value if where else f" {value}".rstrip()
    bound = f"{_BOUNDS.get(observation.comparison, observation.comparison)} {limit}" if limit else ""
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
    """As few digits as tell each figure from the limit: 0.7996 must not read as 0.80 beside a limit of 0.80."""
    every = (observation.value, observation.low, observation.high, observation.limit)
    figures = [x for x in every if _is_number(x) and math.isfinite(x)]
    if all(x == int(x) for x in figures):
        return 0
    return next((digits for digits in _DIGITS if _tells(observation, figures, digits)), _DIGITS[-1])


def _tells(observation: Observation, figures: list[float], digits: int) -> bool:
    limit = observation.limit
    if not _is_number(limit) or not math.isfinite(limit):
        return True
    return all(math.isclose(x, limit) or figure(x, digits) != figure(limit, digits) for x in figures)


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)


def _aside(detail: str, language: str) -> str:
    if not detail:
        return ""
    return f"({detail})" if language == "ja" else f" - {detail}"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _choose(pair: Pair, language: str) -> str:
    return pair[0] if language == "ja" else pair[1]
