# SPDX-License-Identifier: Apache-2.0
"""A real Airflow of a test's own with FAB's login: its environment, its people, its components, and how to ask it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from governance.sources.airflow_roles import FAB
from tests.integration.releases import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


REPO: Final = Path(__file__).resolve().parents[1]
# What `governance airflow roles` does by one command of Airflow's each, in one process; it is tested by its own.
PEOPLE: Final = """
import json, sys
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from governance.core.airflow_roles import ROLES
people, password = json.loads(sys.argv[1]), sys.argv[2]
with get_application_builder() as builder:
    for role in ROLES:
        made = builder.sm.add_role(role.name)
        for one in role.permissions:
            builder.sm.add_permission_to_role(made, builder.sm.create_permission(one.action, one.resource))
    for name, role in people.items():
        found = builder.sm.find_role(role)
        assert builder.sm.add_user(name, name, name, f"{name}@sample.example", found, password=password), name
"""


@dataclass(frozen=True)
class Airflow:
    url: str
    environment: dict[str, str]
    password: str

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.run(
            command, cwd=REPO, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )

    def done(self, *words: str) -> str:
        told = self.run(*words)
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    def login(self, user: str) -> httpx.Client:
        client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        answer = client.post("/auth/token", json={"username": user, "password": self.password})
        assert answer.status_code == 201, answer.text
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        return client


@dataclass
class World:
    """An Airflow and the company that it works for; `admin` may see everything."""

    airflow: Airflow
    there: Release
    admin: str

    def ask(self, who: str, method: str, path: str, **body: Any) -> httpx.Response:
        with contextlib.closing(self.airflow.login(who)) as client:
            return client.request(method, f"/api/v2/{path}", **body)

    def unpause(self, *dags: str) -> None:
        for dag in dags:
            assert self.ask(self.admin, "PATCH", f"dags/{dag}", json={"is_paused": False}).status_code == 200

    def trigger(self, who: str, dag: str, **conf: Any) -> str:
        answer = self.ask(who, "POST", f"dags/{dag}/dagRuns", json={"logical_date": None, "conf": conf})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["dag_run_id"])

    def runs(self, dag: str) -> list[str]:
        found = self.ask(self.admin, "GET", f"dags/{dag}/dagRuns").json()["dag_runs"]
        return [run["dag_run_id"] for run in found]

    def tasks(self, dag: str, run: str) -> dict[tuple[str, int], dict[str, Any]]:
        found = self.ask(self.admin, "GET", f"dags/{dag}/dagRuns/{run}/taskInstances").json()["task_instances"]
        return {(task["task_id"], task["map_index"]): task for task in found}

    def run_state(self, dag: str, run: str) -> str:
        return str(self.ask(self.admin, "GET", f"dags/{dag}/dagRuns/{run}").json()["state"])

    def until(self, what: str, look: Callable[[], bool], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not look():
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s\n{self.logs()}"
            time.sleep(0.5)

    def ended(self, dag: str, run: str) -> None:
        self.until(f"{dag} ends", lambda: self.run_state(dag, run) in {"success", "failed"})

    def logs(self) -> str:
        log = Path(self.airflow.environment["AIRFLOW_HOME"]) / "scheduler.log"
        return log.read_text(errors="replace")[-4_000:]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, port: int, **changes: str) -> dict[str, str]:
    """What a process of this Airflow gets: the shell's variables without anybody else's settings, then ours."""
    url = f"http://127.0.0.1:{port}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "GOVERNANCE_"))}
    settings = {
        "CORE__AUTH_MANAGER": FAB,
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": secrets.token_urlsafe(32),
        "API_AUTH__JWT_SECRET": secrets.token_urlsafe(96),
    }
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(REPO),
        "GOVERNANCE_BASE_URL": url,
        "GOVERNANCE_LANGUAGE": "en",
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        **changes,
    }


def works_for(home: Path, there: Release) -> dict[str, str]:
    """Our DAGs and pages on a company's facts, quick to start tasks."""
    policy = home / "policy"
    policy.mkdir()
    for name, section in there.rt.policy.model_dump(mode="json").items():
        (policy / f"{name}.yaml").write_text(json.dumps(section, ensure_ascii=False), encoding="utf-8")
    settings = there.rt.settings
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPO / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__CORE__MP_START_METHOD": "forkserver",
        "GOVERNANCE_POLICY_DIR": str(policy),
        "GOVERNANCE_DATABASE_URL": settings.database_url.get_secret_value(),
        "GOVERNANCE_EVIDENCE_URL": settings.evidence_url,
        "GOVERNANCE_MLFLOW_URI": settings.mlflow_uri,
        "GOVERNANCE_MLFLOW_TIMEOUT_SECONDS": "5",
        "GOVERNANCE_LANGUAGE": "en",
    }


@contextlib.contextmanager
def component(airflow: Airflow, name: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of Airflow's components; the api-server is waited for."""
    log = Path(airflow.environment["AIRFLOW_HOME"]) / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", name, *words],
            cwd=REPO, env=airflow.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            end(process)


@contextlib.contextmanager
def working(home: Path, there: Release, people: Mapping[str, str], *dags: str, **changes: str) -> Iterator[World]:
    """An Airflow with our DAGs, of which `dags` run, for a company and its people by role; `changes` of its settings.

    The administrator among the people is the one who is asked what Airflow knows.
    """
    port = free_port()
    airflow = Airflow(
        f"http://127.0.0.1:{port}",
        environment(home, port, **(works_for(home, there) | changes)),
        secrets.token_urlsafe(12),
    )
    airflow.done("airflow", "db", "migrate")
    airflow.done("airflow", "dags", "reserialize")
    command = [sys.executable, "-c", PEOPLE, json.dumps(dict(people)), airflow.password]
    told = subprocess.run(command, cwd=REPO, env=airflow.environment, check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr[-3_000:]
    with component(airflow, "api-server") as server, component(airflow, "scheduler", "-s"):
        answers(airflow.url, server, home / "api-server.log")
        found = World(airflow, there, next(name for name, role in people.items() if role == "Admin"))
        found.unpause(*dags)
        yield found


def answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the api-server answers."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/api/v2/version", timeout=5, trust_env=False).is_success:
                return
        time.sleep(0.3)
    pytest.fail(f"the api-server did not start:\n{log.read_text(errors='replace')[-3_000:]}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a component with its children."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
            return
