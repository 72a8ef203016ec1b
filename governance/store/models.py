# SPDX-License-Identifier: Apache-2.0
"""Every table of the governance database: one row, one fact."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from governance.store.base import Base, Fact, OfUseCase, OfVersion
from governance.store.models_oversight import (
    AcknowledgementRow,
    AliasActionRow,
    ApprovalRequest,
    ApprovalRow,
    EscalationRow,
    HoldRow,
    Refusal,
    UseCaseApprovalRequest,
    UseCaseApprovalRow,
    WaiverRow,
)


class InventorySweep(Fact):
    """A complete reading of MLflow: how much there was, what changed, what is out of order."""

    __tablename__ = "inventory_sweep"
    disclosed = ("models", "versions")

    models: Mapped[int]
    versions: Mapped[int]
    changes: Mapped[dict[str, Any]]
    findings: Mapped[list[Any]]
    absent: Mapped[list[Any] | None]
    """What was missing for the first time: gone for good only if the next complete reading misses it too."""
    is_full: Mapped[bool | None]
    """Whether runs of unchanged versions were read again as well."""


class RegisteredModelRow(Fact):
    """A registered model as last seen."""

    __tablename__ = "registered_model"
    series = ("model",)
    disclosed = ("model", "is_present")

    model: Mapped[str]
    use_case: Mapped[str | None]
    description: Mapped[str]
    tags: Mapped[dict[str, Any]]
    is_present: Mapped[bool]


class ModelVersionRow(Fact):
    """A model version as last seen, with its run."""

    __tablename__ = "model_version"
    series = ("model", "version")
    disclosed = ("model", "version", "run_id", "is_present")

    model: Mapped[str]
    version: Mapped[int]
    run_id: Mapped[str | None]
    source_uri: Mapped[str]
    description: Mapped[str]
    tags: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    params: Mapped[dict[str, Any]]
    datasets: Mapped[list[Any]]
    created_at: Mapped[datetime | None]
    is_present: Mapped[bool]


class AliasEvent(Fact):
    """An alias was set, moved (both versions given) or removed (no `to_version`)."""

    __tablename__ = "alias_event"
    series = ("model", "alias")
    disclosed = ("model", "alias", "from_version", "to_version", "seen_after", "decision", "outside_gate")

    model: Mapped[str]
    alias: Mapped[str]
    from_version: Mapped[int | None]
    to_version: Mapped[int | None]
    seen_after: Mapped[datetime | None]
    """The last complete reading that still showed the old state: it moved between then and `effective_at`."""
    decision: Mapped[str | None]
    """The gate decision that the move rests on."""
    outside_gate: Mapped[bool | None]
    """A protected alias moved without one."""


class CheckResultRow(Fact):
    """How one check on one model version ended, with every number it saw."""

    __tablename__ = "check_result"
    series = ("model", "version", "check")
    disclosed = ("model", "version", "check", "verdict", "n", "data_digest", "definition", "files", "engines")

    model: Mapped[str]
    version: Mapped[int]
    check: Mapped[str]
    verdict: Mapped[str]
    n: Mapped[int | None]
    detail: Mapped[dict[str, Any]]
    observations: Mapped[list[Any]]
    data_digest: Mapped[str]
    definition: Mapped[str]
    files: Mapped[dict[str, Any] | None]
    """Evidence files: name -> SHA-256."""
    cause: Mapped[dict[str, Any] | None]
    """Why it ended so, as far as the data tell."""
    engines: Mapped[dict[str, Any] | None]
    """What measured it: our own code and the libraries it used, with their versions."""


class CheckStatistic(Fact):
    """Counts that a check measured on a window of its data: they add up over windows and name nobody."""

    __tablename__ = "check_statistic"
    series = ("model", "version", "check", "statistic", "window")
    disclosed = ("model", "version", "check", "statistic", "window", "data_digest")

    model: Mapped[str]
    version: Mapped[int]
    check: Mapped[str]
    statistic: Mapped[str]
    """What was counted, for example `cube sex`."""
    window: Mapped[str]
    """An ISO date, or empty for all rows."""
    data_digest: Mapped[str]
    content: Mapped[dict[str, Any]]


class _Decision:
    """What a gate decided, on which facts, under which policy, by which code."""

    gate: Mapped[str]
    tier: Mapped[str]
    verdict: Mapped[str]
    reasons: Mapped[list[Any]]
    policy_digest: Mapped[str]
    facts_digest: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    code_version: Mapped[str]
    bound: Mapped[dict[str, Any] | None]
    """The facts under `facts_digest`, by name."""


_DECIDED = ("gate", "tier", "verdict", "policy_digest", "facts_digest", "code_version")


class GateDecisionRow(OfVersion, _Decision, Fact):
    """What a gate decided on a model version."""

    __tablename__ = "gate_decision"
    series = ("model", "version", "gate")
    disclosed = ("model", "version", *_DECIDED)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Index, ...]:
        """As every fact, and by the run that told it: a task that Airflow forgot is looked up by it."""
        return (*super().__table_args__, Index("ix_gate_decision_source", "source", postgresql_using="hash"))


class UseCaseDecisionRow(OfUseCase, _Decision, Fact):
    """What a gate decided on a use case."""

    __tablename__ = "use_case_decision"
    series = ("use_case", "gate")
    disclosed = ("use_case", *_DECIDED)


class RiskAssessment(Fact):
    """A risk as assessed; closed when its cause is gone."""

    __tablename__ = "risk_assessment"
    series = ("subject", "rule")
    disclosed = ("rule", "use_case", "likelihood", "impact", "score", "is_open", "opened_at", "due_on")

    rule: Mapped[str]
    use_case: Mapped[str | None]
    likelihood: Mapped[int]
    impact: Mapped[int]
    score: Mapped[int]
    cause: Mapped[dict[str, Any]]
    is_open: Mapped[bool]
    owner: Mapped[str | None]
    opened_at: Mapped[datetime]
    due_on: Mapped[date]


class KpiValueRow(Fact):
    """One KPI at one moment; an empty value means the facts cannot tell."""

    __tablename__ = "kpi_value"
    series = ("kpi",)
    disclosed = ("kpi", "value", "numerator", "denominator", "light", "policy_digest")

    kpi: Mapped[str]
    value: Mapped[float | None]
    numerator: Mapped[float | None]
    denominator: Mapped[float | None]
    light: Mapped[str]
    detail: Mapped[dict[str, Any]]
    policy_digest: Mapped[str]


class PolicyVersion(Fact):
    """A policy that decisions or packs were made under, whole, so that they can be made again."""

    __tablename__ = "policy_version"
    series = ("policy_digest",)
    disclosed = ("policy_digest",)

    policy_digest: Mapped[str]
    content: Mapped[dict[str, Any]]


class PackRow(Fact):
    """A committee pack as published: its cut-off, and the digest of each file."""

    __tablename__ = "pack"
    series = ("period", "interim")
    disclosed = ("period", "as_of", "known_at", "interim", "policy_digest", "revision", "files", "sealed_size")

    period: Mapped[str]
    as_of: Mapped[datetime]
    known_at: Mapped[datetime]
    interim: Mapped[bool]
    policy_digest: Mapped[str]
    revision: Mapped[int]
    files: Mapped[dict[str, Any]]
    """File name -> SHA-256."""
    sealed_size: Mapped[int | None]
    """Size of the ledger at the checkpoint that the pack prints."""


class DeclaredSystem(Fact):
    """An AI system that MLflow does not hold, as the company declared it: bought, SaaS or embedded."""

    __tablename__ = "declared_system"
    series = ("system",)
    disclosed = ("system", "kind", "use_case", "in_use_since", "is_present", "file_digest")

    system: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    vendor: Mapped[str | None]
    use_case: Mapped[str | None]
    owner: Mapped[str | None]
    purpose: Mapped[str]
    in_use_since: Mapped[date | None]
    details: Mapped[dict[str, Any]]
    is_present: Mapped[bool]
    file_digest: Mapped[str]
    """SHA-256 of the file it was imported from."""


class EvidenceFileRow(Fact):
    """A file in the evidence store, which holds it under its SHA-256."""

    __tablename__ = "evidence_file"
    series = ("sha256", "subject")
    disclosed = ("sha256", "size", "kind", "media_type")

    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    kind: Mapped[str]
    media_type: Mapped[str]
    name: Mapped[str]


class SigningKey(Fact):
    """A key that seals the ledger, announced under the signature of the one before it."""

    __tablename__ = "signing_key"
    series = ("subject",)
    disclosed = ("verifier_key", "previous", "signature", "acceptance")

    verifier_key: Mapped[str]
    previous: Mapped[str | None]
    signature: Mapped[str]
    """The previous key's, over the new one (the first key signs itself)."""
    acceptance: Mapped[str | None]
    """The new key's, over the previous one."""


