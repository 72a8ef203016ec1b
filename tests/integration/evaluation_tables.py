# SPDX-License-Identifier: Apache-2.0
"""The same evaluation rows as Parquet, CSV, SQLite and PostgreSQL, for tests that must not care."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from governance.core.terms import DatasetInput, ModelVersion, RegisteredModel, VersionKey
from governance.policy import Audience, BiasLimits, Check, Evaluation, Family, File, Logged, Table, Text, UseCase
from governance.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

KINDS = ("parquet", "csv", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
_SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432"
_TEXT = Text(ja="与信", en="credit")
MODEL = RegisteredModel("credit")


def frame(**columns: Any) -> pd.DataFrame:
    """800 rows that pass: two equal groups, and `id` of 1 to 800; `columns` replace or add."""
    rows = [
        (sex, y, p)
        for sex in ("female", "male")
        for y, p, n in ((1, 1, 180), (1, 0, 20), (0, 1, 20), (0, 0, 180))
        for _ in range(n)
    ]
    table = pd.DataFrame(rows, columns=["sex", "good", "predicted"])
    return table.assign(**({"id": range(1, len(table) + 1)} | columns))


def check(family: Family = Family.BIAS) -> Check:
    return Check(family=family, name=_TEXT, remedy=_TEXT, limits=BiasLimits(equal_opportunity_difference=0.2))


def version(number: int = 3, *, source: str = "", context: str = "evaluation") -> ModelVersion:
    datasets = (DatasetInput(context, "german", "abc", source),) if source else ()
    return ModelVersion(VersionKey("credit", number), datasets=datasets)


def use_case(source: Logged | File | Table | None = None, **changes: Any) -> UseCase:
    evaluation: dict[str, Any] = {"label": "good", "prediction": "predicted", "sensitive": ("sex",)}
    given = Evaluation(source=source, **(evaluation | changes)) if source else None
    return UseCase(
        name=_TEXT,
        purpose=_TEXT,
        domain="credit",
        audience=Audience.CUSTOMERS,
        models=("credit",),
        evaluation=given,
        suite="credit",
    )


@contextmanager
def placed(kind: str, table: pd.DataFrame, directory: Path) -> Generator[tuple[Settings, UseCase]]:
    """Put the rows where `kind` says; version 3 has them all, version 4 nothing but one row (in databases)."""
    if kind in {"parquet", "csv"}:
        path = directory / f"credit-v3.{kind}"
        table.to_parquet(path) if kind == "parquet" else table.to_csv(path, index=False)
        yield Settings(data_dir=directory), use_case(File(kind="file", path=f"credit-v{{version}}.{kind}"))
        return
    with _database(kind, directory) as url:
        store(url, table)
        yield (
            Settings(data_dir=directory, warehouse_url=SecretStr(url)),
            use_case(Table(kind="table", table="Evaluation rows", version_column="version")),
        )


def store(url: str, table: pd.DataFrame) -> None:
    """Write `Evaluation rows` with a version column; the name needs quotes on purpose."""
    engine = sa.create_engine(url)
    try:
        rows = pd.concat([table.assign(version=3), table.head(1).assign(version=4)])
        rows.to_sql("Evaluation rows", engine, index=False)
    finally:
        engine.dispose()


@contextmanager
def _database(kind: str, directory: Path) -> Generator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{directory / 'warehouse.db'}"
        return
    name = f"evaluation_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(f"{_SERVER}/postgres", isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        _create(server, name)
        yield f"{_SERVER}/{name}"
    finally:
        _drop(server, name)
        server.dispose()


def _drop(server: sa.Engine, name: str) -> None:
    with suppress(sa.exc.OperationalError), server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def _create(server: sa.Engine, name: str) -> None:
    try:
        with server.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    except sa.exc.OperationalError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("PostgreSQL does not answer on 127.0.0.1:5432")
