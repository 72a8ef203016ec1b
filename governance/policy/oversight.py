# SPDX-License-Identifier: Apache-2.0
"""When a failed check may be waived, and who may stop a model."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from governance.policy.base import Line, Positive, Section, Slug
from governance.policy.tiers import RiskTier

Waivable = Literal["fail", "error", "stale", "not_run", "insufficient"]
"""Verdicts that close a gate."""


class WaiverRule(Section):
    """What a waiver may do for a tier (X-01)."""

    seat: Slug
    """The seat that approves it; never the owner or the one who asked."""
    most_days: Positive
    never: tuple[Waivable, ...] = ()
    """Verdicts that cannot be waived: nobody knows what they hide."""


def _rules() -> dict[RiskTier, WaiverRule]:
    return {
        RiskTier.LOW: WaiverRule(seat="caio", most_days=180),
        RiskTier.LIMITED: WaiverRule(seat="caio", most_days=90),
        RiskTier.HIGH: WaiverRule(seat="caio", most_days=30, never=("error", "stale", "not_run")),
    }


class Waivers(Section):
    """When a failed check may be waived. File: waivers.yaml. A tier without a rule has no waivers."""

    tiers: dict[RiskTier, WaiverRule] = _rules()
    renewals: Literal[0, 1, 2, 3] = 1
    """So many times the same check of the same version may be waived again."""
    expiring_days: Positive = 7
    """From so many days before its end on a waiver is called expiring."""

    @model_validator(mode="after")
    def _not_prohibited(self) -> Self:
        if RiskTier.PROHIBITED in self.tiers:
            raise ValueError("a prohibited use cannot be waived; remove the tier prohibited")
        return self


class Endpoint(Section):
    """Where a model is served, and how it answers there once it is stopped."""

    url: Line
    """Asked with GET and no login; its host has to be in GOVERNANCE_PROBE_HOSTS."""
    stopped: Annotated[tuple[Annotated[int, Field(ge=400, le=599)], ...], Field(min_length=1)]
    """Each of these HTTP statuses proves that it is stopped, for example 410; nothing else does."""

    @field_validator("url")
    @classmethod
    def _is_plain(cls, url: str) -> str:
        try:
            told = urlsplit(url)
            is_plain = told.scheme in {"http", "https"} and bool(told.hostname) and told.port != 0
        except ValueError:
            is_plain = False
        if not is_plain or told.username or told.password or told.fragment or not url.isascii() or " " in url:
            raise ValueError("no plain http:// or https:// address; a login must not stand in it")
        return url


class Holds(Section):
    """Who may stop what, and how fast (3.3-06). File: holds.yaml."""

    seats: tuple[Slug, ...] = ("caio",)
    """Seats that may order a hold and release it."""
    emergency_seats: tuple[Slug, ...] = ("caio",)
    """Seats that may order it before anybody reviewed it."""
    enforce_minutes: Positive = 15
    """From the order to the proof."""
    review_business_days: Positive = 5
    """The committee reviews an emergency hold within so many business days."""
    endpoints: dict[Line, Endpoint] = Field(default={})
    """Registered model -> where it is served; a hold counts as proven only once that has stopped, too."""
