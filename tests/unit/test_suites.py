# SPDX-License-Identifier: Apache-2.0
"""A suite is data: what is not is refused with file, line and field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from governance.checks import suites
from governance.errors import PolicyError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "name: credit\nexpectations:\n  - type: expect_column_values_to_not_be_null\n"


def read(tmp_path: Path, text: str) -> suites.Suite:
    path = tmp_path / "credit.yaml"
    path.write_text(text)
    return suites.read(path)


def test_a_rule_is_critical_unless_it_says_otherwise(tmp_path: Path) -> None:
    suite = read(tmp_path, HEAD + "    kwargs: {column: a}\n")
    assert suite.name == "credit"
    assert [(rule.kwargs, rule.severity) for rule in suite.rules] == [({"column": "a"}, "critical")]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (HEAD + "    severity: fatal\n", "credit.yaml:4: expectations.0.severity: "),
        (HEAD + "    sverity: info\n", "credit.yaml:4: expectations.0.sverity: "),
        (HEAD + "    kwargs: [a]\n", "credit.yaml:4: expectations.0.kwargs: "),
        (HEAD + "    kwargs:\n      row_condition: age > 1\n", "credit.yaml:5: expectations.0.kwargs.row_condition: "),
        (
            HEAD + "    kwargs:\n      min_value:\n        $PARAMETER: x\n",
            "credit.yaml:6: expectations.0.kwargs.min_value.$PARAMETER: ",
        ),
        (HEAD + "    kwargs:\n      value_set:\n        - [{$PARAMETER: x}]\n", "credit.yaml:6: "),
        ("name: credit\nexpectations: []\n", "credit.yaml:2: expectations: "),
        ("name: credit\n", "credit.yaml:1: expectations: "),
        ("- a\n", "credit.yaml:1: (file): "),
        ("name: a\nname: b\n", "credit.yaml:2: key 'name' appears twice"),
        (HEAD + "    kwargs: !!python/object:os.system {}\n", "credit.yaml:4: tag "),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_field(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, text)
    assert where in str(caught.value)
    assert caught.value.hint
    assert "pydantic" not in str(caught.value)


def test_a_missing_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"none\.yaml"):
        suites.read(tmp_path / "none.yaml")
