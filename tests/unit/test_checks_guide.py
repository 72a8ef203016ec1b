# SPDX-License-Identifier: Apache-2.0
"""The policy that the guide to checks shows is a policy, in both languages the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from governance.checks import suites
from governance.policy import BiasLimits, Check, Evaluation, Family

GUIDES = [Path(__file__).parents[2] / "docs" / "how-to" / name for name in ("checks.md", "checks.ja.md")]


def blocks(page: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def read(text: str) -> dict[str, Any]:
    loaded = yaml.safe_load(text)
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_block_is_read_as_the_policy_it_stands_for(page: Path, tmp_path: Path) -> None:
    evaluation, bias, drift, suite, quality = blocks(page)
    assert Evaluation.model_validate_json(json.dumps(read(evaluation)["evaluation"])).window_days == 90
    checks = [Check.model_validate_json(json.dumps(next(iter(read(text).values())))) for text in (bias, drift, quality)]
    assert [check.family for check in checks] == [Family.BIAS, Family.DRIFT, Family.DATA_QUALITY]
    assert all(limit is not None for limit in checks[0].limits.model_dump().values()), "the guide shows every measure"
    assert set(checks[0].limits.model_dump()) == set(BiasLimits.model_fields)
    (tmp_path / "credit.yaml").write_text(suite, encoding="utf-8")
    assert suites.read(tmp_path / "credit.yaml").samples == 3


def test_both_languages_show_the_same_policy() -> None:
    english, japanese = ([read(text) for text in blocks(page)] for page in GUIDES)
    assert english == japanese
