# SPDX-License-Identifier: Apache-2.0
"""Every table of the governance database: one row, one fact."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, Date, Float, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from governance.store.types import Json, UtcDateTime


class Base(DeclarativeBase):
    """Root of the mapping; constraint names are the same on every database."""

    metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"})
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        date: Date(),
        dict[str, Any]: Json,
        list[Any]: Json,
        str: Text(),
        int: BigInteger(),
        float: Float(53),
        bool: Boolean(),
    }


class Fact(Base):
    """The head that every fact has.

    `id` is a hash of the fact's natural key: the same fact told twice has the same id, so a task
    that runs twice adds nothing. `series` names the columns that say which facts supersede
    each other; the newest of a series is its current state.
    """

    __abstract__ = True
    series: ClassVar[tuple[str, ...]] = ("subject",)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    subject: Mapped[str]
    effective_at: Mapped[datetime]
    """When it became true."""
    recorded_at: Mapped[datetime]
    """When we learnt it."""
    actor: Mapped[str]
    source: Mapped[str]
    """The DAG run, shell or import that told it."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the canonical JSON of what it says, without the head."""

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Index, ...]:
        """Find a series, and walk in time. Hash, because a model's name may outgrow a B-tree page."""
        name, first = cls.__tablename__, cls.series[0]
        return (
            Index(f"ix_{name}_series", first, postgresql_using="hash"),
            Index(f"ix_{name}_effective_at", "effective_at"),
        )


class InventorySweep(Fact):
    """A complete reading of MLflow: how much there was, what changed, what is out of order."""

    __tablename__ = "inventory_sweep"

    models: Mapped[int]
    versions: Mapped[int]
    changes: Mapped[dict[str, Any]]
    findings: Mapped[list[Any]]


class RegisteredModelRow(Fact):
    """A registered model as last seen."""

    __tablename__ = "registered_model"
    series = ("model",)

    model: Mapped[str]
    use_case: Mapped[str | None]
    description: Mapped[str]
    tags: Mapped[dict[str, Any]]
    is_present: Mapped[bool]


class ModelVersionRow(Fact):
    """A model version as last seen, with its run."""

    __tablename__ = "model_version"
    series = ("model", "version")

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

    model: Mapped[str]
    alias: Mapped[str]
    from_version: Mapped[int | None]
    to_version: Mapped[int | None]


class CheckResultRow(Fact):
    """How one check on one model version ended, with every number it saw."""

    __tablename__ = "check_result"
    series = ("model", "version", "check")

    model: Mapped[str]
    version: Mapped[int]
    check: Mapped[str]
    verdict: Mapped[str]
    n: Mapped[int | None]
    detail: Mapped[dict[str, Any]]
    observations: Mapped[list[Any]]
    data_digest: Mapped[str]
    definition: Mapped[str]


class GateDecisionRow(Fact):
    """What a gate decided, on which facts, under which policy, by which code."""

    __tablename__ = "gate_decision"
    series = ("model", "version", "gate")

    model: Mapped[str]
    version: Mapped[int]
    gate: Mapped[str]
    tier: Mapped[str]
    verdict: Mapped[str]
    reasons: Mapped[list[Any]]
    policy_digest: Mapped[str]
    facts_digest: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    code_version: Mapped[str]


class RiskAssessment(Fact):
    """A risk as assessed; closed when its cause is gone."""

    __tablename__ = "risk_assessment"
    series = ("subject", "rule")

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

    policy_digest: Mapped[str]
    content: Mapped[dict[str, Any]]


class PackRow(Fact):
    """A committee pack as published: its cut-off, and the digest of each file."""

    __tablename__ = "pack"
    series = ("period", "interim")

    period: Mapped[str]
    as_of: Mapped[datetime]
    known_at: Mapped[datetime]
    interim: Mapped[bool]
    policy_digest: Mapped[str]
    revision: Mapped[int]
    files: Mapped[dict[str, Any]]
    """File name -> SHA-256."""


FACTS: tuple[type[Fact], ...] = (
    InventorySweep,
    RegisteredModelRow,
    ModelVersionRow,
    AliasEvent,
    CheckResultRow,
    GateDecisionRow,
    RiskAssessment,
    KpiValueRow,
    PolicyVersion,
    PackRow,
)
"""Every table that holds facts."""
