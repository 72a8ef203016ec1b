# SPDX-License-Identifier: Apache-2.0
"""A real MLflow server whose database was filled in bulk: rows go straight into MLflow's own tables."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

EXPERIMENTS = 20
METRICS = ("accuracy", "auc", "brier", "f1", "log_loss", "precision", "recall", "rows")
PARAMS = ("depth", "features", "rate", "seed", "trees")
RUN_TAGS = ("mlflow.user", "mlflow.source.name", "git.commit")
_DAY = 86_400_000
_CHUNK = 20_000
_BOOT_SECONDS = 120
ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def fill(url: str, artifacts: Path, *, models: int, versions: int) -> None:
    """Make MLflow's schema, and `versions` versions, each with a run, spread over `models` models."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Tracking

    Tracking(url, str(artifacts))  # type: ignore[no-untyped-call]
    Registry(url)  # type: ignore[no-untyped-call]
    engine = sa.create_engine(url)
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for table, rows in _rows(models, versions):
            _insert(connection, tables.tables[table], rows)
    engine.dispose()


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            connection.execute(table.insert(), chunk)
            chunk = []
    if chunk:
        connection.execute(table.insert(), chunk)


def model_name(number: int) -> str:
    """Name of the n-th model."""
    return f"model-{number:05d}"


def run_id(number: int) -> str:
    """Id of the n-th version's run, 32 hex digits as MLflow draws them."""
    return uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex


def _at(number: int, count: int) -> int:
    """Spread over the year before last week, in milliseconds."""
    now = time.time_ns() // 1_000_000
    return now - 8 * _DAY - (count - number) * 365 * _DAY // count


def _rows(models: int, versions: int) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
    yield "experiments", (_experiment(n) for n in range(1, EXPERIMENTS + 1))
    yield "registered_models", (_model(n, models) for n in range(models))
    yield "registered_model_tags", ({"name": model_name(n), "key": "team", "value": "risk"} for n in range(models))
    yield "registered_model_aliases", _aliases(models, versions)
    yield "model_versions", (_version(n, models, versions) for n in range(versions))
    yield "model_version_tags", (_version_tag(n, models) for n in range(versions))
    yield "runs", (_run(n, versions) for n in range(versions))
    yield "latest_metrics", _metrics(versions)
    yield "params", ({"run_uuid": run_id(n), "key": key, "value": str(n)} for n in range(versions) for key in PARAMS)
    yield "tags", ({"run_uuid": run_id(n), "key": key, "value": "x" * 30} for n in range(versions) for key in RUN_TAGS)
    yield "datasets", (_dataset(n) for n in range(models))
    yield "inputs", (_input(n, models) for n in range(versions))
    yield (
        "input_tags",
        ({"input_uuid": f"i{n}", "name": "mlflow.data.context", "value": "evaluation"} for n in range(versions)),
    )


def _experiment(number: int) -> dict[str, Any]:
    return {
        "experiment_id": number,
        "name": f"experiment-{number}",
        "artifact_location": f"mlflow-artifacts:/{number}",
        "lifecycle_stage": "active",
    }


def _model(number: int, models: int) -> dict[str, Any]:
    at = _at(number, models)
    return {
        "name": model_name(number),
        "description": "Grades applications; see the card.",
        "creation_time": at,
        "last_updated_time": at,
    }


def _numbers(model: int, models: int, versions: int) -> int:
    return versions // models + (model < versions % models)


def _aliases(models: int, versions: int) -> Iterator[dict[str, Any]]:
    for model in range(models):
        last = _numbers(model, models, versions)
        for alias, number in (("champion", max(1, last - 1)), ("candidate", last)):
            yield {"name": model_name(model), "alias": alias, "version": number}


def _version(number: int, models: int, versions: int) -> dict[str, Any]:
    at = _at(number, versions)
    return {
        "name": model_name(number % models),
        "version": number // models + 1,
        "creation_time": at,
        "last_updated_time": at,
        "description": "",
        "current_stage": "None",
        "source": f"runs:/{run_id(number)}/model",
        "run_id": run_id(number),
        "status": "READY",
    }


def _version_tag(number: int, models: int) -> dict[str, Any]:
    key = {"name": model_name(number % models), "version": number // models + 1}
    return {**key, "key": "intended_use", "value": "loans"}


def _run(number: int, versions: int) -> dict[str, Any]:
    at = _at(number, versions)
    return {
        "run_uuid": run_id(number),
        "name": f"run-{number}",
        "source_type": "LOCAL",
        "user_id": "hanako",
        "status": "FINISHED",
        "start_time": at,
        "end_time": at,
        "lifecycle_stage": "active",
        "artifact_uri": f"mlflow-artifacts:/{run_id(number)}",
        "experiment_id": number % EXPERIMENTS + 1,
    }


def _metrics(versions: int) -> Iterator[dict[str, Any]]:
    for number in range(versions):
        for place, key in enumerate(METRICS):
            value = {"value": 0.5 + place / 10, "timestamp": 1, "step": 0, "is_nan": False}
            yield {"run_uuid": run_id(number), "key": key, **value}


def _dataset(number: int) -> dict[str, Any]:
    return {
        "dataset_uuid": f"d{number}",
        "experiment_id": number % EXPERIMENTS + 1,
        "name": f"table-{number}",
        "digest": f"{number:08x}",
        "dataset_source_type": "local",
        "dataset_source": json.dumps({"uri": f"/data/{number}.parquet"}),
        "dataset_schema": "{}",
        "dataset_profile": "{}",
    }


def _input(number: int, models: int) -> dict[str, Any]:
    ends = {"source_type": "DATASET", "source_id": f"d{number % models}"}
    return {"input_uuid": f"i{number}", **ends, "destination_type": "RUN", "destination_id": run_id(number), "step": 0}


@contextlib.contextmanager
def server(url: str, home: Path, *, workers: int) -> Iterator[str]:
    """Run `mlflow server` over a database and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = {"--host": "127.0.0.1", "--port": str(port), "--workers": str(workers), "--backend-store-uri": url}
    options |= {"--artifacts-destination": str(home / "artifacts")}
    command = [sys.executable, "-m", "mlflow", "server", *(word for option in options.items() for word in option)]
    with (home / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=home, env=os.environ | ENVIRONMENT, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], uri: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _BOOT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(f"{uri}/health", timeout=2):
            return
        time.sleep(0.2)
    raise SystemExit("MLflow did not start; see mlflow.log")
