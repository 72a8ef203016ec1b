# SPDX-License-Identifier: Apache-2.0
"""Hand out the inventory and a model version's card, as of any moment."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from governance.core import cards as card_rules
from governance.core import exports as rules
from governance.errors import NotFoundError
from governance.reports import cards, exports, mlbom
from governance.runtime import NOW, Asked
from governance.store import changes, declared, registers
from governance.store import gates as gate_facts
from governance.store import inventory as inventory_facts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from governance.core.cards import Card
    from governance.core.terms import VersionKey
    from governance.runtime import Runtime
    from governance.store.facts import AsOf


class TableFormat(StrEnum):
    """How the inventory is written."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


class CardFormat(StrEnum):
    """How a card is written."""

    MARKDOWN = "md"
    HTML = "html"
    CYCLONEDX = "cyclonedx"
    HUGGINGFACE = "huggingface"


def inventory(rt: Runtime, format_: TableFormat, asked: Asked = NOW, language: str | None = None) -> bytes:
    """Registered models and declared systems in one table; the same moments give the same bytes.

    Args:
        rt: its policy says which use case, tier and owner a system has.
        format_: CSV and XLSX for people, JSON for programs.
        asked: as of when, and as far as known when.
        language: of columns and words; default: that of the settings.
    """
    with rt.reading() as session:
        at = rt.asked(session, asked)
        entries = rules.inventory(_facts(session, at), rt.policy)
    edition = exports.Edition(language or rt.settings.language, rt.zone, at.as_of, at.known_at, rt.policy.digest)
    writers = {
        TableFormat.CSV: exports.to_csv,
        TableFormat.XLSX: exports.to_xlsx,
        TableFormat.JSON: exports.to_json,
    }
    return writers[format_](entries, edition)


def _facts(session: Session, at: AsOf) -> rules.Facts:
    return rules.Facts(
        models=inventory_facts.models(session, at),
        decisions=gate_facts.decisions(session, at),
        models_changed_at=changes.models_changed_at(session, at),
        declared=declared.declared(session, at),
        declared_changed_at=declared.changed_at(session, at),
    )


def card(rt: Runtime, key: VersionKey, format_: CardFormat, asked: Asked = NOW, language: str | None = None) -> bytes:
    """What is known of one model version; the same moments give the same bytes.

    Raises:
        NotFoundError: the inventory held no such version then.
        ReportError: the template is missing or wrong.
    """
    found, tongue = describe(rt, key, asked), language or rt.settings.language
    if format_ is CardFormat.CYCLONEDX:
        return mlbom.to_cyclonedx(found, tongue)
    writers = {
        CardFormat.MARKDOWN: cards.to_markdown,
        CardFormat.HTML: cards.to_html,
        CardFormat.HUGGINGFACE: cards.to_huggingface,
    }
    return writers[format_](found, tongue, rt.zone, rt.settings.template_dir)


def describe(rt: Runtime, key: VersionKey, asked: Asked = NOW) -> Card:
    """The content of a version's card.

    Raises:
        NotFoundError: the inventory held no such version then.
    """
    with rt.reading() as session:
        at = rt.asked(session, asked)
        model = inventory_facts.model(session, key.model, at)
        version = next((v for v in model.versions if v.key == key), None) if model else None
        if model is None or version is None:
            raise NotFoundError(f"{key}: not in the inventory", hint="Run `governance sync`, or ask as of another day.")
        facts = card_rules.Facts(
            model=model,
            version=version,
            results=gate_facts.results_of(session, key, at),
            decisions=gate_facts.decisions_of(session, key, at),
            risks=registers.risks(session, at),
            references=changes.references(session, key, at),
        )
    return card_rules.describe(facts, rt.policy, at.as_of, at.known_at)
