# SPDX-License-Identifier: Apache-2.0
"""What the steering committee is told each month, and what it is asked to decide (CMT, RPT)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from governance.core.restatements import Restatement
from governance.core.terms import GateDecision, KpiValue, Light, Risk, Verdict, Words
from governance.policy import KpiTarget, RiskTier, Text


class Ask(StrEnum):
    """What a committee can be asked to decide."""

    HOLD_OR_ACCEPT_CHAMPION = "hold_or_accept_champion"
    """A version serves without a valid gate decision."""
    TREAT_RISK = "treat_risk"
    """A risk stands above the appetite."""
    NAME_OWNER = "name_owner"
    """A use case has no owner."""
    ADOPT_OR_RETIRE = "adopt_or_retire"
    """A registered model belongs to no use case."""


@dataclass(frozen=True, slots=True)
class DecisionAsked:
    """One item on page one."""

    number: int
    ask: Ask
    subject: str
    use_case: Text | None
    reason: Words
    due_on: date
    score: int = 0


@dataclass(frozen=True, slots=True)
class GateLine:
    """Where one model version stands."""

    use_case: Text | None
    owner: Text | None
    decision: GateDecision
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckTally:
    """How often a check ended how, over the period."""

    check: str
    name: Text
    verdicts: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True)
class RiskLine:
    """One open risk as printed."""

    risk: Risk
    name: Text
    treatment: Text
    use_case: Text | None
    owner: Text | None
    light: Light


@dataclass(frozen=True, slots=True)
class KpiLine:
    """One KPI as printed: value against target, and where it stood at the end of the month before."""

    code: str
    target: KpiTarget
    value: KpiValue | None
    previous: KpiValue | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that ought to be known and is not."""

    subject: str
    what: Words
    since: datetime | None


@dataclass(frozen=True, slots=True)
class InventoryLine:
    """One use case with the models that serve it."""

    use_case: Text
    tier: RiskTier
    owner: Text | None
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seal:
    """What paper witnesses of the ledger: rewriting what is under it would contradict every printed copy."""

    size: int
    """Entries."""
    root: str
    """Base64 of the Merkle root over them."""
    note: str | None
    """The signed checkpoint; None: not sealed."""
    verifier_key: str | None
    intact: bool | None
    """How the last comparison of ledger, facts and published checkpoints ended; None: never made."""
    verified_at: datetime | None
    script_digest: str
    """SHA-256 of the program that verifies evidence bundles offline."""


@dataclass(frozen=True, slots=True)
class Pack:
    """The pack of one month, complete: rendering it needs nothing else."""

    company: Text
    classification: Text
    period: str
    """YYYY-MM."""
    as_of: datetime
    """The position is the one at this moment."""
    known_at: datetime
    """Facts learnt after this moment are left out."""
    interim: bool
    """True while the period has not ended."""
    revision: int
    """1 at first; a later revision supersedes the earlier ones, which stay as they are."""
    time_zone: str
    meeting_on: date
    policy_digest: str
    inventory_at: datetime | None
    """When MLflow was last read in full."""
    decisions: tuple[DecisionAsked, ...]
    inventory: tuple[InventoryLine, ...]
    tallies: tuple[CheckTally, ...]
    gates: tuple[GateLine, ...]
    risks: tuple[RiskLine, ...]
    appetite: int
    amber: int
    kpis: tuple[KpiLine, ...]
    unknowns: tuple[Unknown, ...]
    seal: Seal | None = None
    restatements: tuple[Restatement, ...] = ()
    """Figures of earlier months that read otherwise by now."""
