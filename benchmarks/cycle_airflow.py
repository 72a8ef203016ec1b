# SPDX-License-Identifier: Apache-2.0
"""The cycle of `benchmarks.cycle` as runs of `model_gate` under a real scheduler, one fresh stack per batch size.

usage: python -m benchmarks.cycle_airflow [MODELS] [ROWS] [BATCH ...]

LocalExecutor, four slots, SQLite. Prints the wall time of the run, what its tasks took together, and how many there were.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from benchmarks import cycle
from governance.runtime import Runtime
from governance.settings import Settings
from governance.store import database
from include.demo import airflow_api as api
from include.demo import processes
from include.demo.environment import password
from include.demo.layout import HOST, Layout
from include.demo.stack import Stack, airflow_healthy

MODELS: Final = 200
BATCHES: Final = (1, 5, 20, 50)
DAG: Final = "model_gate"


def _port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def prepare(stack: Stack, models: int, rows: int, batch: int) -> None:
    """A company with so many small models, known to the governance database, and its policy as files."""
    home = stack.layout.data
    cycle.fill(home, models, rows)
    policy = cycle.company(models)
    shutil.copytree(cycle.ROOT / "include" / "policy", home / "policy")
    cases = policy.use_cases.model_dump(mode="json")
    (home / "policy" / "use_cases.yaml").write_text(json.dumps(cases), encoding="utf-8")
    stack.environment |= {
        "GOVERNANCE_POLICY_DIR": str(home / "policy"),
        "GOVERNANCE_SUITE_DIR": str(home),
        "GOVERNANCE_GATE_BATCH": str(batch),
    }
    url = SecretStr(stack.environment["GOVERNANCE_DATABASE_URL"])
    engine = database.connect(url)
    database.upgrade(engine)
    cycle.know(Runtime(Settings(database_url=url), policy, engine, lambda: datetime.now(UTC)), models)
    engine.dispose()


def measure(stack: Stack) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One run and its task instances."""
    stack.command("migrate", sys.executable, "-m", "airflow", "db", "migrate")
    stack.finish("migrate", seconds=300)
    stack.start_airflow()
    stack.wait("Airflow", lambda: airflow_healthy(stack.layout), seconds=300)
    with api.connect(stack.layout.airflow_url, "admin", password(stack.layout)) as client:
        stack.wait("the DAG", lambda: DAG in {one["dag_id"] for one in api.dags(client)}, seconds=120)
        api.unpause(client, DAG)
        stack.wait("the scheduled run", lambda: bool(api.runs(client, DAG)), seconds=120)

        def found() -> dict[str, Any]:
            return dict(api.runs(client, DAG)[0])

        stack.wait("the run", lambda: found()["state"] in api.FINISHED, seconds=7200, pause=1)
        run = found()
        return run, [dict(one) for one in api.task_instances(client, DAG, run["dag_run_id"])]


def main(models: int, rows: int, batches: list[int]) -> None:
    """Print the table."""
    sys.stdout.write(f"{models:,} models, {rows:,} rows each\nbatch  tasks   run s  tasks s  state\n")
    for batch in batches:
        with tempfile.TemporaryDirectory() as home:
            stack = Stack(Layout(root=Path(home) / "stack", airflow_port=_port(), mlflow_port=_port()))
            try:
                prepare(stack, models, rows, batch)
                run, tasks = measure(stack)
            finally:
                processes.stop(stack.layout, patience=15)
        wall = datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])
        spent = sum(one["duration"] or 0 for one in tasks)
        sys.stdout.write(f"{batch:>5}{len(tasks):>7}{wall.total_seconds():>8.1f}{spent:>9.1f}  {run['state']}\n")
        names = sorted({(one["task_id"], one["state"]) for one in tasks}, key=str)
        sys.stdout.write(f"       {names}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(given[0] if given else MODELS, given[1] if len(given) > 1 else cycle.ROWS, given[2:] or list(BATCHES))
