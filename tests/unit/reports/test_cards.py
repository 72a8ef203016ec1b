# SPDX-License-Identifier: Apache-2.0
"""A model card says what is known and what is not, in every format alike, and no stranger's text becomes markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from governance.core import cards as rules
from governance.errors import ReportError
from governance.reports import cards, mlbom
from governance.reports.markup import fill, in_markdown, shown
from tests import factories
from tests.factories import NOW, ROOT
from tests.factories_exports import HOSTILE, card
from tests.languages import problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEMPLATES: Final = ROOT / "include" / "templates"
ZONE: Final = ZoneInfo("Asia/Tokyo")
ANYTHING: Final = st.text(
    st.one_of(st.characters(), st.sampled_from("<>[]()*_`~|#&-+=.:!\\{}@$^\"'1 \n\twhp/")), max_size=30
)
PLAIN: Final = frozenset({"text", "paragraph_open", "paragraph_close", "inline", "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close", "text_special"})  # fmt: skip


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(
    language: str, text: str = "scores", form: Callable[..., bytes] = cards.to_markdown, **version: Any
) -> bytes:
    return form(card(text, **version), language, ZONE, TEMPLATES)


@given(ANYTHING)
def test_any_text_in_markdown_is_that_text_and_nothing_else(text: str) -> None:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = parser.parse(f"- {in_markdown(text)}\n")
    inner = [child for token in tokens for child in (token.children or [])]
    assert {token.type for token in (*tokens, *inner)} <= PLAIN
    assert "".join(child.content for child in inner) == shown(text)


@given(ANYTHING)
@settings(max_examples=25)
def test_any_text_in_html_adds_no_tag_and_is_shown(text: str) -> None:
    with_text, without = Page(rendered("en", f"x{text}", cards.to_html)), Page(rendered("en", "x", cards.to_html))
    assert sorted(with_text.tags) == sorted(without.tags)
    assert shown(f"x{text}") in with_text.text


@pytest.mark.parametrize("form", [cards.to_markdown, cards.to_html, cards.to_huggingface])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_hostile_card_runs_nothing_and_hides_nothing(language: str, form: Callable[..., bytes]) -> None:
    page = rendered(language, HOSTILE, form).decode()
    assert not re.search(r"(?<!\\)<script", page)
    assert "60481729" not in page
    assert "\u202e" not in page
    assert "\0" not in page
    assert "[U+202E]" in page.replace("\\", "")


@pytest.mark.parametrize("form", [cards.to_markdown, cards.to_html, cards.to_huggingface])
def test_the_same_card_gives_the_same_bytes(form: Callable[..., bytes]) -> None:
    assert rendered("ja", form=form) == rendered("ja", form=form)
    assert rendered("ja", form=form) != rendered("en", form=form)
    assert mlbom.to_cyclonedx(card(), "ja") == mlbom.to_cyclonedx(card(), "ja")


def test_a_card_says_who_decided_what_and_on_which_facts() -> None:
    page = Page(rendered("en", form=cards.to_html)).text
    for said in ("Ken Tanaka", "Consumer credit scoring", "champion", "G4", "blocked", "0.64 [0.50, 0.70]", "a" * 64, "20 (4 × 5)"):  # fmt: skip
        assert said in page
    assert "other v1" not in page
    assert len(card().risks) == 1


def test_what_nobody_can_tell_is_said_in_both_languages() -> None:
    bare = factories.version("stray", run_id=None, tags={}, metrics={})
    facts = rules.Facts(factories.registered("stray", tags={}, versions=(bare,)), bare, {}, {}, [])
    limits = rules.describe(facts, factories.shipped(), NOW, NOW).limits
    assert [problem for limit in limits for problem in problems(limit)] == []
    said = {limit.en for limit in limits}
    assert {"no dataset was logged", "no gate has decided on it", "bias: not run"} <= said
    assert any("no use case" in limit for limit in said)


def test_an_old_result_is_stale_on_a_card() -> None:
    old = factories.result("bias", at=NOW.replace(year=2025))
    subject = factories.version()
    facts = rules.Facts(factories.registered(), subject, {"bias": old}, {}, [])
    found = rules.describe(facts, factories.shipped(), NOW, NOW)
    assert {line.check: line.verdict.value for line in found.checks}["bias"] == "stale"
    assert "bias: stale" in {limit.en for limit in found.limits}


@pytest.mark.parametrize("text", ["scores", HOSTILE, "", "---", "x: y\n---\nz"])
def test_hugging_face_reads_the_metadata(text: str) -> None:
    _, front, body = rendered("en", text, cards.to_huggingface).decode().split("---\n", 2)
    found = yaml.safe_load(front)
    assert found["model_name"] == "credit-scoring v1"
    assert [shown(text)] * bool(text) == found.get("datasets", [])
    assert not set("<>[]`*") & set(front)
    assert "auc" in found["metrics"]
    assert "nan" not in found["metrics"]
    values = found["model-index"][0]["results"][0]["metrics"]
    assert all(isinstance(metric["value"], float) for metric in values)
    assert body.startswith("\n# Model card")
    assert ("license" in found) == bool(text)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("CC BY 4.0", {"license": "cc-by-4.0"}),
        ("社内限定", {"license": "other", "license_name": "社内限定"}),
        (" ", {}),
    ],
)
def test_a_licence_is_what_its_authors_wrote_or_is_left_out(stated: str, expected: dict[str, str]) -> None:
    found = cards.metadata(card(tags={"license": stated}), "en")
    assert {name: value for name, value in found.items() if name.startswith("license")} == expected


@pytest.mark.parametrize("text", ["scores", HOSTILE, ""])
def test_a_bill_of_materials_keeps_the_schema_of_cyclonedx(text: str) -> None:
    written = mlbom.to_cyclonedx(card(text), "en").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    document = json.loads(written)
    model = document["metadata"]["component"]
    assert model["type"] == "machine-learning-model"
    assert [each["ref"] for each in model["modelCard"]["modelParameters"]["datasets"]] == ["dataset-1", "dataset-2"]
    assert {each["bom-ref"] for each in document["components"]} == {"dataset-1", "dataset-2"}
    assert document["metadata"]["timestamp"] == "2026-11-10T03:00:00+00:00"


def test_a_bill_of_materials_of_next_to_nothing_keeps_the_schema_too() -> None:
    bare = factories.version("stray", run_id=None, tags={}, metrics={}, description="")
    facts = rules.Facts(factories.registered("stray", tags={}, versions=(bare,)), bare, {}, {}, [])
    written = mlbom.to_cyclonedx(rules.describe(facts, factories.shipped(), NOW, NOW), "ja").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None


def test_other_facts_have_another_serial_number() -> None:
    other = replace(card(), references=(rules.Reference("model_version", "c" * 64, "d" * 64, NOW),))
    first, second = (json.loads(mlbom.to_cyclonedx(each, "en")) for each in (card(), other))
    assert first["serialNumber"] != second["serialNumber"]


@pytest.mark.parametrize("template", ["{{ nothing }}", "{% if %}", "{{ title.__class__.__mro__ }}"])
def test_a_wrong_template_is_named(tmp_path: Path, template: str) -> None:
    (tmp_path / "card.md.j2").write_text(template)
    with pytest.raises(ReportError, match=r"card\.md\.j2"):
        fill(tmp_path, "card.md.j2", {"title": "x"})
    with pytest.raises(ReportError, match=r"none\.md\.j2"):
        fill(tmp_path, "none.md.j2", {})
