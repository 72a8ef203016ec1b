# SPDX-License-Identifier: Apache-2.0
"""Writes training and evaluation tables, whole or not at all, and only when absent."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from sqlalchemy import ColumnClause, column, create_engine, inspect, select, table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from sqlalchemy.engine import Engine

    from include.demo.company.terms import Built, Plan

VERSION = "model_version"


def training_file(folder: Path, plan: Plan) -> Path:
    """Say where the rows a version learnt from lie."""
    return folder / "training" / plan.model / f"v{plan.version}.parquet"


def evaluation_file(folder: Path, plan: Plan) -> Path:
    """Say where the rows a version was judged on lie."""
    return folder / "evaluations" / plan.model / f"v{plan.version}.parquet"


def warehouse(folder: Path) -> Path:
    """Say where the company's data warehouse lies."""
    return folder / "warehouse.db"


def warehouse_table(plan: Plan) -> str:
    """Name the table of the warehouse that holds all versions of a model."""
    return f"{plan.model.replace('-', '_')}_evaluation"


def write(folder: Path, plan: Plan, built: Built) -> None:
    """Write what is missing of a version's tables."""
    _write_file(training_file(folder, plan), built.training)
    if built.evaluation is None:
        return
    if plan.in_warehouse:
        _write_rows(folder, plan, built.evaluation)
    else:
        _write_file(evaluation_file(folder, plan), built.evaluation)


def present(folder: Path, plan: Plan) -> bool:
    """Tell whether a version's tables are there."""
    trained = training_file(folder, plan).exists()
    if not plan.evaluated:
        return trained
    if plan.in_warehouse:
        return trained and _has_rows(folder, plan)
    return trained and evaluation_file(folder, plan).exists()


def sha256(path: Path) -> str:
    """Fingerprint a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write_file(path: Path, rows: pd.DataFrame) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    rows.to_parquet(unfinished, index=False, compression="zstd")
    unfinished.replace(path)


def _write_rows(folder: Path, plan: Plan, rows: pd.DataFrame) -> None:
    if _has_rows(folder, plan):
        return
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows.copy()
    rows.insert(0, VERSION, plan.version)
    name = warehouse_table(plan)
    engine = _engine(folder)
    with engine.begin() as connection:
        rows.to_sql(name, connection, if_exists="append", index=False, chunksize=2000)
    engine.dispose()


def _has_rows(folder: Path, plan: Plan) -> bool:
    if not warehouse(folder).exists():
        return False
    engine, name = _engine(folder), warehouse_table(plan)
    try:
        return inspect(engine).has_table(name) and _counted(engine, name, plan)
    finally:
        engine.dispose()


def _counted(engine: Engine, name: str, plan: Plan) -> bool:
    version: ColumnClause[int] = column(VERSION)
    mine = select(version).select_from(table(name)).where(version == plan.version)
    with engine.connect() as connection:
        return connection.execute(mine.limit(1)).first() is not None


def _engine(folder: Path) -> Engine:
    return create_engine(f"sqlite:///{warehouse(folder)}")
