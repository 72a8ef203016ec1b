# SPDX-License-Identifier: Apache-2.0
"""The launcher starts real processes and leaves none behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.demo import layout as places
from include.demo import processes
from include.demo.environment import MARKER
from include.demo.layout import HOST, REPO, Layout
from include.demo.stack import mlflow_healthy

pytestmark = pytest.mark.e2e

# The demo with a company and a CLI that do nothing: what is tested here is the launcher.
IDLE = """
import sys
from include.demo.__main__ import main
from include.demo.story import Tools
idle = (sys.executable, "-c", "import time; time.sleep(1)")
sys.exit(main(["run"], Tools(company=idle, governance=idle)))
"""
SLEEP = (sys.executable, "-c", "import time; time.sleep(300)")
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(300)"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def until(look: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(root=tmp_path / "stack", airflow_port=free_port(), mlflow_port=free_port())
    yield layout
    processes.stop(layout, patience=1)


def environment(layout: Layout, **changes: str) -> dict[str, str]:
    own = {
        "DEMO_DIR": str(layout.root),
        "DEMO_AIRFLOW_PORT": str(layout.airflow_port),
        "DEMO_MLFLOW_PORT": str(layout.mlflow_port),
    }
    return dict(os.environ) | own | changes


def demo(layout: Layout, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "include.demo", *words),
        cwd=REPO, env=environment(layout, **changes), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def answer_ok(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK")


def bystander(layout: Layout) -> subprocess.Popen[bytes]:
    """A process of the same session and user that only looks like ours."""
    return subprocess.Popen((*SLEEP, str(layout.root)), start_new_session=True)


def marked(layout: Layout, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    places.create(layout)
    return processes.start(layout, "scheduler", command, dict(os.environ) | {MARKER: str(layout.root)})


@pytest.mark.parametrize("setting", ["DEMO_AIRFLOW_PORT", "DEMO_MLFLOW_PORT"])
def test_a_busy_port_is_named_with_its_setting_before_anything_starts(stack: Layout, setting: str) -> None:
    with socket.socket() as held:
        held.bind((HOST, 0))
        held.listen()
        port = held.getsockname()[1]
        done = demo(stack, "run", **{setting: str(port)})
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert setting in done.stderr
    assert not stack.root.exists()


@pytest.mark.parametrize("moment", ["mlflow", "company", "scheduler"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_running(stack: Layout, moment: str, number: signal.Signals) -> None:
    process = subprocess.Popen(
        (sys.executable, "-c", IDLE), cwd=REPO, env=environment(stack), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    until((stack.pids / f"{moment}.pid").is_file)
    time.sleep(0.5)
    assert processes.ours(stack.root)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert processes.ours(stack.root) == set()


def test_a_component_that_dies_is_reported_with_its_last_words(stack: Layout) -> None:
    idle = IDLE.replace(
        "import sys\n",
        "import sys\nimport include.demo.stack as s\ns.PYTHON = (sys.executable, '-c', 'raise SystemExit(\"no luck\")')\n",
        1,
    )
    done = subprocess.run(
        (sys.executable, "-c", idle), cwd=REPO, env=environment(stack), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "mlflow ended unexpectedly" in done.stderr
    assert "no luck" in done.stderr
    assert str(stack.logs / "mlflow.log") in done.stderr


def test_a_reused_pid_is_never_signalled(stack: Layout) -> None:
    places.create(stack)
    other = bystander(stack)
    (stack.pids / "scheduler.pid").write_text(str(other.pid), encoding="ascii")
    try:
        assert processes.running(stack) == {}
        assert processes.stop(stack) == 0
        assert other.poll() is None
        assert not list(stack.pids.iterdir())
    finally:
        other.kill()
        other.wait()


def test_what_ignores_sigterm_is_killed(stack: Layout) -> None:
    process = marked(stack, (sys.executable, "-c", STUBBORN))
    until(lambda: "ready" in processes.tail(processes.log_file(stack, "scheduler")))
    assert processes.running(stack) == {"scheduler": process.pid}
    assert processes.stop(stack, patience=0.5) == 1
    assert process.wait(timeout=5) == -signal.SIGKILL


def test_strays_of_a_dead_component_are_ended(stack: Layout) -> None:
    parent = f"import subprocess; subprocess.Popen({SLEEP!r}, start_new_session=True); print('ready', flush=True)"
    process = marked(stack, (sys.executable, "-c", parent))
    process.wait(timeout=20)
    assert len(processes.ours(stack.root)) == 1
    assert processes.running(stack) == {}
    assert processes.stop(stack, patience=5) == 1
    assert processes.ours(stack.root) == set()


def test_another_stack_is_left_alone(stack: Layout) -> None:
    neighbour = Layout(root=stack.root.with_name("stack2"))
    process = marked(neighbour, SLEEP)
    try:
        assert processes.stop(stack) == 0
        assert process.poll() is None
    finally:
        processes.stop(neighbour, patience=5)
        process.wait()


def test_up_without_a_demo_says_what_to_do(stack: Layout) -> None:
    done = demo(stack, "up")
    assert done.returncode == 1
    assert "make demo" in done.stderr


def test_down_and_status_are_harmless_when_nothing_runs(stack: Layout) -> None:
    assert demo(stack, "down").returncode == 0
    assert demo(stack, "status").returncode == 1
    assert not stack.root.exists()


def test_a_server_that_took_the_port_in_between_is_not_taken_for_ours(stack: Layout) -> None:
    places.create(stack)
    with socket.create_server((HOST, stack.mlflow_port)) as other:
        answering = threading.Thread(target=answer_ok, args=(other,))
        answering.start()
        assert not mlflow_healthy(stack)
        processes.log_file(stack, "mlflow").write_text(
            f"Uvicorn running on {stack.mlflow_url} (Press", encoding="ascii"
        )
        assert mlflow_healthy(stack)
        answering.join()
