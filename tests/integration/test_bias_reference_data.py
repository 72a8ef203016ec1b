# SPDX-License-Identifier: Apache-2.0
"""Published tables, reproduced to the digits they were printed with."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.checks import bias as measured
from governance.core import bias
from governance.core.causes import Beside
from governance.core.cubes import add, by_group, read
from governance.core.groups import Cells, Share, count_groups
from governance.policy import BiasLimits, Check, Evaluation, Family, Text
from governance.sources.dataset_file import open_file
from tests.integration.test_bias import TODAY

DATA = Path(__file__).parents[3] / "shared" / "data" / "german_credit.csv"
TEXT = Text(ja="偏り", en="bias")
CHECK = Check(family=Family.BIAS, name=TEXT, remedy=TEXT, limits=BiasLimits(equal_opportunity_difference=None))


def test_the_eeoc_example_flags_45_percent_only_and_exactly_80_percent_passes() -> None:
    """EEOC, Adoption of Questions and Answers (1979), question 12: 60, 45, 48 and 51 of 100 are selected."""
    highest = Share(60, 100)
    ratios = {count: round(100 * float(Share(count, 100).share / highest.share)) for count in (60, 45, 48, 51)}
    assert ratios == {60: 100, 45: 75, 48: 80, 51: 85}
    assert [count for count in ratios if not bias.keeps_ratio(Share(count, 100), highest, 0.8)] == [45]


def test_berkeley_admissions_of_1973_have_the_published_rates_and_fail() -> None:
    """Bickel, Hammel, O'Connell, Science 187 (1975): the six largest departments, men 1198/2691, women 557/1835."""
    cells: Cells = {("men", 1, 1): 1198, ("men", 1, 0): 2691 - 1198, ("women", 1, 1): 557, ("women", 1, 0): 1835 - 557}
    women = {group.name: group for group in count_groups(cells, 1)}["women"]
    seen = bias.judge({"sex": cells}, CHECK).observations[0]
    assert str(women.selected) == "557/1,835 (30.4%)"
    assert seen.value == pytest.approx(0.6818, abs=5e-5)
    assert seen.verdict.value == "fail"


@pytest.mark.skipif(not DATA.is_file(), reason="the reference data lie beside the project, not in it")
@pytest.mark.parametrize(
    ("column", "expected"), [("sex", {"male": 0.723, "female": 0.648}), ("older", {"True": 0.728, "False": 0.579})]
)
def test_german_credit_has_the_published_rates(column: str, expected: dict[str, float], tmp_path: Path) -> None:
    """Statlog German Credit (1994): the share of good risks by sex, and by age above 25 or not."""
    import pandas as pd

    rows = pd.read_csv(DATA).assign(older=lambda table: (table["age"] > 25).astype(str))
    rows.to_parquet(tmp_path / "german.parquet")
    evaluation = Evaluation.model_validate(
        {"source": {"kind": "logged"}, "label": "risk", "prediction": "risk", "sensitive": (column,)}
    )
    with open_file(tmp_path / "german.parquet") as table:
        finding = measured.measure(table, CHECK, evaluation, today=TODAY, beside=Beside())
    cube = add(read(one.content) for one in finding.statistics)
    found = {g.name: round(float(g.selected.share), 3) for g in count_groups(by_group(cube, [column]), favourable=True)}
    assert found == expected
