# SPDX-License-Identifier: Apache-2.0
"""Read an expectation suite strictly: only shapes that are data, with the line of whatever is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from governance.errors import PolicyError
from governance.policy import yaml
from governance.policy.base import Column, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OWN_FIELDS: Final = frozenset(
    {
        "batch_id",
        "catch_exceptions",
        "condition_parser",
        "description",
        "id",
        "meta",
        "notes",
        "rendered_content",
        "result_format",
        "row_condition",
        "severity",
        "windows",
    }
)
"""Arguments that Great Expectations takes but a suite may not give: they change how results are reported, or
(`row_condition`) hold an expression that it would evaluate."""


class Condition(Section):
    """What rows a rule is about, as data: a column, how it compares, and with what."""

    column: Column
    op: Literal["==", "!=", "<", "<=", ">", ">=", "in", "is_null", "not_null"]
    value: str | bool | int | float | tuple[str | int | float, ...] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.op in {"is_null", "not_null"}:
            if self.value is not None:
                raise ValueError(f"{self.op} takes no value")
        elif isinstance(self.value, tuple) != (self.op == "in") or self.value in {None, ()}:
            raise ValueError(f"{self.op} takes {'a list' if self.op == 'in' else 'one value'}")
        return self


class Rule(Section):
    """One expectation and what breaking it means."""

    type: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,99}$")]
    kwargs: dict[str, Any] = Field(default={})
    severity: Literal["critical", "warning", "info"] = "critical"
    where: tuple[Condition, ...] = ()
    """Only rows that keep all of these."""


class _File(Section):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    expectations: tuple[Rule, ...] = Field(min_length=1)
    samples: Annotated[int, Field(ge=0, le=20)] = 0
    personal: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """The rules that a table has to keep, and where each one stands."""

    path: Path
    name: str
    rules: tuple[Rule, ...]
    lines: yaml.Lines
    samples: int = 0
    """Up to so many offending values of a broken rule go into the evidence file."""
    personal: tuple[str, ...] = ()
    """Columns whose values are masked there."""

    def problem(self, position: int, *where: str | int, what: str) -> PolicyError:
        """A PolicyError that names file, line and field of rule `position`."""
        return _problem(self.path, self.lines, ("expectations", position, *where), what)


def read(path: Path) -> Suite:
    """Load one suite.

    Raises:
        PolicyError: missing, malformed, or it asks for something that is evaluated as code.
    """
    data, lines = yaml.read(path)
    try:
        file = _File.model_validate_json(json.dumps(data))
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        raise _problem(path, lines, item["loc"], item["msg"].removeprefix("Value error, ")) from error
    suite = Suite(path, file.name, file.expectations, lines, file.samples, file.personal)
    for position, rule in enumerate(suite.rules):
        for where, what in _not_data(rule):
            raise suite.problem(position, "kwargs", *where, what=what)
    return suite


def _not_data(rule: Rule) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name in sorted(OWN_FIELDS & set(rule.kwargs)):
        yield (name,), "is not allowed in a suite; remove it"
    for where in _parameters(rule.kwargs, ()):
        yield where, "keys that begin with $ would be evaluated; write the value itself"


def _parameters(value: Any, where: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - YAML is any
    items: Sequence[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, inner in items:
        if isinstance(key, str) and key.startswith("$"):
            yield (*where, key)
        yield from _parameters(inner, (*where, key))


def _problem(path: Path, lines: yaml.Lines, where: tuple[str | int, ...], what: str) -> PolicyError:
    known = where
    while known and known not in lines:
        known = known[:-1]
    field = ".".join(map(str, where)) or "(file)"
    return PolicyError(f"{path}:{lines.get(known, 1)}: {field}: {what}", hint="Correct that line of the suite.")
