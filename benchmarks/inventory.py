# SPDX-License-Identifier: Apache-2.0
"""How long a sync of the inventory takes on a real MLflow server, beside a loop over MLflow's own client.

    python -m benchmarks.inventory [--models 10000] [--versions 50000] [--sample 100] [--workers 2]

The server (SQLite, filled in bulk: see `mlflow_filled`) and the governance database (SQLite) are on this machine, so all
share its processors. The loop asks per model for the model, its versions, the version behind each alias and each
version's run, as tools built on MLflow's client do; it is measured on a sample and scaled by the number of models.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from benchmarks import mlflow_filled
from governance import policy
from governance.runtime import Runtime
from governance.settings import Settings
from governance.sources import model_registry
from governance.steps import inventory_sync
from governance.store import database

if TYPE_CHECKING:
    from collections.abc import Callable

_MANY_SECONDS = 3_600.0


def main() -> None:
    """Measure and print."""
    options = _options()
    os.environ.update(mlflow_filled.ENVIRONMENT)
    with tempfile.TemporaryDirectory() as told:
        home = Path(told)
        url = f"sqlite:///{home / 'mlflow.db'}"
        mlflow_filled.fill(url, home / "artifacts", models=options.models, versions=options.versions)
        with mlflow_filled.server(url, home, workers=options.workers) as uri:
            _measure(uri, home, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Sync of the inventory against a real MLflow server.")
    for name, default in (("models", 10_000), ("versions", 50_000), ("sample", 100), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def _measure(uri: str, home: Path, options: argparse.Namespace) -> None:
    settings = Settings.model_validate({"mlflow_uri": uri, "mlflow_sweep_seconds": _MANY_SECONDS, "data_dir": home})
    print(f"{options.models:,} models, {options.versions:,} versions and runs; {options.workers} workers, "
          f"{os.cpu_count()} processors")  # fmt: skip
    full = model_registry.sweep(settings)
    print(f"full reading        {full.seconds:8.1f} s  {full.requests:6} requests  {full.bytes / 1e6:7.1f} MB")
    rt = _runtime(settings, home)
    first = _timed("first sync", lambda: _sync(rt))
    unchanged = _timed("unchanged sync", lambda: _sync(rt))
    again = _timed("full sync, no change", lambda: _sync(rt, full=True))
    print(f"peak memory of the sync {_peak():8.0f} MB")
    sample = _timed(f"naive loop over {options.sample}", lambda: _naive(uri, min(options.sample, options.models)))
    naive = sample * options.models / min(options.sample, options.models)
    _compare(naive, full.seconds, again, unchanged, first)


def _compare(naive: float, reading: float, again: float, unchanged: float, first: float) -> None:
    print(f"naive loop, scaled  {naive:8.1f} s")
    print(f"full reading is     {naive / reading:8.1f} x faster than the naive loop")
    print(f"first sync is       {naive / first:8.1f} x faster than the naive loop, which records nothing")
    print(f"unchanged sync is   1/{again / unchanged:.1f} of a full sync, 1/{first / unchanged:.1f} of the first")


def _runtime(settings: Settings, home: Path) -> Runtime:
    url = SecretStr(f"sqlite:///{home / 'governance.db'}")
    engine = database.connect(url)
    database.upgrade(engine)
    return Runtime(settings.model_copy(update={"database_url": url}), policy.load(settings.policy_dir), engine)


def _sync(rt: Runtime, *, full: bool = False) -> str:
    changes = inventory_sync.sync(rt, full=full)["changes"]
    return ", ".join(f"{n:,} {kind}" for kind, n in changes.items() if n) or "nothing changed"


def _timed(what: str, work: Callable[[], str]) -> float:
    started = time.monotonic()
    said = work()
    seconds = time.monotonic() - started
    print(f"{what:20}{seconds:8.1f} s  {said}", flush=True)
    return seconds


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def _naive(uri: str, models: int) -> str:
    import mlflow

    client = mlflow.MlflowClient(uri, uri)
    calls = 0
    for number in range(models):
        name = mlflow_filled.model_name(number)
        aliases = client.get_registered_model(name).aliases
        for alias in aliases:
            client.get_model_version_by_alias(name, alias)
        versions = client.search_model_versions(f"name = '{name}'")
        for version in versions:
            client.get_run(str(version.run_id))
        calls += 2 + len(aliases) + len(versions)
    return f"{calls:,} requests"


if __name__ == "__main__":
    main()
