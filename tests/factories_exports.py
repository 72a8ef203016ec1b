# SPDX-License-Identifier: Apache-2.0
"""Entries, declared systems and cards for the tests of what is taken in and handed out."""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from governance.core import cards, exports
from governance.core.declared import DeclaredSystem, SystemKind
from governance.core.terms import DatasetInput, Observation, Verdict, Words
from governance.reports.exports import Edition
from tests import factories
from tests.factories import NOW

HOSTILE: Final = (
    "<script>alert(1)</script> **b** [x](http://e) `c` {{7777*7777}} {% raw %} | ---\n# h\n=1+1 \u202egnp\0"
)
FORMULAS: Final = (
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1+1", '=HYPERLINK("http://e")'),
    *("{=1+1}", "http://e", "mailto:a@b", "internal:A1", "1e5", "007"),
)


def system(id_: str = "meeting-notes", **changes: Any) -> DeclaredSystem:
    fields: dict[str, Any] = {
        "name": "議事録作成支援",
        "kind": SystemKind.SAAS,
        "purpose": "会議の要約",
        "vendor": "株式会社例",
        "owner": "総務部長",
        "in_use_since": date(2026, 4, 1),
    }
    return DeclaredSystem(id_, **(fields | changes))


def entries(*names: str, **changes: Any) -> tuple[exports.Entry, ...]:
    declared = [system(f"s{n}", name=name, **changes) for n, name in enumerate(names)]
    return exports.inventory(exports.Facts((), {}, {}, declared), factories.shipped())


def edition(language: str = "ja") -> Edition:
    policy = factories.shipped()
    return Edition(language, ZoneInfo(policy.calendar.time_zone), NOW, NOW, policy.digest)


def card(text: str = "scores", **version: Any) -> cards.Card:
    """A card of a version that a gate blocks, with `text` wherever a stranger writes."""
    used = DatasetInput("evaluation", text, text, text)
    fields: dict[str, Any] = {
        "description": text,
        "datasets": (used, used, DatasetInput("training", text, "d", "s")),
        "metrics": {"auc": 0.78, text: 1.5, "nan": float("nan")},
        "tags": {"limitations": text, "license": text},
    }
    subject = factories.version(**(fields | version))
    model = factories.registered(description=text, aliases={"champion": 1}, versions=(subject,))
    gap = Observation("selection_rate_ratio", text, 0.64, 0.5, 0.7, 0.8, ">=", 300, Verdict.FAIL, Words(text, text))
    facts = cards.Facts(
        model,
        subject,
        {**factories.passing("performance"), "bias": factories.result("bias", Verdict.FAIL, observations=(gap,))},
        {"G4": factories.decision(blocks=True)},
        [factories.risk(cause=Words(text, text)), factories.risk("other v1"), factories.risk(rule="x", is_open=False)],
        (cards.Reference("model_version", "a" * 64, "b" * 64, NOW),),
    )
    return cards.describe(facts, factories.shipped(), NOW, NOW)
