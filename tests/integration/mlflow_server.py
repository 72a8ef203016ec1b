# SPDX-License-Identifier: Apache-2.0
"""A real MLflow tracking server for tests: SQLite, one worker, loopback, no telemetry.

A test module asks for it with `from tests.integration.mlflow_server import mlflow_uri`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BOOT_SECONDS = 90


@contextlib.contextmanager
def mlflow_server(home: Path, *words: str, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Run `mlflow server` below `home`, with more words and variables, and yield its address."""
    port = _free_port()
    uri = f"http://127.0.0.1:{port}"
    options = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{home / 'mlflow.db'}",
        "--artifacts-destination": str(home / "artifacts"),
    }
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        *(word for option in options.items() for word in option),
        *words,
    ]
    ours = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "mlflow.log").open("wb") as log:
        # A session of its own: the server's workers end with it, and with nothing else.
        process = subprocess.Popen(
            command,
            cwd=home,
            env={**os.environ, **ours, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(process, uri, home / "mlflow.log")
            yield uri
        finally:
            _end(process)


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as uri:
        yield uri


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], uri: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _BOOT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(f"{uri}/health", timeout=2):
            return
        time.sleep(0.2)
    pytest.fail(f"MLflow did not start:\n{log.read_text(errors='replace')[-3_000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return
