# SPDX-License-Identifier: Apache-2.0
"""The story that `make demo` tells: a company, its models, the gates that close, and the committee's pack."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from include.demo import airflow_api as api
from include.demo import layout as places
from include.demo import processes, summary
from include.demo.airflow_api import Json
from include.demo.environment import USER, password
from include.demo.errors import DemoError
from include.demo.layout import Layout
from include.demo.report import Stages
from include.demo.stack import PYTHON, Stack, airflow_healthy, mlflow_healthy

_PATIENCE = 360.0
_QUIET = 2.0
_GRACE = 8.0  # seconds; a task that still runs would use up any number of them
_LISTS = {"gates": ("gate", "list"), "packs": ("pack", "list"), "findings": ("inventory", "findings")}


@dataclass(frozen=True)
class Tools:
    """The commands that the story calls: the company's books and the product's own CLI."""

    company: tuple[str, ...] = (*PYTHON, "include.demo.company")
    governance: tuple[str, ...] = (*PYTHON, "governance.cli")


def tell(layout: Layout, stages: Stages, tools: Tools | None = None) -> dict[str, Any]:
    """Run everything once on a fresh stack, leave nothing running, and return the summary.

    Raises:
        DemoError: A stage failed.
    """
    tools = tools or Tools()
    processes.stop(layout)
    places.check_ports(layout)
    places.wipe(layout)
    stack = Stack(layout)
    try:
        _prepare(stack, stages, tools)
        runs = _act(stack, stages)
    except httpx.HTTPError as error:
        log = processes.log_file(layout, "api-server")
        raise DemoError(f"Airflow's API did not answer: {error}", log=log, detail=processes.tail(log)) from error
    finally:
        processes.stop(layout, patience=_GRACE)
    return _conclude(stack, stages, tools, runs)


def period(now: datetime) -> str:
    """Name the month that the pack is about, as the committee in Tokyo counts it."""
    return f"{now.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m}"


def _prepare(stack: Stack, stages: Stages, tools: Tools) -> None:
    layout = stack.layout
    with stages("start MLflow"):
        stack.start_mlflow()
        stack.command("airflow-db-migrate", *PYTHON, "airflow", "db", "migrate")
        stack.wait("MLflow", lambda: mlflow_healthy(layout), seconds=120, log="mlflow")
    with stages("seed the company"):
        where = ("--mlflow-uri", layout.mlflow_url, "--data-dir", str(layout.data))
        stack.command("company", *tools.company, *where)
        stack.finish("company", seconds=300)
    with stages("check the policy, make the database"):
        stack.command("policy-check", *tools.governance, "policy", "check")
        stack.command("db-upgrade", *tools.governance, "db", "upgrade")
        stack.command("keygen", *tools.governance, "evidence", "keygen", "demo.example.jp")
        stack.finish("policy-check", seconds=120)
        stack.finish("db-upgrade", seconds=120)
        stack.finish("keygen", seconds=120)
    with stages("start Airflow"):
        stack.finish("airflow-db-migrate", seconds=180)
        stack.start_airflow()
        stack.wait("Airflow to be healthy", lambda: airflow_healthy(layout), seconds=180)


def _act(stack: Stack, stages: Stages) -> list[Json]:
    layout = stack.layout
    with api.connect(layout.airflow_url, USER, password(layout)) as client:
        with stages("parse the DAGs"):
            _parsed(stack, client)
        with stages("inventory, gates, risks, KPIs"):
            for dag_id in (*summary.DRIVEN, summary.SOURCE):
                api.unpause(client, dag_id)  # the source's own schedule starts it at once
            _follow(stack, client, summary.SOURCE, (summary.SOURCE, *summary.DRIVEN))
        with stages("seal the evidence, verify it"):
            api.unpause(client, summary.SEAL)
            _follow(stack, client, summary.SEAL, (summary.SEAL,))
        with stages("committee pack"):
            api.unpause(client, summary.PACK)
            api.trigger(client, summary.PACK, {"period": period(datetime.now(UTC))})
            _follow(stack, client, summary.PACK, (summary.PACK,))
        return [_described(client, run) for run in api.runs(client)]


def _parsed(stack: Stack, client: httpx.Client) -> None:
    found: set[str] = set()

    def look() -> bool:
        if errors := api.import_errors(client):
            raise _import_failure(stack, errors)
        found.clear()
        found.update(dag["dag_id"] for dag in api.dags(client))
        return found == summary.DAGS

    if not api.wait_until(look, seconds=120, between=stack.check):
        lacking, unknown = sorted(summary.DAGS - found), sorted(found - summary.DAGS)
        raise DemoError(
            f"the DAGs are not as expected: missing {lacking}, unknown {unknown}",
            log=processes.log_file(stack.layout, "dag-processor"),
        )


def _import_failure(stack: Stack, errors: list[Json]) -> DemoError:
    detail = "\n".join(f"{error['filename']}\n{error['stack_trace'].rstrip()}" for error in errors)
    log = processes.log_file(stack.layout, "dag-processor")
    return DemoError(f"{len(errors)} DAG file(s) cannot be imported", detail=detail, log=log)


def _follow(stack: Stack, client: httpx.Client, dag_id: str, awaited: tuple[str, ...]) -> None:
    """Wait until the awaited DAGs have run and all is quiet; runs of `dag_id` itself must succeed."""
    seen: list[Json] = []

    def look() -> bool:
        seen[:] = api.runs(client)
        _refuse_failure(stack, client, seen, dag_id)
        return not summary.missing(seen, awaited) and not summary.unfinished(seen)

    if not api.wait_until(_held(look, _QUIET), seconds=_PATIENCE, between=stack.check):
        lacking = summary.missing(seen, awaited) or summary.unfinished(seen)
        raise DemoError(
            f"after {_PATIENCE:.0f} s still waiting for {', '.join(lacking)}",
            detail=summary.states(seen),
            log=processes.log_file(stack.layout, "scheduler"),
        )


def _held(look: Callable[[], bool], seconds: float) -> Callable[[], bool]:
    """Demand that it holds for a while: an asset event may be about to start the next run."""
    since: list[float] = []

    def held() -> bool:
        if not look():
            since.clear()
            return False
        since.append(time.monotonic())
        return since[-1] - since[0] >= seconds

    return held


def _refuse_failure(stack: Stack, client: httpx.Client, seen: list[Json], dag_id: str) -> None:
    run = next((each for each in seen if each["dag_id"] == dag_id and each["state"] == "failed"), None)
    if run is None:
        return
    failed = [task for task in api.task_instances(client, dag_id, run["dag_run_id"]) if task["state"] == "failed"]
    names = ", ".join(task["task_id"] for task in failed) or "no task"
    logs = stack.layout.airflow_home / "logs" / f"dag_id={dag_id}" / f"run_id={run['dag_run_id']}"
    newest = max(logs.rglob("*.log"), key=lambda file: file.stat().st_mtime, default=logs)
    raise DemoError(f"{dag_id} failed in {names}", log=newest, detail=processes.complaints(newest))


def _described(client: httpx.Client, run: Json) -> Json:
    return summary.dag_run(run, api.upstream_events(client, run["dag_id"], run["dag_run_id"]))


def _conclude(stack: Stack, stages: Stages, tools: Tools, runs: list[Json]) -> dict[str, Any]:
    with stages("read the results"):
        stack.components.clear()
        for name, words in _LISTS.items():
            stack.command(name, *tools.governance, *words, "--json", keep_output=True)
        listed = {name: _listed(stack, name) for name in _LISTS}
    content = {"dag_runs": runs, **listed, "seconds": stages.seconds}
    summary.write(stack.layout.summary, content)
    return content


def _listed(stack: Stack, name: str) -> list[Json]:
    stack.finish(name, seconds=120, good=(0, 1))  # 1 says that there are findings
    output = processes.output_file(stack.layout, name)
    try:
        return summary.rows(json.loads(output.read_bytes()))
    except (ValueError, TypeError) as error:
        log = processes.log_file(stack.layout, name)
        raise DemoError(
            f"`governance {' '.join(_LISTS[name])} --json`: {error}", log=log, detail=processes.tail(log)
        ) from error
