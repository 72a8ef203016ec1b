# SPDX-License-Identifier: Apache-2.0
"""What a company can decide, one typed section per policy file."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9-]{0,15}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Column = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Share = Annotated[float, Field(ge=0, le=1)]
Item = Annotated[str, StringConstraints(pattern=r"^(description|tag:[^\s]{1,250})$")]
Positive = Annotated[int, Field(gt=0)]
Outcome = Literal["fail", "error", "stale", "not_run", "insufficient"]
"""The verdicts that close a gate."""


class RiskTier(StrEnum):
    """How much harm a use case can do (3.3-05a), least first."""

    LOW = "low"
    LIMITED = "limited"
    HIGH = "high"
    PROHIBITED = "prohibited"

    @property
    def rank(self) -> int:
        """0 for the least harmful tier."""
        return list(RiskTier).index(self)


class Audience(StrEnum):
    """Whom a use case acts on."""

    INTERNAL = "internal"
    CUSTOMERS = "customers"
    PUBLIC = "public"


class Family(StrEnum):
    """How a check measures."""

    DATA_QUALITY = "data_quality"
    BIAS = "bias"
    PERFORMANCE = "performance"
    DOCUMENTATION = "documentation"


class Section(BaseModel):
    """Base of all policy types: frozen, strict (validated as JSON), and no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Text(Section):
    """A label in the product's two languages."""

    ja: Line
    en: Line

    def in_(self, language: str) -> str:
        """The label in `language` ("ja" or "en")."""
        return self.ja if language == "ja" else self.en


class Company(Section):
    """Who the policy is for. File: company.yaml."""

    name: Text
    classification: Text = Text(ja="社外秘", en="Confidential")


# --- tiers.yaml ---------------------------------------------------------------------------


class Tier(Section):
    """What belonging to a tier means."""

    name: Text
    max_age_days: Positive
    """How old the newest result of a required check may be."""
    recheck_days: Positive
    """After so many days a check runs again although nothing changed."""

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.recheck_days > self.max_age_days:
            raise ValueError(
                "recheck_days must not exceed max_age_days: results would go stale before they are renewed"
            )
        return self


class TierRule(Section):
    """A use case in one of `domains` and for one of `audiences` gets at least `tier`."""

    tier: RiskTier
    domains: tuple[Slug, ...] = ()
    audiences: tuple[Audience, ...] = ()
    generative: bool | None = None
    reason: Text


class Tiers(Section):
    """How harm is graded. File: tiers.yaml."""

    tiers: dict[RiskTier, Tier]
    default: RiskTier
    rules: tuple[TierRule, ...] = ()

    @model_validator(mode="after")
    def _all_tiers(self) -> Self:
        if missing := set(RiskTier) - set(self.tiers):
            raise ValueError(f"tiers not described: {', '.join(sorted(missing))}")
        return self


# --- gates.yaml ---------------------------------------------------------------------------


class Gate(Section):
    """A point that a model version passes only with the required evidence (3.2-01b)."""

    name: Text
    required_checks: dict[RiskTier, Annotated[tuple[Slug, ...], Field(min_length=1)]] = Field(min_length=1)
    """A tier not named here is held to the strictest tier named."""
    protected_aliases: tuple[Slug, ...]
    """MLflow aliases that only a version with a valid decision may hold."""
    candidate_aliases: tuple[Slug, ...] = ()
    """Further aliases whose versions are taken to the gate."""
    latest: bool = True
    """Also take the newest version of each model to the gate."""


class Gates(Section):
    """Which gates there are. File: gates.yaml."""

    gates: dict[Code, Gate] = Field(min_length=1)


# --- checks.yaml --------------------------------------------------------------------------


class BiasLimits(Section):
    """What gap between groups is tolerated (3.3-07b)."""

    selection_rate_ratio: Share = 0.8
    """At least (the four-fifths rule)."""
    equal_opportunity_difference: Share = 0.1
    """At most, in absolute value."""


class Check(Section):
    """One check: how it measures and what it judges by."""

    family: Family
    name: Text
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    min_n: Positive = 30
    """Below this many rows (per group for bias) the data cannot tell."""
    limits: BiasLimits = BiasLimits()
    required: tuple[Item, ...] = ()
    """Documentation only: what must be present, `description` or `tag:<name>`."""
    min_characters: Positive = 20
    """Documentation only: below this an item counts as empty."""
    remedy: Text


class Checks(Section):
    """Which checks there are. File: checks.yaml."""

    checks: dict[Slug, Check] = Field(min_length=1)


# --- use_cases.yaml -----------------------------------------------------------------------


class Logged(Section):
    """The dataset that a version's run logged to MLflow under a context."""

    kind: Literal["logged"]
    context: Slug = "evaluation"


class File(Section):
    """A Parquet or CSV file below the data directory; `{version}` is filled in."""

    kind: Literal["file"]
    path: Line

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.path.startswith(("/", "~")) or ".." in self.path.split("/"):
            raise ValueError("the path must lie below the data directory")
        return self


class Table(Section):
    """A table of the warehouse, whose rows say which version they evaluate."""

    kind: Literal["table"]
    table: Line
    """`name` or `schema.name`."""
    version_column: Column | None = None


