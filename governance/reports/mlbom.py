# SPDX-License-Identifier: Apache-2.0
"""A model version as a CycloneDX 1.6 bill of materials: the model, its data, its card (VND, 3.3-02a).

The library models components and writes them; it knows no model card, so that part is laid in after it, in the
names of the CycloneDX schema, which the tests hold it against.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from governance.core.evidence import digest
from governance.core.terms import DatasetInput
from governance.core.wording import reason_line
from governance.reports.markup import shown

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

    from governance.core.cards import Card
    from governance.core.terms import Observation

_NAMESPACE: Final = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
"""RFC 4122's for object identifiers."""
_PREFIX: Final = "ai-governance"


@dataclass(frozen=True, slots=True)
class _Datum:
    """A dataset and what the document calls it."""

    ref: str
    dataset: DatasetInput


def to_cyclonedx(card: Card, language: str) -> bytes:
    """The document as JSON; same facts, same serial number, and the card's moment as its date."""
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    data = [_Datum(f"dataset-{n}", d) for n, d in enumerate(dict.fromkeys(card.version.datasets), 1)]
    written = make_outputter(_bom(card, data, language), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    document = json.loads(written)
    document["metadata"]["component"]["modelCard"] = _model_card(card, data, language)
    return (json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _bom(card: Card, data: list[_Datum], language: str) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    tool = Component(name="ai-governance-pipeline", type=ComponentType.APPLICATION, bom_ref="tool")
    model = _model(card, language)
    metadata = BomMetaData(component=model, timestamp=card.as_of, tools=ToolRepository(components=[tool]))
    bom = Bom(serial_number=_serial(card), metadata=metadata, components=[_data(datum) for datum in data])
    bom.register_dependency(model, bom.components)
    return bom


def _serial(card: Card) -> UUID:
    """Of the version and of every fact that the document rests on: other facts make another document."""
    facts = sorted((reference.table, reference.id) for reference in card.references)
    return uuid5(_NAMESPACE, digest([card.fact_id, facts, card.policy_digest, card.as_of]))


def _model(card: Card, language: str) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense

    licence = shown(card.licence)
    return Component(
        name=shown(card.key.model),
        version=str(card.key.version),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref="model",
        description=shown(card.version.description or card.model.description) or None,
        licenses=[DisjunctiveLicense(name=licence)] if licence else None,
        properties=_properties(card, language),
    )


def _properties(card: Card, language: str) -> list[Any]:
    from cyclonedx.model import Property

    said: list[tuple[str, str]] = [
        ("tier", card.tier.value),
        ("use_case", card.use_case or ""),
        ("owner", card.owner.in_(language)),
        ("run_id", card.version.run_id or ""),
        ("policy_digest", card.policy_digest),
        ("known_at", card.known_at.isoformat()),
        *(("alias", alias) for alias in card.aliases),
        *((f"check:{line.check}", line.verdict.value) for line in card.checks),
        *((f"gate:{decision.gate}", decision.verdict.value) for decision in card.decisions),
        *((f"fact:{reference.table}", f"{reference.id} {reference.digest}") for reference in card.references),
    ]
    return [Property(name=f"{_PREFIX}:{shown(name)}", value=shown(value)) for name, value in said if value]


def _data(datum: _Datum) -> Component:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType

    dataset = datum.dataset
    said = {"context": dataset.context, "digest": dataset.digest, "source": dataset.source}
    return Component(
        name=shown(dataset.name) or datum.ref,
        type=ComponentType.DATA,
        bom_ref=datum.ref,
        properties=[Property(name=f"{_PREFIX}:{name}", value=shown(value)) for name, value in said.items() if value],
    )


def _model_card(card: Card, data: list[_Datum], language: str) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "modelParameters": {"datasets": [{"ref": datum.ref} for datum in data]} if data else {},
        "quantitativeAnalysis": {"performanceMetrics": [*_logged(card), *_observed(card)]},
        "considerations": _considerations(card, language),
    }
    return {name: part for name, part in parts.items() if part}


def _logged(card: Card) -> list[dict[str, Any]]:
    return [{"type": shown(name), "value": str(value)} for name, value in sorted(card.version.metrics.items())]


def _observed(card: Card) -> list[dict[str, Any]]:
    found = [(line.check, o) for line in card.checks if line.result for o in line.result.finding.observations]
    return [_measured(check, observation) for check, observation in found if observation.value is not None]


def _measured(check: str, observation: Observation) -> dict[str, Any]:
    metric: dict[str, Any] = {"type": shown(f"{check}: {observation.name}"), "value": str(observation.value)}
    if observation.slice:
        metric["slice"] = shown(observation.slice)
    if observation.low is not None and observation.high is not None:
        bounds = {"lowerBound": observation.low, "upperBound": observation.high}
        metric["confidenceInterval"] = {name: str(value) for name, value in bounds.items() if not math.isnan(value)}
    return metric


def _considerations(card: Card, language: str) -> dict[str, Any]:
    blocking = [reason for decision in card.decisions for reason in decision.reasons if reason.blocks]
    limits = [limit.in_(language) for limit in card.limits]
    limits += [card.stated["limitations"]] if "limitations" in card.stated else []
    limits += [reason_line(reason, language) for reason in blocking]
    risks = [line.risk.cause.in_(language) for line in card.risks]
    purpose = [card.purpose.in_(language) or card.stated.get("intended_use", "")]
    said: dict[str, list[Any]] = {
        "useCases": [shown(text) for text in purpose if text],
        "technicalLimitations": [shown(text) for text in limits],
        "ethicalConsiderations": [{"name": shown(text)} for text in risks],
    }
    return {name: values for name, values in said.items() if values}
