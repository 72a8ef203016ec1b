# SPDX-License-Identifier: Apache-2.0
"""The policy that `governance init` starts a company with."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance import policy as policies
from governance.errors import PolicyError
from governance.policy import SECTIONS
from governance.steps import setup

TEMPLATES = Path(__file__).resolve().parents[3] / "include" / "templates"
LANGUAGES = ("ja", "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_init_writes_is_a_whole_policy_that_loads(tmp_path: Path, language: str) -> None:
    written = setup.write_starter(TEMPLATES, tmp_path / "policy", language)
    assert {path.stem for path in written} == set(SECTIONS)
    assert policies.load(tmp_path / "policy").use_cases.use_cases


def test_both_languages_decide_the_same() -> None:
    digests = {policies.load(TEMPLATES / "starter" / language).digest for language in LANGUAGES}
    assert len(digests) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_file_explains_itself_in_its_language(language: str) -> None:
    for path in sorted((TEMPLATES / "starter" / language).glob("*.yaml")):
        comments = [line.strip() for line in path.read_text().splitlines() if line.strip().startswith("#")]
        assert comments, path
        assert all(comment.isascii() == (language == "en") for comment in comments), path


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "kpis.yaml").write_text("ours")
    with pytest.raises(PolicyError, match="not empty"):
        setup.write_starter(TEMPLATES, tmp_path, "en")
    assert [path.name for path in tmp_path.iterdir()] == ["kpis.yaml"]
    assert (tmp_path / "kpis.yaml").read_text() == "ours"
