# SPDX-License-Identifier: Apache-2.0
"""What a company can decide, one typed section per policy file."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, StringConstraints, field_validator, model_validator

from governance.policy.base import Code, Line, Positive, Section, Slug, Text
from governance.policy.evaluation import Evaluation, MetricFloor
from governance.policy.tiers import RiskTier

Outcome = Literal["fail", "error", "stale", "not_run", "insufficient"]
"""The verdicts that close a gate."""


class Audience(StrEnum):
    """Whom a use case acts on."""

    INTERNAL = "internal"
    CUSTOMERS = "customers"
    PUBLIC = "public"


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


# --- use_cases.yaml -----------------------------------------------------------------------


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
    vendors: tuple[Line, ...] = ()
    """Whose products or models it stands on; a hold on one of them stops it."""
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
    login: Line | None = None
    """How Airflow and this machine know the person; None: by the name of this entry."""
    left_on: date | None = None
    """From this day on the person answers for nothing."""


class Delegation(Section):
    """A seat that somebody else holds for a while."""

    seat: Slug
    to: Slug
    since: date
    until: date
    """The last day, included."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.until < self.since:
            raise ValueError("until is before since")
        return self


class People(Section):
    """Who is who, and who holds which seat. File: people.yaml."""

    people: dict[Slug, Person]
    seats: dict[Slug, Slug]
    """Seat -> person; `caio` must be held."""
    delegations: tuple[Delegation, ...] = ()

    @model_validator(mode="after")
    def _seats_held(self) -> Self:
        if "caio" not in self.seats:
            raise ValueError("seat caio is not held by anybody")
        for seat, person in self.seats.items():
            if person not in self.people:
                raise ValueError(f"seat {seat} is held by {person}, who is not among the people")
        for delegation in self.delegations:
            if delegation.seat not in self.seats or delegation.to not in self.people:
                raise ValueError(f"delegation of {delegation.seat} to {delegation.to}: no such seat or person")
        return self

    @model_validator(mode="after")
    def _logins_differ(self) -> Self:
        logins = [person.login or slug for slug, person in self.people.items()]
        if twice := {login for login in logins if logins.count(login) > 1}:
            raise ValueError(f"login {min(twice)} belongs to more than one person")
        return self

    def who(self, login: str) -> str | None:
        """The person behind a login."""
        return next((slug for slug, person in self.people.items() if (person.login or slug) == login), None)

    def holders(self, seat: str, day: date) -> tuple[str, ...]:
        """Who may answer for a seat on a day: its holder and who stands in, without those who left."""
        delegates = [d.to for d in self.delegations if d.seat == seat and d.since <= day <= d.until]
        named = dict.fromkeys([*([self.seats[seat]] if seat in self.seats else []), *delegates])
        return tuple(p for p in named if (left := self.people[p].left_on) is None or day < left)


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
