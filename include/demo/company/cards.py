# SPDX-License-Identifier: Apache-2.0
"""Turns the authors' words and the measured numbers into tags, descriptions and cards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from include.demo.company.fairness import Gap
    from include.demo.company.terms import Built, Plan

TEXTS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("texts.yaml").read_text(encoding="utf-8"))
BOTH = ("intended_use", "limitations")


def model_text(model: str) -> dict[str, Any] | None:
    """Find what the authors wrote about a model; some write nothing."""
    text: dict[str, Any] | None = TEXTS.get(model)
    return text


def both(text: dict[str, str]) -> str:
    """Put the Japanese before the English."""
    return f"{text['ja']}\n\n{text['en']}"


def model_tags(text: dict[str, Any]) -> dict[str, str]:
    """Tag the model: who answers for it and what it is called in print."""
    return {
        "owner": text["owner"],
        "title": f"{text['title']['ja']} / {text['title']['en']}",
        "intended_use": both(text["intended_use"]),
        "license": text["license"],
    }


def version_tags(plan: Plan, built: Built, run_id: str) -> dict[str, str]:
    """Tag the version with everything a reviewer asks for first."""
    text = model_text(plan.model)
    if text is None:
        return {}
    version = text["versions"][plan.version]
    explained = f"runs:/{run_id}/explanation.json"
    return {
        "owner": text["owner"],
        "model_card": f"runs:/{run_id}/model_card.md",
        "intended_use": both(text["intended_use"]),
        "limitations": both(version["limitations"]),
        "license": text["license"],
        "explanation": explained if built.importance else both(text["explanation"]),
    }


def version_description(plan: Plan) -> str | None:
    """Describe the version in two languages."""
    text = model_text(plan.model)
    return both(text["versions"][plan.version]["description"]) if text else None


def card(plan: Plan, built: Built, gaps: list[Gap]) -> str:
    """Write the model card, the numbers as measured."""
    text = TEXTS[plan.model]
    version = text["versions"][plan.version]
    lines = [
        f"# {text['title']['ja']} / {text['title']['en']} (v{plan.version})",
        both(version["description"]),
        _section("責任者 / Owner", text["owner"]),
        _section("用途 / Intended use", both(text["intended_use"])),
        _section("限界 / Limitations", both(version["limitations"])),
        _section("データ / Data", f"{_data(built)}\n\n{text['license']}"),
        _section("評価 / Evaluation", _numbers(built.metrics)),
        _section("公平性 (95 % 区間) / Fairness (95 % intervals)", _gaps(gaps)),
        _section("説明 / Explanation", both(text["explanation"])),
    ]
    return "\n\n".join(lines) + "\n"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _data(built: Built) -> str:
    judged = 0 if built.evaluation is None else len(built.evaluation)
    return f"学習 / training: {len(built.training)}, 評価 / evaluation: {judged}"


def _numbers(metrics: dict[str, float]) -> str:
    rows = [f"| {name} | {value:.4g} |" for name, value in metrics.items()]
    head = ["| metric | value |", "|---|---|"]
    return "\n".join(head + rows) if rows else "なし / none"


def _gaps(gaps: list[Gap]) -> str:
    return "\n".join(f"- {gap}" for gap in gaps) or "対象外 / not applicable"
