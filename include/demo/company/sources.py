# SPDX-License-Identifier: Apache-2.0
"""Tells MLflow where a table lies, in a file or in the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.pandas_dataset import PandasDataset, from_pandas

from include.demo.company import tables
from include.demo.company.terms import LABEL, PREDICTION, Plan

if TYPE_CHECKING:
    from pathlib import Path


class SqlTableSource(DatasetSource):
    """A table in a database, and which version's rows of it."""

    def __init__(self, uri: str, table: str, model_version: int) -> None:
        """Name the database, the table and the version."""
        self.uri, self.table, self.model_version = uri, table, model_version

    @staticmethod
    def _get_source_type() -> str:
        return "sql"

    def load(self) -> pd.DataFrame:
        """Read the rows of the version."""
        query = f'SELECT * FROM "{self.table}" WHERE model_version = ?'  # noqa: S608
        return pd.read_sql(query, self.uri, params=(self.model_version,))

    @staticmethod
    def _can_resolve(raw_source: object) -> bool:
        return isinstance(raw_source, SqlTableSource)

    @classmethod
    def _resolve(cls, raw_source: SqlTableSource) -> SqlTableSource:
        return cls(raw_source.uri, raw_source.table, raw_source.model_version)

    def to_dict(self) -> dict[str, Any]:
        """Describe the source as MLflow keeps it."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, source_dict: dict[Any, Any]) -> SqlTableSource:
        """Make the source from what MLflow kept."""
        return cls(**source_dict)


def log_training(folder: Path, plan: Plan, rows: pd.DataFrame) -> None:
    """Link the run to the rows its model learnt from."""
    path = tables.training_file(folder, plan)
    target = LABEL if LABEL in rows else None
    data = from_pandas(rows, str(path), target, _name(plan, "training"))
    mlflow.log_input(data, "training", {"sha256": tables.sha256(path)})


def log_evaluation(folder: Path, plan: Plan, rows: pd.DataFrame) -> PandasDataset:
    """Link the run to the rows its model was judged on."""
    data = from_pandas(
        rows,
        _evaluation_source(folder, plan),
        LABEL,
        _name(plan, "evaluation"),
        predictions=PREDICTION,
    )
    mlflow.log_input(data, "evaluation", _fingerprint(folder, plan))
    return data


def _name(plan: Plan, context: str) -> str:
    # MLflow takes datasets of one name and digest for the same and keeps the first one's source.
    return f"{plan.model}-v{plan.version}-{context}"


def _evaluation_source(folder: Path, plan: Plan) -> str | SqlTableSource:
    if not plan.in_warehouse:
        return str(tables.evaluation_file(folder, plan))
    uri = f"sqlite:///{tables.warehouse(folder)}"
    return SqlTableSource(uri, tables.warehouse_table(plan), plan.version)


def _fingerprint(folder: Path, plan: Plan) -> dict[str, str]:
    if plan.in_warehouse:
        return {}
    return {"sha256": tables.sha256(tables.evaluation_file(folder, plan))}