class Evaluation(Section):
    """The table that a version is judged on, and what its columns mean."""

    source: Annotated[Logged | File | Table, Field(discriminator="kind")]
    label: Column | None = None
    prediction: Column | None = None
    favourable: int | str = 1
    """The prediction that a person wants to get."""
    sensitive: tuple[Column, ...] = ()
    reference: dict[Column, str | int] = Field(default={})
    """Sensitive column -> the group that others are compared with; default: the largest."""


class MetricFloor(Section):
    """A metric logged to MLflow and the bound it has to keep."""

    metric: Annotated[str, StringConstraints(min_length=1, max_length=250)]
    at_least: float | None = None
    at_most: float | None = None
    n_metric: Annotated[str, StringConstraints(min_length=1, max_length=250)] | None = None
    """The logged metric that counts the rows; set it only when the metric is a share of rows."""

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give either at_least or at_most")
        return self


class UseCase(Section):
    """What the company uses AI for, and which registered models serve it (INV)."""

    name: Text
    purpose: Text
    owner: Slug | None = None
    domain: Slug
    audience: Audience
    generative: bool = False
    tier: RiskTier | None = None
    """A higher tier than the rules give; never a lower one."""
    models: tuple[Line, ...]
    evaluation: Evaluation | None = None
    suite: Slug | None = None
    performance: tuple[MetricFloor, ...] = ()
    exempt: dict[Slug, Text] = Field(default={})
    """Check -> why it does not apply here (for example: the data name no person)."""


class UseCases(Section):
    """The company's use cases. File: use_cases.yaml."""

    use_cases: dict[Slug, UseCase] = Field(min_length=1)


# --- risks.yaml ---------------------------------------------------------------------------


class RiskRule(Section):
    """The risk that an open failure of a check stands for."""

    name: Text
    category: Slug
    impact: dict[RiskTier, Annotated[int, Field(ge=1, le=5)]]
    likelihood: dict[Outcome, Annotated[int, Field(ge=1, le=5)]]
    """Verdict of the check -> likelihood; a verdict not named opens no risk."""
    treatment: Text
    due_days: Positive

    @model_validator(mode="after")
    def _all_tiers(self) -> Self:
        if missing := set(RiskTier) - set(self.impact):
            raise ValueError(f"impact is not given for: {', '.join(sorted(missing))}")
        return self


class Risks(Section):
    """How risks are scored. File: risks.yaml."""

    appetite: Annotated[int, Field(ge=1, le=25)]
    """The highest likelihood x impact the company accepts."""
    amber: Annotated[int, Field(ge=1, le=25)]
    """From this score on a risk is amber; above the appetite it is red."""
    rules: dict[Slug, RiskRule]
    """Check (or `ungoverned_champion`, `orphan`, `ownerless`, `unserved`) -> risk."""


# --- kpis.yaml ----------------------------------------------------------------------------


class KpiTarget(Section):
    """A KPI of the catalogue with the company's target and traffic lights."""

    name: Text
    formula: Text
    unit: Literal["share", "count"]
    better: Literal["up", "down", "info"]
    target: float
    green: float | None = None
    """Green from here (up: at least, down: at most)."""
    amber: float | None = None


class Kpis(Section):
    """Which KPIs are measured. File: kpis.yaml."""

    kpis: dict[Code, KpiTarget]


# --- people.yaml --------------------------------------------------------------------------


class Person(Section):
    """Somebody with a duty."""

    name: Text
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]


class People(Section):
    """Who is who, and who holds which seat. File: people.yaml."""

    people: dict[Slug, Person]
    seats: dict[Slug, Slug]
    """Seat -> person; `caio` must be held."""

    @model_validator(mode="after")
    def _seats_held(self) -> Self:
        if "caio" not in self.seats:
            raise ValueError("seat caio is not held by anybody")
        for seat, person in self.seats.items():
            if person not in self.people:
                raise ValueError(f"seat {seat} is held by {person}, who is not among the people")
        return self


# --- calendar.yaml ------------------------------------------------------------------------


class MonthDay(Section):
    """A day of each year."""

    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]


class Meeting(Section):
    """When a committee meets: the n-th business day of the month."""

    business_day: Annotated[int, Field(ge=1, le=20)]
    pack_lead_business_days: Annotated[int, Field(ge=1, le=10)]
    """So many business days before the meeting the pack is due."""
    hour: Annotated[int, Field(ge=0, le=23)] = 9
    """Local hour at which the pack is built."""

    @model_validator(mode="after")
    def _after_month_end(self) -> Self:
        if self.pack_lead_business_days >= self.business_day:
            raise ValueError(
                "pack_lead_business_days must be less than business_day: the month reported has to have ended"
            )
        return self


class Calendar(Section):
    """Which days are business days, and when the committee meets. File: calendar.yaml."""

    time_zone: Line = "Asia/Tokyo"
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "JP"
    closed: tuple[MonthDay, ...] = ()
    """Company holidays besides the country's."""
    closed_dates: tuple[date, ...] = ()
    committee: Meeting

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, ZoneInfoNotFoundError) as error:
            raise ValueError("no such time zone; write one of the IANA database, for example Asia/Tokyo") from error
        return name
