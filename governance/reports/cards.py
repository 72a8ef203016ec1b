# SPDX-License-Identifier: Apache-2.0
"""A model version's card as Markdown, HTML and Hugging Face metadata: the same bytes for the same card."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import yaml

from governance.core.cards import STATED
from governance.core.wording import check_name, label, observation_line, reason_line
from governance.reports.markup import fill, shown

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from governance.core.cards import Card, CheckLine, RiskLine
    from governance.core.terms import DatasetInput, GateDecision

_LICENCE: Final = re.compile(r"[a-z0-9][a-z0-9.+-]{0,40}")
"""How Hugging Face writes a licence; any other text goes to `license_name`."""
_MARKUP: Final = re.compile(r"[<>\[\]`*]")
_EVALUATION: Final = "evaluation"


class _Front(yaml.SafeDumper):
    """YAML that is no markup either to a reader that takes it for Markdown: such characters are quoted and escaped."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Double quotes, within which YAML knows escapes, where the text has something to escape."""
        style = '"' if _MARKUP.search(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Front.add_representer(str, _Front.represent_str)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a card: lines, or a table under its columns."""

    heading: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Edition:
    language: str
    zone: ZoneInfo

    def say(self, ja: str, en: str) -> str:
        return ja if self.language == "ja" else en

    def moment(self, at: datetime | None) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M %Z}" if at else self.say("不明", "unknown")


def to_markdown(card: Card, language: str, zone: ZoneInfo, template_dir: Path) -> bytes:
    """The card as CommonMark with tables."""
    return fill(template_dir, "cards/card.md.j2", content(card, language, zone)).encode()


def to_html(card: Card, language: str, zone: ZoneInfo, template_dir: Path) -> bytes:
    """The card as one HTML page that loads nothing and runs nothing."""
    return fill(template_dir, "cards/card.html.j2", content(card, language, zone)).encode()


def to_huggingface(card: Card, language: str, zone: ZoneInfo, template_dir: Path) -> bytes:
    """The Markdown card under the metadata that Hugging Face reads; what nobody stated is left out."""
    dumped = yaml.dump(metadata(card, language), Dumper=_Front, allow_unicode=True, sort_keys=True, width=math.inf)
    front = _MARKUP.sub(lambda found: f"\\x{ord(found[0]):02X}", dumped)
    return f"---\n{front}---\n\n".encode() + to_markdown(card, language, zone, template_dir)


def metadata(card: Card, language: str) -> dict[str, Any]:
    """Hugging Face's model card metadata, without the languages and tasks that nobody stated."""
    datasets = sorted({shown(dataset.name) for dataset in card.version.datasets if dataset.name})
    metrics = {shown(name): value for name, value in sorted(card.version.metrics.items()) if math.isfinite(value)}
    found: dict[str, Any] = {
        "model_name": shown(str(card.key)),
        "tags": ["ai-governance", f"tier-{card.tier.value}"],
        "datasets": datasets,
        "metrics": list(metrics),
        "model-index": [_index(card, metrics, language)] if metrics else [],
    }
    return {name: value for name, value in found.items() if value} | _licence(card.licence)


def _licence(stated: str) -> dict[str, str]:
    text = shown(stated)
    if not text:
        return {}
    name = text.lower().replace(" ", "-")
    return {"license": name} if _LICENCE.fullmatch(name) else {"license": "other", "license_name": text}


def _index(card: Card, metrics: dict[str, float], language: str) -> dict[str, Any]:
    """The logged metrics, on the dataset that the version was evaluated on if its run says so."""
    used = [shown(dataset.name) for dataset in card.version.datasets if dataset.context == _EVALUATION]
    unknown = "不明" if language == "ja" else "unknown"
    result = {
        "task": {"type": "other"},
        "dataset": {"name": used[0] if len(used) == 1 else unknown, "type": "other"},
        "metrics": [{"type": name, "name": name, "value": value} for name, value in metrics.items()],
    }
    return {"name": shown(card.key.model), "results": [result]}


def content(card: Card, language: str, zone: ZoneInfo) -> dict[str, Any]:
    """Everything a template prints, as finished strings in the order they print."""
    ed = _Edition(language, zone)
    return {
        "language": language,
        "title": ed.say(f"モデルカード: {card.key}", f"Model card: {card.key}"),
        "company": card.company.in_(language),
        "summary": _summary(card, ed),
        "none": ed.say("なし", "None"),
        "sections": (
            _about(card, ed),
            _limits(card, ed),
            _decisions(card, ed),
            _checks(card, ed),
            _metrics(card, ed),
            _datasets(card, ed),
            _risks(card, ed),
            _facts(card, ed),
        ),
    }


def _summary(card: Card, ed: _Edition) -> tuple[tuple[str, str], ...]:
    none, unknown = ed.say("なし", "none"), ed.say("不明", "unknown")
    return (
        (ed.say("モデル", "Model"), card.key.model),
        (ed.say("モデルバージョン", "Model version"), str(card.key.version)),
        (ed.say("エイリアス", "Aliases"), ", ".join(card.aliases) or none),
        (ed.say("ユースケース", "Use case"), card.use_case_name.in_(ed.language) or unknown),
        (ed.say("目的", "Purpose"), card.purpose.in_(ed.language) or unknown),
        (ed.say("リスク区分", "Tier"), label(card.tier, ed.language)),
        (ed.say("責任者", "Owner"), card.owner.in_(ed.language) or unknown),
        (ed.say("ライセンス", "Licence"), card.licence or unknown),
        (ed.say("登録日時", "Registered"), ed.moment(card.version.created_at)),
        (ed.say("基準日時", "Position as of"), ed.moment(card.as_of)),
        (ed.say("情報の締切日時", "Known by"), ed.moment(card.known_at)),
    )


def _about(card: Card, ed: _Edition) -> Section:
    """What its authors say of it."""
    said = [
        card.version.description,
        card.model.description if card.model.description != card.version.description else "",
    ]
    said += [f"{STATED[tag].in_(ed.language)}: {text}" for tag, text in card.stated.items()]
    return Section(ed.say("作成者による説明", "What its authors say"), tuple(text for text in said if text.strip()))


def _limits(card: Card, ed: _Edition) -> Section:
    lines = tuple(limit.in_(ed.language) for limit in card.limits)
    return Section(ed.say("このカードから分からないこと", "What this card cannot tell"), lines)


def _decisions(card: Card, ed: _Edition) -> Section:
    columns = ed.say("ゲート,判定,リスク区分,判定日時,理由", "Gate,Decision,Tier,Decided,Reasons").split(",")
    rows = tuple(_decision(decision, ed) for decision in card.decisions)
    return Section(ed.say("ゲート判定", "Gate decisions"), (), tuple(columns), rows)


def _decision(decision: GateDecision, ed: _Edition) -> tuple[str, ...]:
    reasons = " / ".join(reason_line(reason, ed.language) for reason in decision.reasons)
    verdict, tier = label(decision.verdict, ed.language), label(decision.tier, ed.language)
    return decision.gate, verdict, tier, ed.moment(decision.at), reasons or "–"


def _checks(card: Card, ed: _Edition) -> Section:
    columns = ed.say("チェック,結果,必須,実施日時,測定値", "Check,Verdict,Required,Run,Measured").split(",")
    rows = tuple(row for line in card.checks for row in _check(line, ed))
    return Section(ed.say("チェック", "Checks"), (), tuple(columns), rows)


def _check(line: CheckLine, ed: _Edition) -> list[tuple[str, ...]]:
    """One row per thing that was measured, or one for the check as a whole."""
    wanted = ed.say("必須", "yes") if line.required else ed.say("任意", "no")
    at = ed.moment(line.result.at) if line.result else "–"
    head = (check_name(line.check, ed.language), label(line.verdict, ed.language), wanted, at)
    finding = line.result.finding if line.result else None
    seen = [observation_line(o, ed.language) for o in finding.observations] if finding else []
    return [(*head, text) for text in seen or [(finding.detail.in_(ed.language) if finding else "") or "–"]]


def _metrics(card: Card, ed: _Edition) -> Section:
    columns = (ed.say("指標", "Metric"), ed.say("記録値", "As logged"))
    rows = tuple((name, f"{value:.6g}") for name, value in sorted(card.version.metrics.items()))
    return Section(ed.say("指標", "Metrics"), (), columns, rows)


def _datasets(card: Card, ed: _Edition) -> Section:
    columns = ed.say("用途,名称,ダイジェスト,所在", "For,Name,Digest,Where").split(",")
    return Section(ed.say("データセット", "Datasets"), (), tuple(columns), tuple(map(_dataset, card.version.datasets)))


def _dataset(dataset: DatasetInput) -> tuple[str, ...]:
    return dataset.context or "–", dataset.name or "–", dataset.digest or "–", dataset.source or "–"


def _risks(card: Card, ed: _Edition) -> Section:
    columns = ed.say("スコア,リスク,原因,責任者,期限", "Score,Risk,Cause,Owner,Due").split(",")
    rows = tuple(_risk(line, ed) for line in card.risks)
    return Section(ed.say("未解消のリスク", "Open risks"), (), tuple(columns), rows)


def _risk(line: RiskLine, ed: _Edition) -> tuple[str, ...]:
    risk = line.risk
    score = f"{risk.score} ({risk.likelihood} × {risk.impact})"
    owner = line.owner.in_(ed.language) or "–"
    return score, check_name(risk.rule, ed.language), risk.cause.in_(ed.language), owner, risk.due_on.isoformat()


def _facts(card: Card, ed: _Edition) -> Section:
    """What anybody can hold against the ledger."""
    columns = ed.say("種類,ID,ダイジェスト,日時", "Kind,Id,Digest,When").split(",")
    rows = [(r.table, r.id, r.digest, ed.moment(r.at)) for r in card.references]
    rows.append(("policy", "–", card.policy_digest, "–"))
    return Section(ed.say("証跡", "Evidence"), (), tuple(columns), tuple(rows))
