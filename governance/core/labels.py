# SPDX-License-Identifier: Apache-2.0
"""What verdicts, checks and measured things are called in Japanese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from governance.core.committee import Ask
from governance.core.holds import Enforcement, HoldScope
from governance.core.terms import GateVerdict, Light, Verdict
from governance.core.waivers import WaiverState
from governance.policy import RiskTier

if TYPE_CHECKING:
    from collections.abc import Mapping

Pair = tuple[str, str]
"""Japanese, English."""

LABELS: Final[Mapping[type, Mapping[str, Pair]]] = {
    Verdict: {
        "pass": ("合格", "pass"),
        "warn": ("注意", "warning"),
        "insufficient": ("データ不足", "insufficient data"),
        "not_run": ("未実施", "not run"),
        "stale": ("期限切れ", "stale"),
        "fail": ("不合格", "fail"),
        "error": ("エラー", "error"),
    },
    GateVerdict: {
        "pass": ("通過", "passed"),
        "pending": ("承認待ち", "awaiting approval"),
        "block": ("不通過", "blocked"),
    },
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
    Enforcement: {
        "proven": ("証明済み", "proven"),
        "unproven": ("未証明", "not proven"),
        "nothing": ("外すものなし", "nothing to take away"),
    },
    HoldScope: {
        "model": ("モデル", "model"),
        "version": ("モデルバージョン", "model version"),
        "use_case": ("ユースケース", "use case"),
        "vendor": ("ベンダー", "vendor"),
    },
    WaiverState: {
        "requested": ("決裁待ち", "waiting"),
        "rejected": ("却下", "rejected"),
        "revoked": ("取り消し", "revoked"),
        "active": ("有効", "granted"),
        "expiring": ("まもなく終了", "ends soon"),
        "expired": ("期限切れ", "expired"),
    },
    Ask: {
        "hold_or_accept_champion": ("稼働中の版の停止または容認", "hold or accept the serving version"),
        "treat_risk": ("リスクへの対応", "treat the risk"),
        "name_owner": ("責任者の指名", "name an owner"),
        "adopt_or_retire": ("ユースケースへの登録または廃止", "adopt into a use case or retire"),
    },
}
KINDS: Final[Mapping[str, Pair]] = {
    "new": ("新規", "new"),
    "changed": ("変更", "changed"),
    "retired": ("廃止", "retired"),
    "orphan": ("ユースケース未登録", "no use case"),
    "ownerless": ("責任者不在", "no owner"),
    "unserved": ("MLflow に存在しないモデル", "not in MLflow"),
    "ungoverned_champion": ("有効なゲート判定のない版が稼働中", "serves without a valid gate decision"),
}
GROUNDS: Final[Mapping[str, Pair]] = {
    "safety": ("安全", "safety"),
    "rights": ("権利の侵害", "rights"),
    "security": ("セキュリティ", "security"),
    "legal": ("法令", "legal"),
    "quality": ("品質", "quality"),
    "other": ("その他", "other"),
}
"""Why something is held."""
CHECKS: Final[Mapping[str, Pair]] = {
    "bias": ("偏り", "bias"),
    "data_quality": ("データ品質", "data quality"),
    "documentation": ("文書", "documentation"),
    "performance": ("性能", "performance"),
    "genai": ("生成AIの出力", "generative output"),
    "explanation": ("説明", "explanation"),
    "robustness": ("頑健性", "robustness"),
    "drift": ("ドリフト", "drift"),
    "ungoverned": ("統制外の稼働", "ungoverned"),
    "orphan": ("ユースケース未登録", "orphan"),
    "ownerless": ("責任者不在", "ownerless"),
    "tier": ("リスク区分", "tier"),
    "use_case": ("ユースケース", "use case"),
    "hold": ("停止命令", "hold"),
    "order": ("ゲートの順序", "order of gates"),
    "approval": ("承認", "approval"),
}
OBSERVED: Final[Mapping[str, Pair]] = {
    # In Japanese the unit at the end of a name is printed behind the figures.
    "selection_rate_ratio": ("選択率の比", "selection-rate ratio"),
    "equal_opportunity_difference": ("真陽性率の差", "equal-opportunity difference"),
    "groups": ("群の数", "number of groups"),
    "rows": ("行", "rows"),
    "unknown_rows": ("群が不明な行", "rows of unknown group"),
    "rows_without_prediction": ("予測のない行", "rows without a prediction"),
    "demographic_parity_difference": ("選択率の差", "gap between selection rates"),
    "false_positive_rate_difference": ("偽陽性率の差", "gap between false positive rates"),
    "equalized_odds_difference": ("真陽性率と偽陽性率の差の大きい方", "larger gap of true and false positive rates"),
    "predictive_parity_difference": ("適合率の差", "gap between precisions"),
    "accuracy_difference": ("正解率の差", "gap between accuracies"),
    "auc_difference": ("AUC の差", "gap between AUCs"),
    "calibration_gap": ("スコアと正解率のずれの差", "gap between calibrations"),
    "mean_score_difference": ("平均スコアの差", "gap between mean scores"),
    "error_ratio": ("平均絶対誤差の比", "ratio of mean absolute errors"),
    "mean_error_difference": ("平均誤差の差(標準偏差)", "gap between mean errors, in standard deviations"),
    "rows_without_score": ("スコアのない行", "rows without a score"),
    "hours_since_newest_row": ("最新の行からの時間", "hours since the newest row"),
    "volume_change": ("件数の変化", "change of the number of rows"),
    "schema_change": ("列の変化", "changes of columns"),
    "psi": ("安定度指数 PSI", "population stability index"),
    "js": ("Jensen-Shannon 距離", "Jensen-Shannon distance"),
    "ks": ("Kolmogorov-Smirnov 距離", "Kolmogorov-Smirnov distance"),
    "rows_without_time": ("時刻のない行", "rows without a time"),
    "rows_without_weight": ("重みのない行", "rows without a weight"),
    "rows_without_label": ("正解ラベルのない行", "rows without a label"),
    "description": ("説明の文字数", "characters of description"),
    "false_output": ("誤情報の割合", "rate of false output"),
    "harmful_output": ("有害な出力の割合", "rate of harmful output"),
    "leakage": ("漏えいの割合", "rate of leakage"),
    "injection_success": ("指示の注入が成功した割合", "rate of successful injection"),
    "refusal": ("拒否の割合", "rate of refusal"),
    "accuracy_drop": ("摂動による正解率の低下", "accuracy lost to a perturbation"),
    "expect_column_to_exist": ("列の存在", "existence of column"),
    "expect_column_type_to_be": ("列の型", "type of column"),
    "expect_column_values_to_not_be_null": ("欠損値の割合 %", "% of values missing"),
    "expect_column_values_to_be_null": ("欠損でない値の割合 %", "% of values not missing"),
    "expect_column_values_to_be_between": ("範囲外の値の割合 %", "% of values out of range"),
    "expect_column_values_to_be_in_set": ("許された値以外の割合 %", "% of values outside the allowed set"),
    "expect_column_values_to_not_be_in_set": ("禁じられた値の割合 %", "% of forbidden values"),
    "expect_column_values_to_be_unique": ("重複した値の割合 %", "% of values repeated"),
    "expect_column_values_to_match_regex": ("形式に合わない値の割合 %", "% of values in another format"),
    "expect_column_values_to_not_match_regex": ("禁じられた形式の値の割合 %", "% of values in a forbidden format"),
    "expect_column_values_to_match_strftime_format": (
        "日時の形式に合わない値の割合 %",
        "% of values in another date format",
    ),
    "expect_column_values_to_be_dateutil_parseable": ("日時として読めない値の割合 %", "% of values that are no date"),
    "expect_column_values_to_be_json_parseable": ("JSON として読めない値の割合 %", "% of values that are no JSON"),
    "expect_column_values_to_be_of_type": ("型の異なる値の割合 %", "% of values of another type"),
    "expect_column_values_to_be_in_type_list": ("型の異なる値の割合 %", "% of values of another type"),
    "expect_column_values_to_be_increasing": ("増加順に反する値の割合 %", "% of values that do not increase"),
    "expect_column_values_to_be_decreasing": ("減少順に反する値の割合 %", "% of values that do not decrease"),
    "expect_column_value_lengths_to_be_between": ("長さが範囲外の値の割合 %", "% of values of another length"),
    "expect_column_value_lengths_to_equal": ("長さの異なる値の割合 %", "% of values of another length"),
    "expect_column_value_z_scores_to_be_less_than": (
        "平均から離れすぎた値の割合 %",
        "% of values too far from the mean",
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": ("大小関係に反する値の割合 %", "% of pairs in the wrong order"),
    "expect_column_pair_values_to_be_equal": ("一致しない組の割合 %", "% of pairs that differ"),
    "expect_column_pair_values_to_be_in_set": ("許された組以外の割合 %", "% of pairs outside the allowed set"),
    "expect_compound_columns_to_be_unique": ("重複した行の割合 %", "% of rows repeated"),
    "expect_multicolumn_sum_to_equal": ("合計の異なる行の割合 %", "% of rows with another sum"),
    "expect_multicolumn_values_to_be_equal": ("値のそろわない行の割合 %", "% of rows whose values differ"),
    "expect_column_distinct_values_to_be_in_set": ("許された値の集合", "set of allowed values"),
    "expect_column_distinct_values_to_contain_set": ("含むべき値の集合", "set of values that must occur"),
    "expect_column_distinct_values_to_equal_set": ("値の集合", "set of values"),
    "expect_column_most_common_value_to_be_in_set": ("最頻値", "most common value"),
    "expect_column_min_to_be_between": ("最小値", "minimum"),
    "expect_column_max_to_be_between": ("最大値", "maximum"),
    "expect_column_mean_to_be_between": ("平均値", "mean"),
    "expect_column_median_to_be_between": ("中央値", "median"),
    "expect_column_stdev_to_be_between": ("標準偏差", "standard deviation"),
    "expect_column_sum_to_be_between": ("合計", "sum"),
    "expect_column_quantile_values_to_be_between": ("分位数", "quantiles"),
    "expect_column_kl_divergence_to_be_less_than": ("KL 情報量", "KL divergence"),
    "expect_column_unique_value_count_to_be_between": ("値の種類の数", "number of different values"),
    "expect_column_proportion_of_unique_values_to_be_between": ("一意な値の割合", "share of unique values"),
    "expect_column_proportion_of_non_null_values_to_be_between": ("欠損でない値の割合", "share of values not missing"),
    "expect_table_row_count_to_be_between": ("行数", "row count"),
    "expect_table_row_count_to_equal": ("行数", "row count"),
    "expect_table_column_count_to_be_between": ("列数", "column count"),
    "expect_table_column_count_to_equal": ("列数", "column count"),
    "expect_table_columns_to_match_set": ("列の構成", "columns of the table"),
    "expect_table_columns_to_match_ordered_list": ("列の並び", "order of the columns"),
}
