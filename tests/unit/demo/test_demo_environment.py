# SPDX-License-Identifier: Apache-2.0
"""Each process of the demo gets its own settings and none that could break it."""

import json
import stat
from pathlib import Path

import pytest

from include.demo import environment, layout
from include.demo.errors import DemoError
from include.demo.layout import Layout


@pytest.fixture
def stack(tmp_path: Path) -> Layout:
    made = Layout(root=tmp_path / "stack", airflow_port=18080, mlflow_port=15000)
    layout.create(made)
    return made


def test_settings_of_the_shell_do_not_reach_the_children(stack: Layout) -> None:
    shell = {
        "AIRFLOW__CORE__EXECUTOR": "Nonsense",
        "AIRFLOW_HOME": "/elsewhere",
        "AIRFLOW_CONN_X": "x",
        "MLFLOW_TRACKING_URI": "http://elsewhere",
        "GOVERNANCE_POLICY_DIR": "/elsewhere",
        "PYTHONPATH": "/elsewhere",
        "PYTHONWARNINGS": "error",
        "HOME": "/home/somebody",
    }
    child = environment.child_environment(stack, shell)
    assert "elsewhere" not in json.dumps(child)
    assert child["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert child["HOME"] == "/home/somebody"
    assert child.keys().isdisjoint({"AIRFLOW_CONN_X", "PYTHONWARNINGS"})


def test_everything_stays_on_loopback_and_in_the_directory(stack: Layout) -> None:
    child = environment.child_environment(stack, {"NO_PROXY": "intra.example"})
    assert child["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert child["NO_PROXY"].startswith("127.0.0.1,localhost")
    assert child["NO_PROXY"].endswith(",intra.example")
    assert child["GOVERNANCE_DATABASE_URL"] == f"sqlite:///{stack.root}/governance.db"
    assert child["GOVERNANCE_MLFLOW_URI"] == "http://127.0.0.1:15000"


def test_secrets_are_made_once_long_enough_and_private(stack: Layout) -> None:
    first = environment.child_environment(stack, {})
    again = environment.child_environment(stack, {})
    assert first == again
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"].encode()) >= 64
    kept = [stack.root / "secrets.json", Path(first["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])]
    assert [stat.S_IMODE(file.stat().st_mode) for file in kept] == [0o600, 0o600]
    assert stat.S_IMODE(stack.root.stat().st_mode) == 0o700


def test_two_stacks_share_no_password(stack: Layout, tmp_path: Path) -> None:
    other = Layout(root=tmp_path / "other")
    layout.create(other)
    assert environment.password(stack) != environment.password(other)


def test_ports_and_directory_come_from_the_environment(tmp_path: Path) -> None:
    read = layout.from_environment({"DEMO_AIRFLOW_PORT": "18080", "DEMO_DIR": str(tmp_path)})
    assert (read.airflow_port, read.mlflow_port, read.root) == (18080, 5000, tmp_path)


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "８０８０"])
def test_a_setting_that_is_no_port_is_named(text: str) -> None:
    with pytest.raises(DemoError, match="DEMO_MLFLOW_PORT"):
        layout.from_environment({"DEMO_MLFLOW_PORT": text})


def test_one_port_for_two_servers_is_refused() -> None:
    with pytest.raises(DemoError, match="both"):
        layout.check_ports(Layout(airflow_port=18080, mlflow_port=18080))


def test_wipe_removes_a_stack(stack: Layout) -> None:
    layout.wipe(stack)
    assert not stack.root.exists()
    layout.wipe(stack)


def test_wipe_leaves_a_directory_alone_that_is_no_stack(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").touch()
    with pytest.raises(DemoError, match="left alone"):
        layout.wipe(Layout(root=tmp_path))
    assert (tmp_path / "thesis.docx").exists()
