# SPDX-License-Identifier: Apache-2.0
"""Scores are counted and errors added up where the rows are, the same on every source."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sklearn.metrics import roc_auc_score

from governance.checks.scores import errors, histogram
from governance.core import regression, scores
from governance.core.regression import MISSING, NOT_A_NUMBER, NOT_FINITE, OUTSIDE, USABLE, Errors
from governance.core.terms import Verdict
from governance.errors import CheckNotRunError
from governance.policy import Check, Family, Text
from governance.policy.scores import ErrorLimits, ScoreLimits
from governance.sources.datasets import open_table
from tests.integration.evaluation_tables import KINDS, placed, version

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from governance.core.evaluation import EvaluationTable
    from governance.core.scores import Cell

TEXT = Text(ja="スコア", en="scores")
CHECK = Check(family=Family.BIAS, name=TEXT, remedy=TEXT)
LIMITS = ScoreLimits(auc_difference=0.2, calibration_gap=0.2, mean_score_difference=0.2)
BOTH = ErrorLimits(error_ratio=0.7, mean_error_difference=0.2)


def rows(n: int = 4000) -> pd.DataFrame:
    random = np.random.default_rng(1)
    chance = random.beta(2, 2, n)
    paid = random.normal(100, 20, n)
    return pd.DataFrame(
        {
            "sex": random.choice(["female", "male"], n),
            "good": (random.random(n) < chance).astype(int),
            "score": chance,
            "paid": paid,
            "told": paid + random.normal(0, 5, n),
        }
    )


@contextmanager
def opened(kind: str, table: pd.DataFrame, directory: Path) -> Generator[EvaluationTable]:
    directory.mkdir(exist_ok=True)
    with placed(kind, table, directory) as (settings, case), open_table(case, version(), settings) as evaluated:
        yield evaluated


def by_place(cells: list[Cell]) -> dict[tuple[Any, ...], tuple[float, ...]]:
    return {cell[:3]: cell[3:] for cell in cells}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bins", [1024, 1000])
def test_every_source_counts_the_same_histogram_in_one_statement(
    kind: str, bins: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows()
    table.loc[:5, "score"] = [0.0, -0.0, 1.0, 1 - 2**-53, 0.5, np.nextafter(0.5, 0)]
    with opened(kind, table, tmp_path) as evaluated:
        asked: list[Any] = []
        fetch = type(evaluated).fetch

        def counting(self: EvaluationTable, statement: Any) -> list[tuple[Any, ...]]:
            asked.append(statement)
            return fetch(self, statement)

        monkeypatch.setattr(type(evaluated), "fetch", counting)
        found = by_place(histogram(evaluated, "sex", "good", "score", bins))
    assert len(asked) == 1
    table["bin"] = np.minimum(bins - 1, np.floor(table["score"] * bins)).astype(int)
    groups = {key: part["score"] for key, part in table.groupby(["sex", "good", "bin"])}
    assert found.keys() == groups.keys()
    for key, (n, *sums) in found.items():
        part = groups[key]
        assert n == len(part)
        assert sums == pytest.approx([part.sum(), (part**2).sum(), part.min(), part.max()], rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_gives_the_same_verdicts_and_aucs(kind: str, tmp_path: Path) -> None:
    table = rows()
    with opened(kind, table, tmp_path) as evaluated:
        cells = histogram(evaluated, "sex", "good", "score")
    seen = scores.judge_scores({"sex": cells}, LIMITS, CHECK)
    assert [(one.name, one.verdict, one.n) for one in seen] == [
        (name, Verdict.PASS, 4000) for name in ("auc_difference", "calibration_gap", "mean_score_difference")
    ]
    for name, one in scores.fold(cells, 1).items():
        part = table[table["sex"] == name]
        expected = roc_auc_score(part["good"], part["score"])
        assert scores.auc(one.positive, one.negative).value == pytest.approx(
            expected, abs=scores.binning_error(one.positive, one.negative)
        )
        assert scores.mean_score(one).value == pytest.approx(part["score"].mean(), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_adds_up_the_same_errors(kind: str, tmp_path: Path) -> None:
    table = rows()
    with opened(kind, table, tmp_path) as evaluated:
        found = {one.group: one for one in errors(evaluated, "sex", "paid", "told")}
    assert found.keys() == {"female", "male"}
    for group, one in found.items():
        part = table[table["sex"] == group]
        e, y = part["told"] - part["paid"], part["paid"]
        expected = e.sum(), e.abs().sum(), (e**2).sum(), y.sum(), (y**2).sum(), (y**3).sum(), (y**4).sum()
        assert one[:4] == (group, USABLE, USABLE, len(part))
        assert one[4:] == pytest.approx(expected, rel=1e-9)
    seen = regression.judge_errors({"sex": list(found.values())}, BOTH, CHECK)
    assert {one.verdict for one in seen} == {Verdict.PASS}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_score_is_counted_apart(kind: str, tmp_path: Path) -> None:
    table = rows(1000)
    table.loc[:9, "score"] = None
    # DuckDB takes most columns of a CSV file that hold `inf` for text, which is refused.
    infinite = 1e200 if kind == "csv" else np.inf
    table.loc[10:29, "score"] = [infinite] * 10 + [-infinite] * 10
    table.loc[30:59, "score"] = [1.0000001] * 15 + [-0.5] * 15
    table.loc[60:63, "good"] = None
    with opened(kind, table, tmp_path) as evaluated:
        cells = histogram(evaluated, "sex", "good", "score")
    counted = Counter[int]()
    for cell in cells:
        counted[min(cell.bin, 0)] += cell.n
        assert cell.bin >= 0 or cell[4:] == (0, 0, 0, 0)
    assert counted == {MISSING: 10, NOT_FINITE: 20, OUTSIDE: 30, 0: 940}
    seen = {one.name: one for one in scores.judge_scores({"sex": cells}, LIMITS, CHECK)}
    assert seen["rows_without_score"].value == 30
    assert seen["scores_outside_0_1"].verdict is Verdict.ERROR
    assert seen["rows_without_label"].value == 4


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_number_to_predict_is_counted_apart(kind: str, tmp_path: Path) -> None:
    table = rows(1000)
    table.loc[:9, "told"] = None
    table.loc[10:29, "paid"] = [np.inf] * 10 + [1e200] * 10
    with opened(kind, table, tmp_path) as evaluated:
        found = errors(evaluated, "sex", "paid", "told")
    states = Counter[tuple[int, int]]()
    for one in found:
        states[one.label_state, one.prediction_state] += one.n
        assert one[1:3] == (USABLE, USABLE) or one[4:] == (0,) * 7
    assert states == {(USABLE, MISSING): 10, (NOT_FINITE, USABLE): 20, (USABLE, USABLE): 970}


def test_nan_in_a_database_that_knows_it_is_no_score(tmp_path: Path) -> None:
    for kind in ("parquet", "postgresql"):
        table = rows(100)
        table["score"] = table["score"].astype("float32")
        with opened(kind, table, tmp_path / kind) as evaluated:
            nan = sa.cast(sa.literal("NaN"), sa.Double)
            told = evaluated.rows.c
            inner = sa.select(told.sex, told.good, sa.case((told.score < 0.5, nan), else_=told.score).label("score"))
            evaluated.rows = inner.select_from(evaluated.rows).subquery()  # type: ignore[misc]
            cells = histogram(evaluated, "sex", "good", "score")
        expected = int((table["score"] < 0.5).sum())
        assert sum(cell.n for cell in cells if cell.bin == NOT_FINITE) == expected > 0
        assert all(cell.bin >= 512 for cell in cells if cell.bin >= 0)


@pytest.mark.parametrize("kind", KINDS)
def test_text_instead_of_numbers_is_an_error_and_never_a_zero(kind: str, tmp_path: Path) -> None:
    table = rows(100)
    table["score"] = table["score"].astype(str) + "?"
    table["told"] = "much"
    with opened(kind, table, tmp_path) as evaluated:
        if kind == "sqlite":
            cells, sums = histogram(evaluated, "sex", "good", "score"), errors(evaluated, "sex", "paid", "told")
            assert {cell.bin for cell in cells} == {NOT_A_NUMBER}
            assert {one.prediction_state for one in sums} == {NOT_A_NUMBER}
            assert scores.judge_scores({"sex": cells}, LIMITS, CHECK)[0].verdict is Verdict.ERROR
            assert regression.judge_errors({"sex": sums}, BOTH, CHECK)[0].verdict is Verdict.ERROR
            return
        with pytest.raises(CheckNotRunError, match=r"column 'score' is of type .*, which is no number"):
            histogram(evaluated, "sex", "good", "score")
        with pytest.raises(CheckNotRunError, match="column 'told' is of type"):
            errors(evaluated, "sex", "paid", "told")


@pytest.mark.parametrize("kind", KINDS)
def test_columns_with_the_statements_own_names_groups_without_a_value_and_no_label_are_fine(
    kind: str, tmp_path: Path
) -> None:
    table = rows(1000).rename(columns={"sex": "by_2", "good": "by_0", "score": "error"})
    table.loc[:99, "by_2"] = None
    with opened(kind, table, tmp_path) as evaluated:
        told = histogram(evaluated, "by_2", "by_0", "error")
        unlabelled = histogram(evaluated, "by_2", None, "error")
        same = histogram(evaluated, "by_0", "by_0", "error")
    assert sum(cell.n for cell in told if cell.group is None) == 100
    assert {cell.label for cell in told} == {0, 1}
    assert {cell.label for cell in unlabelled} == {None}
    assert sum(cell.n for cell in unlabelled) == sum(cell.n for cell in same) == 1000
    limits = ScoreLimits(mean_score_difference=0.2)
    assert len(scores.judge_scores({"by_2": unlabelled}, limits, CHECK)) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_whole_numbers_and_an_empty_table_are_counted_too(kind: str, tmp_path: Path) -> None:
    table = rows(100)
    table["told"] = table["good"]
    with opened(kind, table, tmp_path / "a") as evaluated:
        cells = histogram(evaluated, "sex", "good", "good", 4)
        assert {(cell.label, cell.bin) for cell in cells} == {(0, 0), (1, 3)}
        assert all(one.total == 0 for one in errors(evaluated, "sex", "good", "told"))
    if kind in {"parquet", "postgresql", "sqlite"}:
        with opened(kind, table.assign(version=1).head(0), tmp_path / "b") as evaluated:
            assert histogram(evaluated, "sex", "good", "score") == []
            assert errors(evaluated, "sex", "paid", "told") == []


@pytest.mark.parametrize("kind", KINDS)
def test_identifiers_instead_of_groups_and_amounts_instead_of_labels_are_refused(kind: str, tmp_path: Path) -> None:
    n = 12_000
    table = rows(n).assign(customer=range(n))
    with opened(kind, table, tmp_path) as evaluated:
        with pytest.raises(CheckNotRunError, match=r"column 'customer' has 12,000 values, too many"):
            histogram(evaluated, "customer", "good", "score", 4)
        with pytest.raises(CheckNotRunError, match=r"column 'paid' has 12,000 values, too many"):
            histogram(evaluated, "sex", "paid", "score", 4)
        with pytest.raises(CheckNotRunError, match=r"column 'customer' has more than 10,000 values"):
            errors(evaluated, "customer", "paid", "told")
        with pytest.raises(CheckNotRunError, match=r"column 'x; --' is not in the evaluation table"):
            histogram(evaluated, "sex", "good", "x; --")


def test_a_million_rows_are_one_scan_and_a_few_thousand_numbers(tmp_path: Path) -> None:
    with opened("parquet", rows(1_000_000), tmp_path) as evaluated:
        cells = histogram(evaluated, "sex", "good", "score")
        sums: list[Errors] = errors(evaluated, "sex", "paid", "told")
    assert len(cells) <= 4 * 1024
    assert sum(cell.n for cell in cells) == sum(one.n for one in sums) == 1_000_000