class EvidenceVerification(Fact):
    """How a comparison of the ledger with its facts and its published checkpoints ended."""

    __tablename__ = "evidence_verification"
    disclosed = ("size", "root", "intact")

    size: Mapped[int]
    root: Mapped[str]
    intact: Mapped[bool]
    findings: Mapped[list[Any]]


class Erasure(Fact):
    """The free text and personal data of a fact were removed; its entry in the ledger stays."""

    __tablename__ = "erasure"
    series = ("fact",)
    disclosed = ("fact",)

    fact: Mapped[str]
    """Key of its entry: table and id."""
    ground: Mapped[str]


FACTS: tuple[type[Fact], ...] = (
    InventorySweep,
    RegisteredModelRow,
    ModelVersionRow,
    AliasEvent,
    CheckResultRow,
    CheckStatistic,
    GateDecisionRow,
    UseCaseDecisionRow,
    RiskAssessment,
    KpiValueRow,
    PolicyVersion,
    PackRow,
    DeclaredSystem,
    EvidenceFileRow,
    SigningKey,
    EvidenceVerification,
    Erasure,
    ApprovalRequest,
    ApprovalRow,
    UseCaseApprovalRequest,
    UseCaseApprovalRow,
    WaiverRow,
    HoldRow,
    AliasActionRow,
    Refusal,
    EscalationRow,
    AcknowledgementRow,
)
"""Every table that holds facts."""


class LedgerEntry(Base):
    """One entry of the Merkle log: it commits to one fact.

    `leaf` is the RFC 6962 hash of key and body; `salt` opens the body's commitment to the fact's
    whole row, and is erased with it.
    """

    __tablename__ = "ledger_entry"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(unique=True)
    """Table and id of the fact: an entry is appended once."""
    body: Mapped[str]
    """RFC 8785 canonical JSON."""
    leaf: Mapped[bytes]
    salt: Mapped[str | None]


class LedgerTile(Base):
    """Hash of a complete subtree of 256, 65,536 ... entries, so that a proof reads few rows."""

    __tablename__ = "ledger_tile"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class LedgerHead(Base):
    """The one row that writers queue for: how long the log is, its frontier, and when it last grew."""

    __tablename__ = "ledger_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]
    frontier: Mapped[bytes]
    recorded_at: Mapped[datetime]


class LedgerCheckpoint(Base):
    """A signed note over the log at one size."""

    __tablename__ = "ledger_checkpoint"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[str]
    known_at: Mapped[datetime]
    """When the newest fact under it was learnt."""
