# SPDX-License-Identifier: Apache-2.0
"""How verdicts, observations and reasons read."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum

import pytest

from governance.core import wording
from governance.core.committee import Ask
from governance.core.inventory import FindingKind
from governance.core.terms import Finding, GateVerdict, Light, Observation, Reason, Verdict, Words
from governance.policy import RiskTier
from tests import factories

BIAS = Observation(
    "selection_rate_ratio", "age_group: <=25 vs >25", 0.7123, 0.63, 0.79, 0.8, ">=", 1000, Verdict.FAIL
)  # fmt: skip
MEMBERS = [member for kind in (Verdict, GateVerdict, Light, RiskTier, Ask, FindingKind) for member in kind]


def test_a_reason_reads_as_one_english_line() -> None:
    line = wording.reason_line(Reason("bias", Verdict.FAIL, observation=BIAS), "en")
    assert (
        line
        == "bias: selection-rate ratio for age_group: <=25 vs >25 is 0.71 [0.63, 0.79], must be >= 0.80 (n = 1,000): fail"
    )


def test_a_reason_reads_as_one_japanese_line() -> None:
    line = wording.reason_line(Reason("bias", Verdict.FAIL, observation=BIAS), "ja")
    assert line == "偏り: 選択率の比(age_group: <=25 vs >25)0.71 [0.63, 0.79]、下限 0.80、n = 1,000: 不合格"


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_every_word_exists_in_both_languages(member: StrEnum) -> None:
    assert wording.label(member, "ja") != wording.label(member, "en")
    assert "_" not in wording.label(member, "en")
    assert not wording.label(member, "ja").isascii()


class Change(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    RETIRED = "retired"


@pytest.mark.parametrize("member", Change, ids=repr)
def test_what_changed_in_the_inventory_has_a_word(member: Change) -> None:
    assert not wording.label(member, "ja").isascii()


def test_the_same_value_reads_differently_for_a_check_and_a_gate() -> None:
    assert wording.label(Verdict.PASS, "ja") == "合格"
    assert wording.label(GateVerdict.PASS, "ja") == "通過"


def test_grey_reads_as_unknown() -> None:
    assert (wording.label(Light.GREY, "ja"), wording.label(Light.GREY, "en")) == ("不明", "unknown")


@pytest.mark.parametrize(("language", "word"), [("ja", "不明"), ("en", "unknown")])
@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_missing_value_reads_as_unknown(language: str, word: str, value: float | None) -> None:
    seen = Observation("auc", value=value, limit=0.8, comparison=">=", verdict=Verdict.NOT_RUN)
    assert word in wording.observation_line(seen, language)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_value_just_below_the_limit_does_not_read_as_the_limit(language: str) -> None:
    seen = Observation("auc", value=0.7996, limit=0.8, comparison=">=", verdict=Verdict.FAIL)
    line = wording.observation_line(seen, language)
    assert "0.7996" in line
    assert "0.8000" in line


def test_counts_have_no_decimals_and_minus_zero_does_not_exist() -> None:
    seen = Observation("expect_table_row_count_to_be_between", value=1200, limit=1000, verdict=Verdict.PASS)
    assert "row count is 1,200" in wording.observation_line(seen, "en")
    assert wording.figure(-0.001, 2) == "0.00"
    assert wording.figure(float("inf"), 2) == "∞"


def test_an_expectation_reads_plainly_and_a_metric_keeps_its_name() -> None:
    assert wording.observed("expect_column_values_to_not_be_null", "en") == "% of values missing"
    assert wording.observed("expect_column_kurtosis_to_be_odd", "en") == "column kurtosis to be odd"
    assert wording.observed("f1_macro", "ja") == "f1_macro"


def test_the_detail_stands_where_figures_do_not_tell() -> None:
    seen = Observation("auc", verdict=Verdict.NOT_RUN, detail=Words("指標 'auc' の記録がない", "no metric 'auc'"))
    assert "指標 'auc' の記録がない" in wording.observation_line(seen, "ja")
    assert "no metric 'auc'" in wording.observation_line(seen, "en")


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (Reason("documentation", Verdict.NOT_RUN), "文書: 未実施"),
        (Reason("bias", Verdict.STALE, Words("最終実施 8月", "last run in August")), "偏り: 期限切れ(最終実施 8月)"),
        (
            Reason("data_quality", Verdict.PASS, Words("表なし", "no table"), blocks=False, exempt=True),
            "データ品質: 対象外(表なし)",
        ),
    ],
)
def test_a_reason_without_figures_reads_in_japanese(reason: Reason, line: str) -> None:
    assert wording.reason_line(reason, "ja") == line


def test_an_exempt_check_does_not_read_as_passed() -> None:
    reason = Reason("bias", Verdict.PASS, Words("属性なし", "no attribute"), blocks=False, exempt=True)
    assert wording.reason_line(reason, "en") == "bias: exempt - no attribute"


def test_a_finding_says_how_it_ended_and_on_how_many_rows() -> None:
    finding = Finding(Verdict.INSUFFICIENT, n=1000, detail=Words("少なすぎる", "too few"))
    assert (
        wording.finding_line("data_quality", finding, "en") == "data quality: insufficient data (n = 1,000) - too few"
    )
    assert wording.finding_line("data_quality", finding, "ja") == "データ品質: データ不足 (n = 1,000)(少なすぎる)"


WEAK = replace(BIAS, value=0.4, slice="sex: female vs male")
UNSURE = replace(
    BIAS, value=None, low=None, high=None, n=22, verdict=Verdict.INSUFFICIENT, detail=Words("少ない", "few")
)


def because(seen: Observation) -> Reason:
    return Reason("bias", seen.verdict, observation=seen)


def test_the_gist_is_the_reason_farthest_from_its_limit_and_how_many_more_there_are() -> None:
    told = wording.gist([because(BIAS), because(UNSURE), because(WEAK)])
    assert told.ja == "偏り: 選択率の比(sex: female vs male)0.40 [0.63, 0.79]、下限 0.80、n = 1,000: 不合格(他 2 件)"
    assert told.en.endswith(
        "for sex: female vs male is 0.40 [0.63, 0.79], must be >= 0.80 (n = 1,000): fail (and 2 more)"
    )


def test_the_gist_prefers_a_measured_failure_and_then_the_worst_verdict() -> None:
    error = Reason("data_quality", Verdict.ERROR, Words("読めない", "cannot be read"))
    assert "is 0.40" in wording.gist([error, because(WEAK)]).en
    assert wording.gist([because(UNSURE), error]).en == "data quality: error - cannot be read (and 1 more)"


def test_the_gist_of_several_checks_follows_the_order_of_the_policy() -> None:
    worse = Observation("tag:card", value=0, limit=10, comparison=">=", verdict=Verdict.FAIL)
    undocumented = Reason("documentation", Verdict.FAIL, observation=worse)
    assert wording.gist([because(BIAS), undocumented]).ja.startswith("偏り")
    assert wording.gist([undocumented, because(BIAS)]).ja.startswith("文書")


def test_the_gist_keeps_words_only_where_there_is_no_figure() -> None:
    assert "few" not in wording.gist([because(UNSURE)]).en
    assert "n = 22" in wording.gist([because(UNSURE)]).ja
    assert "few" in wording.gist([because(replace(UNSURE, n=None))]).en


def test_no_reasons_have_no_gist() -> None:
    assert not wording.gist([])


def test_a_percentage_carries_its_unit_behind_the_figures_in_japanese() -> None:
    name = "expect_column_values_to_be_between"
    seen = Observation(name, "score", 12, limit=0, comparison="<=", n=60, verdict=Verdict.FAIL)
    assert wording.observation_line(seen, "ja") == "範囲外の値の割合(score)12 %、上限 0 %、n = 60: 不合格"
    unknown = replace(seen, value=None, limit=None, verdict=Verdict.ERROR)
    assert wording.observation_line(unknown, "ja") == "範囲外の値の割合(score)不明、n = 60: エラー"


def test_every_expectation_that_a_suite_uses_has_a_name_in_both_languages() -> None:
    suites = "".join(path.read_text("utf-8") for path in sorted((factories.ROOT / "include/suites").glob("*.yaml")))
    used = set(re.findall(r"type: (expect_\w+)", suites))
    assert used
    for name in used:
        assert not wording.observed(name, "ja").isascii()
        assert wording.observed(name, "en") != name.removeprefix("expect_").replace("_", " ")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_limit_is_printed_as_it_is(language: str) -> None:
    seen = Observation("accuracy", value=0.98, low=0.97, high=0.99, limit=0.999, comparison=">=", verdict=Verdict.FAIL)
    assert "0.999" in wording.observation_line(seen, language)
