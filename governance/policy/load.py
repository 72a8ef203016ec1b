# SPDX-License-Identifier: Apache-2.0
"""Load a policy directory, or say which file, line and field is wrong and how to mend it."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import rfc8785
from pydantic import BaseModel, ConfigDict, ValidationError

from governance.errors import PolicyError
from governance.policy import checks, sections, yaml
from governance.policy.gates import Gates
from governance.policy.inventory import Inventory
from governance.policy.oversight import Holds, Waivers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from governance.policy.base import Section

SECTIONS: Final[dict[str, type[Section]]] = {
    "company": sections.Company,
    "tiers": sections.Tiers,
    "gates": Gates,
    "checks": checks.Checks,
    "use_cases": sections.UseCases,
    "risks": sections.Risks,
    "kpis": sections.Kpis,
    "people": sections.People,
    "calendar": sections.Calendar,
    "inventory": Inventory,
    "waivers": Waivers,
    "holds": Holds,
}
"""Section -> its type; the file is `<section>.yaml`."""
INVENTORY_RULES: Final = frozenset({"orphan", "ownerless", "unserved", "ungoverned_champion"})
"""What risks.yaml may have rules for besides the checks: the kinds of inventory findings."""
Place = tuple[str | int, ...]
"""The path of a value within a file, or, after the name of a section, within the policy."""


class Policy(BaseModel):
    """Everything the company decided, at one moment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    company: sections.Company
    tiers: sections.Tiers
    gates: Gates
    checks: checks.Checks
    use_cases: sections.UseCases
    risks: sections.Risks
    kpis: sections.Kpis
    people: sections.People
    calendar: sections.Calendar
    inventory: Inventory = Inventory()
    waivers: Waivers = Waivers()
    holds: Holds = Holds()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the RFC 8785 form of the parsed policy; comments and order do not count.

        A section that may be left out and says what holds without it does not count either: a policy keeps its
        digest when the product learns a new section.
        """
        said = self.model_dump(mode="json", exclude={name for name in OPTIONAL if self._is_default(name)})
        return hashlib.sha256(rfc8785.dumps(said)).hexdigest()

    def _is_default(self, name: str) -> bool:
        return bool(getattr(self, name) == type(self).model_fields[name].default)


OPTIONAL: Final = frozenset(name for name, field in Policy.model_fields.items() if not field.is_required())
"""Sections whose file may be left out."""


def load(directory: Path) -> Policy:
    """Read every section of a policy directory and check them against each other.

    Raises:
        PolicyError: with one line per problem: file, line, field, what is wrong.
    """
    if not directory.is_dir():
        raise PolicyError(
            f"{directory}: no such policy directory",
            hint="Run `governance init DIR`, then set GOVERNANCE_POLICY_DIR to it.",
        )
    _refuse_strays(directory)
    read, lines, problems = {}, {}, []
    for name, kind in SECTIONS.items():
        path = directory / f"{name}.yaml"
        if _is_left_out(path):
            continue
        read[name], lines[name], found = _read(path, kind)
        problems += found
    if not problems:
        policy = Policy.model_validate(read)
        problems = [_locate(directory, lines, where, what) for where, what in _contradictions(policy)]
    if problems:
        raise PolicyError(
            "\n".join(problems),
            hint=f"Correct {'these lines' if len(problems) > 1 else 'that line'}, then run `governance policy check`.",
        )
    return policy


def load_section(directory: Path, name: str) -> Section:
    """Read one section alone, for what is needed where loading all would be too slow (a DAG file).

    Raises:
        PolicyError: as `load` does, for this one file.
    """
    path = directory / f"{name}.yaml"
    if _is_left_out(path):
        return SECTIONS[name]()
    section, _lines, problems = _read(path, SECTIONS[name])
    if section is None:
        raise PolicyError("\n".join(problems), hint="Correct that, then run `governance policy check`.")
    return section


def _is_left_out(path: Path) -> bool:
    """A link to nowhere is a mistake, not a choice."""
    return path.stem in OPTIONAL and not path.exists() and not path.is_symlink()


def _read(path: Path, kind: type[Section]) -> tuple[Section | None, yaml.Lines, list[str]]:
    data, lines = yaml.read(path)
    try:
        return kind.model_validate_json(json.dumps(data)), lines, []
    except ValidationError as error:
        return None, lines, [_describe(path, lines, item) for item in error.errors(include_url=False)]


def json_schema() -> dict[str, Any]:
    """One JSON Schema per section under `$defs`, for editors and reviewers."""
    return Policy.model_json_schema()


def _refuse_strays(directory: Path) -> None:
    """A file nobody reads is a decision nobody keeps."""
    known = {f"{section}.yaml" for section in SECTIONS}
    strays = sorted(p.name for p in directory.iterdir() if p.suffix in {".yaml", ".yml"} and p.name not in known)
    if strays:
        raise PolicyError(
            f"{directory / strays[0]}: not a section of the policy",
            hint=f"The sections are {', '.join(f'{s}.yaml' for s in SECTIONS)}; rename or remove the file.",
        )


def _describe(path: Path, lines: yaml.Lines, item: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    loc: Place = item["loc"]
    place = (*_within(lines, loc[:-1]), loc[-1]) if item["type"] == "missing" else _within(lines, loc)
    field = ".".join(str(part) for part in place) or "(file)"
    return f"{path}:{_line(lines, place)}: {field}: {_plain(item)}"


def _within(lines: yaml.Lines, loc: Place) -> Place:
    """`loc` without what pydantic adds to it: the kind of a union, the mark of a key."""
    places: list[Place] = [()]
    for part in loc:
        places += [(*place, part) for place in places if (*place, part) in lines]
    return max(reversed(places), key=len)


def _plain(item: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    match item["type"]:
        case "extra_forbidden":
            return "is not a known field; remove it or correct its name"
        case "missing":
            return "is missing; add it"
        case _:
            return f"{item['msg'].removeprefix('Value error, ')} (found {str(item['input'])[:60]!r})"


def _line(lines: yaml.Lines, loc: tuple[str | int, ...]) -> int:
    """The line of the value, or of the nearest value above it."""
    while loc and loc not in lines:
        loc = loc[:-1]
    return lines.get(loc, 1)


def _locate(directory: Path, lines: dict[str, yaml.Lines], where: Place, what: str) -> str:
    section, *path = where
    return (
        f"{directory / f'{section}.yaml'}:{_line(lines[str(section)], tuple(path))}: {'.'.join(map(str, path))}: {what}"
    )


def _contradictions(policy: Policy) -> Iterator[tuple[Place, str]]:
    """Where one section names what another does not have."""
    yield from _unknown_checks(policy)
    yield from _unknown_owners(policy)
    yield from _models_served_twice(policy)
    yield from _models_named_like_twins(policy)
    yield from _unknown_risk_rules(policy)
    yield from _unknown_seats(policy)


def _unknown_checks(policy: Policy) -> Iterator[tuple[Place, str]]:
    named: list[tuple[Place, str]] = [
        (("gates", "gates", code, "required_checks", tier.value), name)
        for code, gate in policy.gates.gates.items()
        for tier, names in gate.required_checks.items()
        for name in names
    ]
    named += [
        (("use_cases", "use_cases", slug, "exempt", name), name)
        for slug, case in policy.use_cases.use_cases.items()
        for name in case.exempt
    ]
    for where, name in named:
        if name not in policy.checks.checks:
            yield where, f"check {name!r} is not in checks.yaml; add it there or remove it here"


def _unknown_owners(policy: Policy) -> Iterator[tuple[Place, str]]:
    for slug, case in policy.use_cases.use_cases.items():
        if case.owner is not None and case.owner not in policy.people.people:
            where = ("use_cases", "use_cases", slug, "owner")
            yield where, f"{case.owner!r} is not in people.yaml; add the person or name another owner"


def _unknown_risk_rules(policy: Policy) -> Iterator[tuple[Place, str]]:
    known = policy.checks.checks.keys() | INVENTORY_RULES
    for name in policy.risks.rules:
        if name not in known:
            yield ("risks", "rules", name), f"no such check or inventory finding; known are {', '.join(sorted(known))}"


def _unknown_seats(policy: Policy) -> Iterator[tuple[Place, str]]:
    named: list[tuple[Place, str]] = [
        (("gates", "gates", code, "approval", tier.value, "seats"), seat)
        for code, gate in policy.gates.gates.items()
        for tier, approval in gate.approval.items()
        for seat in approval.seats
    ]
    named += [(("waivers", "tiers", tier.value, "seat"), rule.seat) for tier, rule in policy.waivers.tiers.items()]
    named += [(("holds", "seats"), seat) for seat in policy.holds.seats]
    named += [(("holds", "emergency_seats"), seat) for seat in policy.holds.emergency_seats]
    for where, seat in named:
        if seat not in policy.people.seats:
            yield where, f"seat {seat!r} is not in people.yaml; add it to seats there or name another"


def _models_served_twice(policy: Policy) -> Iterator[tuple[Place, str]]:
    seen: dict[str, str] = {}
    for slug, case in policy.use_cases.use_cases.items():
        for model in case.models:
            if model in seen:
                yield (
                    ("use_cases", "use_cases", slug, "models"),
                    f"model {model!r} already serves {seen[model]!r}; a model serves one use case",
                )
            seen[model] = slug


def _models_named_like_twins(policy: Policy) -> Iterator[tuple[Place, str]]:
    prefix = policy.gates.protected_prefix
    for slug, case in policy.use_cases.use_cases.items():
        for model in case.models:
            if prefix is not None and model.startswith(prefix):
                where = ("use_cases", "use_cases", slug, "models")
                yield (
                    where,
                    f"model {model!r} starts with protected_prefix of gates.yaml; name the model that it serves for",
                )
