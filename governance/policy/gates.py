# SPDX-License-Identifier: Apache-2.0
"""Where a use case or a model version stops, who says that it may go on, and what a decision is bound to."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from governance.policy.base import Code, Positive, Prefix, Section, Slug, Text
from governance.policy.tiers import RiskTier


class GateSubject(StrEnum):
    """What stands at a gate."""

    USE_CASE = "use_case"
    MODEL_VERSION = "model_version"


class Mode(StrEnum):
    """What happens to a protected alias on a version that may not hold it."""

    OBSERVE = "observe"
    """It is recorded."""
    WARN = "warn"
    """It is recorded and escalated."""
    PREVENT = "prevent"
    """It is reverted and escalated."""


class Bound(StrEnum):
    """Kinds of facts that a decision rests on."""

    RUN = "run"
    TIER = "tier"
    DATASET = "dataset"
    """The datasets that the version's run logged."""
    CHECK = "check"
    """How each required check ended."""
    DATA = "data"
    """The data that each required check measured."""
    DEFINITION = "definition"
    """The limits that each required check was held to."""
    WAIVER = "waiver"
    HOLD = "hold"
    GATE = "gate"
    """What the gates before this one decided on."""
    USE_CASE = "use_case"
    """What use_cases.yaml says of a use case, where that is what stands at the gate."""


class Approval(Section):
    """Who has to say yes, once the evidence is there (3.2-01a, 5.2-01g)."""

    seats: Annotated[tuple[Slug, ...], Field(min_length=1)]
    """Seats of people.yaml that are asked."""
    quorum: Positive
    """So many different people have to say yes."""
    veto: Slug | None = None
    """The seat whose yes is needed and whose no settles it; a no of another seat only does not count as a yes."""
    max_age_days: Positive = 180
    """After so many days an answer does not count any more."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if len(set(self.seats)) != len(self.seats):
            raise ValueError("a seat is named twice")
        if self.quorum > len(self.seats):
            raise ValueError(f"quorum {self.quorum} is more than the {len(self.seats)} seats asked")
        if self.veto is not None and self.veto not in self.seats:
            raise ValueError(f"the veto seat {self.veto} is not among the seats asked")
        return self


class Gate(Section):
    """A point that a use case or a model version passes only with the required evidence (3.2-01b)."""

    name: Text
    subject: GateSubject = GateSubject.MODEL_VERSION
    required_checks: dict[RiskTier, Annotated[tuple[Slug, ...], Field(min_length=1)]] = Field(default={})
    """A tier not named here is held to the strictest tier named."""
    approval: dict[RiskTier, Approval] = Field(default={})
    """Tier -> who has to approve. A tier not named here is approved by its evidence alone."""
    after: tuple[Code, ...] = ()
    """Gates that have to be open before this one; of a model version also gates of its use case."""
    protected_aliases: tuple[Slug, ...] = ()
    """MLflow aliases that only a version with a valid decision may hold."""
    candidate_aliases: tuple[Slug, ...] = ()
    """Further aliases whose versions are taken to the gate."""
    latest: bool = True
    """Also take the newest version of each model to the gate."""

    @model_validator(mode="after")
    def _requires_something(self) -> Self:
        if self.subject is GateSubject.MODEL_VERSION and not self.required_checks:
            raise ValueError("required_checks must name the checks of at least one tier: a gate without them is open")
        if self.subject is GateSubject.USE_CASE and (self.protected_aliases or self.candidate_aliases):
            raise ValueError("a gate for use cases has no aliases; they belong to model versions")
        return self


class Asking(Section):
    """How long a seat may take to answer."""

    remind_after_hours: Positive = 48
    """After so many hours without an answer the seat is asked again."""
    escalate_after: Positive = 2
    """After so many reminders the CAIO is told."""


class Gates(Section):
    """Which gates there are. File: gates.yaml."""

    gates: dict[Code, Gate] = Field(min_length=1)
    mode: Mode = Mode.PREVENT
    material: tuple[Bound, ...] = tuple(Bound)
    """A decision is stale, and has to be approved again, once a fact of these kinds changes."""
    asking: Asking = Asking()
    promote_to: Slug | None = None
    """The protected alias that an approved candidate is given; None: people promote."""
    protected_prefix: Prefix | None = None
    """What serves is a copy in the model of this prefix and the name, for example `prod.`; None: the version itself."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for code, gate in self.gates.items():
            for earlier in gate.after:
                if earlier not in self.gates or earlier >= code:
                    raise ValueError(f"{code}: after names {earlier}, which is no gate before it")
                if gate.subject is GateSubject.USE_CASE and self.gates[earlier].subject is not gate.subject:
                    raise ValueError(f"{code}: after names {earlier}, a gate of model versions; use cases come first")
        if self.promote_to is not None and not any(self.promote_to in g.protected_aliases for g in self.gates.values()):
            raise ValueError(f"promote_to names {self.promote_to}, which no gate protects")
        return self

    @cached_property
    def of_versions(self) -> dict[str, Gate]:
        """The gates that model versions stand at, in order."""
        return {c: g for c, g in sorted(self.gates.items()) if g.subject is GateSubject.MODEL_VERSION}

    @cached_property
    def of_use_cases(self) -> dict[str, Gate]:
        """The gates that use cases stand at, in order."""
        return {c: g for c, g in sorted(self.gates.items()) if g.subject is GateSubject.USE_CASE}

    @cached_property
    def ask_use_cases(self) -> bool:
        """Whether a gate of model versions comes after one of use cases."""
        return any(earlier in self.of_use_cases for gate in self.of_versions.values() for earlier in gate.after)

    @property
    def protected_aliases(self) -> tuple[str, ...]:
        """Every alias that a gate protects, in order."""
        return tuple(sorted({alias for gate in self.of_versions.values() for alias in gate.protected_aliases}))

    def protecting(self, alias: str) -> tuple[str, ...]:
        """The gates that protect an alias, in order."""
        return tuple(code for code, gate in self.of_versions.items() if alias in gate.protected_aliases)
