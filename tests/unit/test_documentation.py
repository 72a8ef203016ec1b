# SPDX-License-Identifier: Apache-2.0
"""A version is documented if every required item says something, on the version or on its model."""

from __future__ import annotations

from datetime import date

import pytest

from governance.core import documentation
from governance.core.terms import Finding, ModelVersion, RegisteredModel, Verdict, VersionKey
from governance.policy import Check, Family, Text

TEXT = Text(ja="文書", en="documentation")
# model_copy: the policy's type of `required` does not know `tag:` yet.
CHECK = Check(family=Family.DOCUMENTATION, name=TEXT, remedy=TEXT).model_copy(
    update={"required": ("description", "tag:model_card")}
)
TODAY = date(2026, 11, 10)
LONG = "Scores applications for consumer credit."


def judge(check: Check = CHECK, *, version: str = "", model: str = "", card: str = "", model_card: str = "") -> Finding:
    subject = ModelVersion(VersionKey("credit", 3), description=version, tags={"model_card": card})
    return documentation.judge(subject, RegisteredModel("credit", model, {"model_card": model_card}), check, TODAY)


def test_a_documented_version_passes() -> None:
    finding = judge(version=LONG, card=LONG)
    assert finding.verdict is Verdict.PASS
    assert [(o.name, o.value, o.limit, o.comparison) for o in finding.observations] == [
        ("description", len(LONG), 20, ">="),
        ("tag:model_card", len(LONG), 20, ">="),
    ]


@pytest.mark.parametrize("own", ["", "v3"])
def test_the_text_of_the_model_serves_where_the_versions_says_too_little(own: str) -> None:
    finding = judge(version=own, card=own, model=LONG, model_card=LONG)
    assert finding.verdict is Verdict.PASS
    assert finding.observations[0].detail.en == "40 characters, from the model"


def test_what_is_missing_is_named() -> None:
    finding = judge(version=LONG)
    assert finding.verdict is Verdict.FAIL
    assert finding.detail.en == "missing or too short: tag:model_card"
    assert finding.observations[1].detail.en.startswith("missing; set it on credit v3")


@pytest.mark.parametrize("padding", [" " * 40, "\u200b" * 40, "\n\t" * 20, "a" + "\u00ad" * 40])
def test_blank_and_invisible_characters_do_not_count(padding: str) -> None:
    assert judge(version=padding, card=LONG).verdict is Verdict.FAIL


def test_japanese_counts_by_character() -> None:
    assert judge(version="消費者ローンの申込を審査するためのモデルです", card=LONG).verdict is Verdict.PASS


def test_an_unknown_item_is_an_error() -> None:
    for item in ("model_card", "tag:"):
        finding = judge(CHECK.model_copy(update={"required": (item,)}), version=LONG)
        assert finding.verdict is Verdict.ERROR
        assert "checks.yaml" in finding.observations[0].detail.en


def test_nothing_required_is_not_run() -> None:
    assert judge(CHECK.model_copy(update={"required": ()})).verdict is Verdict.NOT_RUN
