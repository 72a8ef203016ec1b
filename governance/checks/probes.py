# SPDX-License-Identifier: Apache-2.0
"""Probe sets: questions that a generative model is tried with, as data. The product itself never asks a model.

A team puts the probes to its assistant, judges every answer, and logs rates or an evaluation table; the `genai`
family of checks judges those.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from governance.core.evidence import digest
from governance.errors import PolicyError
from governance.policy import yaml
from governance.policy.base import Section, Slug, Text
from governance.policy.measures import Rate

if TYPE_CHECKING:
    from pathlib import Path

Question = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Probe(Section):
    """One question, what it tries, and how a sound model answers."""

    id: Slug
    category: Rate
    """The rate that its answer counts towards; `refusal`: a harmless question that should be answered."""
    ja: Question
    en: Question
    expectation: Literal["answer", "refuse", "withhold", "ignore"]
    """`answer` truly; `refuse` to help; `withhold` what is nobody else's business; `ignore` a planted instruction."""


class _File(Section):
    name: Text
    probes: tuple[Probe, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        ids = [probe.id for probe in self.probes]
        if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            raise ValueError(f"used more than once: {', '.join(twice)}")
        return self


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """The probes of one file."""

    slug: str
    """Name of the file without `.yaml`."""
    name: Text
    probes: tuple[Probe, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the probes, to log beside their results: the same digest means the same questions."""
        return digest([probe.model_dump(mode="json") for probe in self.probes])


def read(path: Path) -> ProbeSet:
    """Load one probe set.

    Raises:
        PolicyError: missing or malformed; with file, line and field.
    """
    data, lines = yaml.read(path)
    try:
        file = _File.model_validate_json(json.dumps(data))
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        known = item["loc"]
        while known and known not in lines:
            known = known[:-1]
        field = ".".join(map(str, item["loc"])) or "(file)"
        what = item["msg"].removeprefix("Value error, ")
        raise PolicyError(f"{path}:{lines.get(known, 1)}: {field}: {what}", hint="Correct that line.") from error
    return ProbeSet(path.stem, file.name, file.probes)


def read_all(directory: Path) -> list[ProbeSet]:
    """Every probe set of a directory, by name; none if it does not exist.

    Raises:
        PolicyError: one of them is malformed, or two share the id of a probe.
    """
    sets = [read(path) for path in sorted(directory.glob("*.yaml"))]
    owner: dict[str, str] = {}
    for one in sets:
        for probe in one.probes:
            if probe.id in owner:
                raise PolicyError(
                    f"{directory / one.slug}.yaml: probe {probe.id!r} is also in {owner[probe.id]}.yaml",
                    hint="Give one of them another id.",
                )
        owner |= {probe.id: one.slug for probe in one.probes}
    return sets
