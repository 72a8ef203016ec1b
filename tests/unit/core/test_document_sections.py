# SPDX-License-Identifier: Apache-2.0
"""A model card has its sections, in whichever of two languages and styles, and was reviewed lately."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import documentation, headings
from governance.core.terms import Finding, Verdict
from governance.policy import Check
from tests import factories

TODAY = date(2026, 11, 10)
BODY = "Not for children and not for emergencies."
CARD = {
    "model_card": {
        "item": "tag:model_card",
        "sections": {"limits": {"ja": ["限界", "制約"], "en": ["Limitations"]}, "data": {"ja": ["学習データ"], "en": ["Training data"]}},
    }
}  # fmt: skip
BOTH = f"# Limitations\n{BODY}\n# Training data\nTwo years of applications."


def judge(card: str, *, model: str = "", **said: Any) -> Finding:
    text = {"ja": "文書", "en": "documentation"}
    content = {"family": "documentation", "name": text, "remedy": text, "documents": CARD} | said
    check = Check.model_validate_json(json.dumps(content))
    version = factories.version(tags={"model_card": card} | said.get("tags", {}))
    return documentation.judge(version, factories.registered(tags={"model_card": model}), check, TODAY)


@pytest.mark.parametrize(
    "heading",
    ["# Limitations", "### 2.1 limitations", "**Limitations**", "**Limitations:**", "【限界】", "■ 制約", "LIMITATIONS:", "- 限界:", "## 限界 ##", "# 3. Limitations:"],
)  # fmt: skip
def test_a_heading_is_found_however_people_write_it(heading: str) -> None:
    finding = judge(f"Our model.\n{heading}\n{BODY}\n# Training data\nTwo years of applications.")
    assert finding.verdict is Verdict.PASS, heading


@pytest.mark.parametrize("line", ["Limitations: ", "限界: ", "**Limitations**: ", "【限界】", "- **Limitations:** "])
def test_what_stands_behind_the_heading_counts(line: str) -> None:
    assert judge(f"{line}{BODY}\n学習データ: 二年分の申込データを用いた。").verdict is Verdict.PASS


def test_exactly_what_is_missing_is_named() -> None:
    finding = judge(f"# Limitations\n{BODY}")
    assert finding.verdict is Verdict.FAIL
    assert finding.detail.en == "missing or too short: model_card.data"
    assert finding.observations[1].detail.en.startswith("no such section; write it in tag:model_card")


def test_a_heading_with_nothing_below_it_is_no_section() -> None:
    finding = judge("# Limitations\n# Training data\nTwo years of applications.")
    assert finding.detail.en == "missing or too short: model_card.limits"
    assert "the heading is there with 0 characters" in finding.observations[0].detail.en


def test_a_word_in_a_sentence_is_no_heading() -> None:
    assert judge(f"We know the limitations of this model. {BODY}\n# Training data\n{BODY}").verdict is Verdict.FAIL


def test_the_text_of_the_registered_model_serves() -> None:
    assert judge("", model=BOTH).verdict is Verdict.PASS


def test_a_tag_of_its_own_is_a_section_too() -> None:
    check = Check.model_validate_json(
        json.dumps({"family": "documentation", "name": {"ja": "文", "en": "d"}, "remedy": {"ja": "文", "en": "d"}, "documents": CARD})
    )  # fmt: skip
    version = factories.version(tags={"model_card.limits": BODY, "model_card.data": BODY})
    assert documentation.judge(version, factories.registered(), check, TODAY).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("day", "verdict"),
    [("2026-10-01", Verdict.PASS), ("2025-10-01", Verdict.FAIL), ("", Verdict.NOT_RUN), ("soon", Verdict.ERROR)],
)
def test_a_review_is_dated_and_ages(day: str, verdict: Verdict) -> None:
    check = Check.model_validate_json(
        json.dumps({"family": "documentation", "name": {"ja": "文", "en": "d"}, "remedy": {"ja": "文", "en": "d"}, "reviewed": {}})
    )  # fmt: skip
    finding = documentation.judge(factories.version(tags={"reviewed_on": day}), factories.registered(), check, TODAY)
    assert finding.verdict is verdict
    assert finding.detail.en == ("" if verdict is Verdict.PASS else "not reviewed in time: reviewed_on")


@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=10), max_size=3))
def test_no_text_breaks_the_reader(text: str, names: list[str]) -> None:
    headings.sections(text, names)
