# SPDX-License-Identifier: Apache-2.0
"""A suite runs on every kind of table, and a bad table ends in a named verdict with a reason."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from governance.checks import run, suites, unable
from governance.checks.expectations import build
from governance.core.terms import Finding, Observation, Verdict
from governance.errors import CheckNotRunError, PolicyError
from governance.policy import Family, File, Logged
from governance.settings import Settings
from governance.sources.datasets import open_table
from tests.integration.evaluation_tables import KINDS, MODEL, check, frame, placed, use_case, version
from tests.languages import problems

if TYPE_CHECKING:
    from governance.core.terms import ModelVersion
    from governance.policy import UseCase

RULES = [
    "expect_column_values_to_not_be_null|{column: sex}|critical",
    "expect_column_values_to_be_in_set|{column: good, value_set: [0, 1]}|critical",
    "expect_column_values_to_be_between|{column: id, min_value: 1, max_value: 800, mostly: 0.9}|critical",
    "expect_column_values_to_be_unique|{column: id}|warning",
    "expect_column_mean_to_be_between|{column: predicted, min_value: 0.1}|info",
    "expect_compound_columns_to_be_unique|{column_list: [id, sex]}|critical",
    "expect_table_row_count_to_be_between|{min_value: 700, max_value: 900}|critical",
    "expect_column_values_to_match_regex|{column: sex, regex: '^(fe)?male$'}|critical",
    "expect_column_to_exist|{column: good}|critical",
]


def suite(directory: Path, *rules: str) -> Path:
    lines = ["name: credit", "expectations:"]
    for rule in rules:
        kind, kwargs, severity = rule.split("|")
        lines += [f"  - type: {kind}", f"    kwargs: {kwargs}", f"    severity: {severity}"]
    path = directory / "credit.yaml"
    path.write_text("\n".join(lines))
    return path


def measure(
    directory: Path, settings: Settings, case: UseCase, family: Family, subject: ModelVersion | None = None
) -> Finding:
    """What the step does."""
    who = subject or version()
    try:
        with open_table(case, who, settings) as table:
            return run(check(family), who, MODEL, case, table, suite_dir=directory)
    except CheckNotRunError as error:
        return unable(error, case, who)


def quality(kind: str, table: pd.DataFrame, directory: Path, *rules: str) -> Finding:
    suite(directory, *rules)
    with placed(kind, table, directory) as (settings, case):
        return measure(directory, settings, case, Family.DATA_QUALITY)


def bias(kind: str, table: pd.DataFrame, directory: Path) -> Finding:
    with placed(kind, table, directory) as (settings, case):
        return measure(directory, settings, case, Family.BIAS)


@pytest.mark.parametrize("kind", KINDS)
def test_good_rows_pass_every_rule_in_order(kind: str, tmp_path: Path) -> None:
    finding = quality(kind, frame(), tmp_path, *RULES)
    assert [(o.name, o.verdict) for o in finding.observations] == [(rule.split("|")[0], Verdict.PASS) for rule in RULES]
    assert (finding.verdict, finding.n, len(finding.data_digest)) == (Verdict.PASS, 800, 64)
    assert [o.slice for o in finding.observations] == [
        "sex",
        "good",
        "id",
        "id",
        "predicted",
        "id, sex",
        "",
        "sex",
        "good",
    ]
    assert all(o.n == 800 and not problems(o.detail) for o in finding.observations)


@pytest.mark.parametrize("kind", KINDS)
def test_broken_rules_tell_their_numbers_and_never_a_value(kind: str, tmp_path: Path) -> None:
    rows = frame(
        sex=["secret"] * 8 + [None] * 4 + ["female"] * 788, id=[7] * 200 + list(range(1000, 1600)), predicted=0
    )
    finding = quality(kind, rows, tmp_path, *RULES)
    by_name: dict[str, Observation] = {o.name: o for o in finding.observations}
    assert finding.verdict is Verdict.FAIL
    assert "secret" not in repr(finding)
    null = by_name["expect_column_values_to_not_be_null"]
    assert (null.verdict, null.value, null.limit, null.comparison) == (Verdict.FAIL, 0.5, 0, "<=")
    assert null.detail.en == "4 of 800 values (0.5 %) are not as expected; at most 0 % may be"
    between = by_name["expect_column_values_to_be_between"]
    assert (between.verdict, between.value, between.limit) == (Verdict.FAIL, 75, 10)
    assert by_name["expect_column_values_to_be_unique"].verdict is Verdict.WARN
    mean = by_name["expect_column_mean_to_be_between"]
    assert (mean.verdict, mean.value, mean.limit, mean.comparison) == (Verdict.PASS, 0, 0.1, ">=")
    assert mean.detail.en.startswith("noted, not judged: expected ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_on_a_column_that_is_not_there_is_an_error_and_the_rest_is_measured(kind: str, tmp_path: Path) -> None:
    finding = quality(
        kind,
        frame(),
        tmp_path,
        "expect_column_values_to_be_unique|{column: ghost}|info",
        RULES[0],
        "expect_column_to_exist|{column: ghost}|warning",
    )
    assert [o.verdict for o in finding.observations] == [Verdict.ERROR, Verdict.PASS, Verdict.WARN]
    assert "column 'ghost' is not in the evaluation table" in finding.observations[0].detail.en


@pytest.mark.parametrize("kind", ["parquet", "csv", KINDS[3]])
def test_text_in_a_numeric_column_is_an_error_without_the_text(kind: str, tmp_path: Path) -> None:
    finding = quality(
        kind,
        frame(id="secret"),
        tmp_path,
        "expect_column_mean_to_be_between|{column: id, min_value: 1}|warning",
        RULES[0],
    )
    assert [o.verdict for o in finding.observations] == [Verdict.ERROR, Verdict.PASS]
    assert "could not be evaluated (" in finding.observations[0].detail.en
    assert "secret" not in repr(finding)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table_cannot_tell(kind: str, tmp_path: Path) -> None:
    finding = (
        quality(kind, frame().iloc[:0], tmp_path, *RULES) if kind in {"parquet", "csv"} else _empty(kind, tmp_path)
    )
    assert finding.verdict is Verdict.INSUFFICIENT
    assert "empty" in finding.detail.en


def _empty(kind: str, directory: Path) -> Finding:
    suite(directory, *RULES)
    with placed(kind, frame(), directory) as (settings, case):
        return measure(directory, settings, case, Family.DATA_QUALITY, version(5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_nulls_does_not_pass_silently(kind: str, tmp_path: Path) -> None:
    rows = frame(x=pd.Series([None] * 800, dtype="float64"))
    finding = quality(
        kind,
        rows,
        tmp_path,
        "expect_column_values_to_be_between|{column: x, min_value: 1}|critical",
        "expect_column_mean_to_be_between|{column: x, min_value: 1}|critical",
    )
    assert [o.verdict for o in finding.observations] == [Verdict.INSUFFICIENT] * 2


def test_infinite_values_have_no_mean(tmp_path: Path) -> None:
    finding = quality(
        "parquet",
        frame(x=[math.inf] + [1.0] * 799),
        tmp_path,
        "expect_column_mean_to_be_between|{column: x, min_value: 1}|critical",
    )
    assert finding.verdict is Verdict.ERROR
    assert "infinite" in finding.observations[0].detail.en


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("expect_magic|{}|critical", "credit.yaml:3: expectations.0.type: expect_magic is not an expectation"),
        (
            "unexpected_rows_expectation|{unexpected_rows_query: SELECT 1}|critical",
            "credit.yaml:3: expectations.0.type: unexpected_rows_expectation runs SQL",
        ),
        ("expect_column_to_exist|{column: a, colour: red}|critical", "credit.yaml:4: expectations.0.kwargs.colour: "),
        ("expect_column_to_exist|{}|critical", "credit.yaml:4: expectations.0.kwargs.column: field required"),
        (
            "expect_column_mean_to_be_between|{column: a, min_value: x}|critical",
            "credit.yaml:4: expectations.0.kwargs.min_value: ",
        ),
    ],
)
def test_a_rule_great_expectations_does_not_know_is_named_by_file_and_line(rule: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        quality("csv", frame(), tmp_path, rule)
    assert why in str(caught.value)


@pytest.mark.parametrize("path", sorted(Path("include/suites").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_suites_we_ship_are_understood(path: Path) -> None:
    assert build(suites.read(path))


@pytest.mark.parametrize("kind", KINDS)
def test_fair_rows_pass_the_bias_check(kind: str, tmp_path: Path) -> None:
    finding = bias(kind, frame(), tmp_path)
    assert (finding.verdict, finding.n, len(finding.data_digest)) == (Verdict.PASS, 800, 64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("columns", "verdict", "why"),
    [
        ({"sex": "female"}, Verdict.INSUFFICIENT, "all 800 rows are of one group"),
        ({"good": 1}, Verdict.INSUFFICIENT, "all labels are favourable or none is"),
        ({"good": "paid"}, Verdict.ERROR, "the label column holds text"),
        ({"predicted": [None] + [1.0, 0.0] * 399 + [1.0]}, Verdict.INSUFFICIENT, "1 of 800 rows have no prediction"),
        ({"sex": [f"c{n}" for n in range(800)]}, Verdict.ERROR, "800 groups, more than 100"),
    ],
)
def test_bad_rows_end_in_a_named_verdict(
    kind: str, columns: dict[str, Any], verdict: Verdict, why: str, tmp_path: Path
) -> None:
    finding = bias(kind, frame(**columns), tmp_path)
    assert finding.verdict is verdict
    assert any(why in observation.detail.en for observation in finding.observations)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_predictions_that_are_no_number_keep_it_from_passing(bad: float, tmp_path: Path) -> None:
    finding = bias("parquet", frame(predicted=[bad] + [1.0, 0.0] * 399 + [1.0]), tmp_path)
    assert finding.verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_groups_are_an_error(kind: str, tmp_path: Path) -> None:
    rows = pd.DataFrame({"sex": [f"c{n}" for n in range(100_000)], "good": 1, "predicted": 1})
    finding = bias(kind, rows, tmp_path)
    assert finding.verdict is Verdict.ERROR
    assert "column 'sex' has more than 10,000 values" in finding.detail.en


@pytest.mark.parametrize(("column", "field"), [("good", "label"), ("predicted", "prediction"), ("sex", "sensitive")])
def test_a_missing_column_is_an_error_that_says_where_to_set_it(column: str, field: str, tmp_path: Path) -> None:
    finding = bias("csv", frame().drop(columns=column), tmp_path)
    assert finding.verdict is Verdict.ERROR
    assert f"column {column!r} is not in the evaluation table" in finding.detail.en
    assert f"`evaluation.{field}` in use_cases.yaml" in finding.detail.en


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sensitive": ()}, "set `evaluation.sensitive`"),
        ({"label": None}, "set `evaluation.label`"),
        ({"prediction": None}, "set `evaluation.prediction`"),
    ],
)
def test_what_the_policy_does_not_name_is_not_run(changes: dict[str, Any], why: str, tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "a.csv", index=False)
    case = use_case(File(kind="file", path="a.csv"), **changes)
    finding = measure(tmp_path, Settings(data_dir=tmp_path), case, Family.BIAS)
    assert finding.verdict is Verdict.NOT_RUN
    assert why in finding.detail.en


def test_no_evaluation_and_no_logged_dataset_are_not_run_but_a_bad_one_is_an_error(tmp_path: Path) -> None:
    settings, logged = Settings(data_dir=tmp_path), use_case(Logged(kind="logged"))
    for case, subject, verdict in (
        (use_case(), version(), Verdict.NOT_RUN),
        (logged, version(), Verdict.NOT_RUN),
        (logged, version(source="/etc/passwd"), Verdict.ERROR),
        (use_case(File(kind="file", path="none.csv")), version(), Verdict.ERROR),
    ):
        for family in (Family.BIAS, Family.DATA_QUALITY):
            finding = measure(tmp_path, settings, case, family, subject)
            assert finding.verdict is verdict
            assert finding.detail.en


def test_no_suite_is_not_run(tmp_path: Path) -> None:
    case = use_case().model_copy(update={"suite": None})
    finding = run(check(Family.DATA_QUALITY), version(), MODEL, case, None, suite_dir=tmp_path)
    assert finding.verdict is Verdict.NOT_RUN


@pytest.mark.parametrize("family", [Family.PERFORMANCE, Family.DOCUMENTATION])
def test_families_that_need_no_table_run_without_one(family: Family, tmp_path: Path) -> None:
    finding = run(check(family), version(), MODEL, use_case(), None, suite_dir=tmp_path)
    assert finding.verdict is Verdict.NOT_RUN
    assert finding.detail.en
