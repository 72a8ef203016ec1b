# SPDX-License-Identifier: Apache-2.0
"""What every table of the governance database is made of: a fact's head, its series and what it discloses."""

# Without `from __future__ import annotations`, here and in the models: SQLAlchemy would read every column from text again.

from dataclasses import asdict
from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, ColumnElement, Date, Float, Index, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from governance.core.evidence import plain
from governance.core.terms import Subject, UseCaseKey, VersionKey
from governance.store.types import Json, UtcDateTime


class Base(DeclarativeBase):
    """Root of the mapping; constraint names are the same on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        date: Date(),
        dict[str, Any]: Json,
        list[Any]: Json,
        str: Text(),
        int: BigInteger(),
        float: Float(53),
        bool: Boolean(),
        bytes: LargeBinary(),
    }


class Fact(Base):
    """The head that every fact has.

    `id` is a hash of the fact's natural key: the same fact told twice has the same id, so a task
    that runs twice adds nothing. `series` names the columns that say which facts supersede
    each other; the newest of a series is its current state. `disclosed` names the columns that the
    ledger shows in the clear: ids, verdicts and numbers, never free text or a person.

    A column may be added to a table later only if it may be empty: what is empty is left out of a
    fact's canonical form, so older facts keep theirs.
    """

    __abstract__ = True
    series: ClassVar[tuple[str, ...]] = ("subject",)
    disclosed: ClassVar[tuple[str, ...]] = ()

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


class OfVersion:
    """Columns of a fact about a model version."""

    model: Mapped[str]
    version: Mapped[int]

    @property
    def key(self) -> VersionKey:
        """What it is about."""
        return VersionKey(self.model, self.version)


class OfUseCase:
    """Columns of a fact about a use case."""

    use_case: Mapped[str]

    @property
    def key(self) -> UseCaseKey:
        """What it is about."""
        return UseCaseKey(self.use_case)


def named(key: Subject) -> dict[str, Any]:
    """The columns that name a subject, in the tables of its kind."""
    return {name: plain(value) for name, value in asdict(key).items()}


def about(table: type[Fact], key: Subject) -> tuple[ColumnElement[bool], ...]:
    """Which rows of a table of its kind are about a subject."""
    return tuple(getattr(table, name) == value for name, value in named(key).items())
