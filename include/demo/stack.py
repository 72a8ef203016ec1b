# SPDX-License-Identifier: Apache-2.0
"""A real MLflow and a real Airflow on loopback: started, watched until healthy, and ended together."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from include.demo import layout as places
from include.demo import processes
from include.demo.environment import child_environment
from include.demo.errors import DemoError
from include.demo.layout import HOST, Layout

PYTHON = (sys.executable, "-m")
AIRFLOW = {
    "api-server": (*PYTHON, "airflow", "api-server"),
    "scheduler": (*PYTHON, "airflow", "scheduler", "--skip-serve-logs"),
    "dag-processor": (*PYTHON, "airflow", "dag-processor"),
    "triggerer": (*PYTHON, "airflow", "triggerer", "--skip-serve-logs"),
}
COMPONENTS = ("mlflow", *AIRFLOW)
_PARTS = ("scheduler", "dag_processor", "triggerer")


@dataclass
class Stack:
    """The processes that this session started."""

    layout: Layout
    components: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    commands: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Make the directories, so that every process finds them."""
        places.create(self.layout)
        self.environment = child_environment(self.layout, os.environ)

    def start_mlflow(self) -> None:
        """Start the tracking server; it serves its own artifacts."""
        home = self.layout.mlflow
        options = {
            "--backend-store-uri": f"sqlite:///{home / 'mlflow.db'}",
            "--artifacts-destination": str(home / "artifacts"),
            "--host": HOST,
            "--port": str(self.layout.mlflow_port),
            "--workers": "1",
        }
        command = (*PYTHON, "mlflow", "server", *(word for option in options.items() for word in option))
        self.components["mlflow"] = processes.start(self.layout, "mlflow", command, self.environment)

    def start_airflow(self) -> None:
        """Start the four components by hand: `standalone` listens on all interfaces and orphans its children."""
        for name, command in AIRFLOW.items():
            self.components[name] = processes.start(self.layout, name, command, self.environment)

    def command(self, name: str, *words: str, keep_output: bool = False) -> None:
        """Start a command that ends by itself."""
        self.commands[name] = processes.start(self.layout, name, words, self.environment, keep_output=keep_output)

    def finish(self, name: str, *, seconds: float, good: tuple[int, ...] = (0,)) -> None:
        """Wait for a command.

        Raises:
            DemoError: It failed or took too long.
        """
        process = self.commands[name]
        self.wait(f"`{name}` to finish", lambda: process.poll() is not None, seconds=seconds, log=name)
        if process.returncode not in good:
            raise self._failure(name, f"`{name}` failed with exit status {process.returncode}")

    def wait(self, what: str, done: Callable[[], bool], *, seconds: float, log: str = "", pause: float = 0.2) -> None:
        """Look again and again, also at the components, until it is done.

        Raises:
            DemoError: It took too long, or a component died.
        """
        deadline = time.monotonic() + seconds
        while not done():
            self.check()
            if time.monotonic() > deadline:
                raise self._failure(log, f"waited {seconds:.0f} s for {what}")
            time.sleep(pause)

    def check(self) -> None:
        """See that every component lives.

        Raises:
            DemoError: One died; its last words are attached.
        """
        for name, process in self.components.items():
            if process.poll() is not None:
                raise self._failure(name, f"{name} ended unexpectedly with exit status {process.returncode}")

    def _failure(self, name: str, message: str) -> DemoError:
        log = processes.log_file(self.layout, name) if name else self.layout.logs
        return DemoError(message, log=log, detail=processes.tail(log) if name else "")


def mlflow_healthy(layout: Layout) -> bool:
    """Ask the tracking server."""
    answer = _get(layout.mlflow_url, "/health") if _listens(layout, "mlflow", layout.mlflow_url) else None
    return answer is not None and answer.text == "OK"


def airflow_healthy(layout: Layout) -> bool:
    """Ask the API whether it sees its scheduler, DAG processor and triggerer."""
    known = _listens(layout, "api-server", layout.airflow_url)
    answer = _get(layout.airflow_url, "/api/v2/monitor/health") if known else None
    if answer is None or not answer.is_success:
        return False
    health = answer.json()
    return all((health.get(part) or {}).get("status") == "healthy" for part in _PARTS)


def _listens(layout: Layout, name: str, url: str) -> bool:
    """See in its log that our server has the port: another may have taken it since we looked, and would answer."""
    log = processes.log_file(layout, name)
    return log.is_file() and f"Uvicorn running on {url} " in log.read_text(encoding="utf-8", errors="replace")


def _get(url: str, path: str) -> httpx.Response | None:
    try:
        return httpx.get(url + path, timeout=5, trust_env=False)
    except httpx.TransportError:
        return None
