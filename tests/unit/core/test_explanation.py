# SPDX-License-Identifier: Apache-2.0
"""An explanation has to be there and young; nobody knows how old is not young."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from governance.core import explanation
from governance.core.terms import DatasetInput, Finding, Verdict
from governance.policy import Check
from governance.policy.measures import Explanation
from tests import factories
from tests.languages import problems

TODAY = date(2026, 11, 10)
BY_TAG = {"tag": "explanation", "max_age_days": 90}
SHAP = (DatasetInput("explanation", "shap", "abc", "shap.parquet"),)


def judge(said: dict[str, Any] | None, **version: Any) -> Finding:
    text = {"ja": "説明", "en": "explanation"}
    content = {"family": "explanation", "name": text, "remedy": text} | ({"explanation": said} if said else {})
    finding = explanation.judge(factories.version(**version), Check.model_validate_json(json.dumps(content)), TODAY)
    assert [problem for o in finding.observations for problem in problems(o.detail)] == []
    return finding


@pytest.mark.parametrize(
    ("tags", "verdict"),
    [
        ({}, Verdict.FAIL),
        ({"explanation": " "}, Verdict.FAIL),
        ({"explanation": "s3://shap"}, Verdict.NOT_RUN),
        ({"explanation": "s3://shap", "explanation_on": "last week"}, Verdict.ERROR),
        ({"explanation": "s3://shap", "explanation_on": "2026-11-11"}, Verdict.ERROR),
        ({"explanation": "s3://shap", "explanation_on": "2026-08-12"}, Verdict.PASS),
        ({"explanation": "s3://shap", "explanation_on": "2026-08-11"}, Verdict.FAIL),
    ],
)
def test_a_tag_says_where_it_lies_and_another_how_old_it_is(tags: dict[str, str], verdict: Verdict) -> None:
    assert judge(BY_TAG, tags=tags).verdict is verdict


def test_a_dataset_of_the_run_is_as_old_as_the_version() -> None:
    said = {"context": "explanation", "max_age_days": 90}
    made = {"datasets": SHAP, "created_at": datetime(2026, 11, 1, tzinfo=UTC)}
    assert judge(said, **made).verdict is Verdict.PASS
    assert judge(said, **made | {"created_at": datetime(2025, 11, 1, tzinfo=UTC)}).verdict is Verdict.FAIL
    assert judge(said, **made | {"created_at": None}).verdict is Verdict.NOT_RUN
    assert judge(said).verdict is Verdict.FAIL


def test_one_of_two_places_is_enough() -> None:
    made = {"datasets": SHAP, "created_at": datetime(2026, 11, 1, tzinfo=UTC)}
    assert judge(BY_TAG | {"context": "explanation"}, **made).verdict is Verdict.PASS


def test_a_check_that_says_nothing_is_not_run() -> None:
    assert judge(None).verdict is Verdict.NOT_RUN
    with pytest.raises(ValidationError):
        Explanation()
