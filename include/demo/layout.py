# SPDX-License-Identifier: Apache-2.0
"""Where the demo keeps its files and which ports it listens on."""

import json
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from include.demo.errors import DemoError

REPO = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Layout:
    """The directory of one stack, its two ports, and the DAG folder that it serves."""

    root: Path = REPO / ".demo"
    airflow_port: int = 8080
    mlflow_port: int = 5000
    dags: Path = REPO / "dags"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME of the stack."""
        return self.root / "airflow"

    @property
    def mlflow(self) -> Path:
        """Database and artifacts of the tracking server."""
        return self.root / "mlflow"

    @property
    def data(self) -> Path:
        """The company's tables."""
        return self.root / "data"

    @property
    def packs(self) -> Path:
        """Where committee packs are written."""
        return self.root / "packs"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        """One pid file per component."""
        return self.root / "run"

    @property
    def stamp(self) -> Path:
        """The file that marks a directory as a stack of ours."""
        return self.root / "stack.json"

    @property
    def summary(self) -> Path:
        """What the last run found."""
        return self.root / "summary.json"

    @property
    def airflow_url(self) -> str:
        """Address of the Airflow UI and API."""
        return f"http://{HOST}:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Address of the tracking server."""
        return f"http://{HOST}:{self.mlflow_port}"


def from_environment(environment: Mapping[str, str]) -> Layout:
    """Read DEMO_DIR, DEMO_AIRFLOW_PORT and DEMO_MLFLOW_PORT.

    Raises:
        DemoError: A port is not a number between 1 and 65535.
    """
    root = Path(environment.get("DEMO_DIR") or Layout.root).absolute()
    return Layout(
        root=root,
        airflow_port=_port(environment, "DEMO_AIRFLOW_PORT", Layout.airflow_port),
        mlflow_port=_port(environment, "DEMO_MLFLOW_PORT", Layout.mlflow_port),
    )


def check_ports(layout: Layout) -> None:
    """Refuse to start on a port that something else holds.

    Raises:
        DemoError: Names the port and the setting that moves it.
    """
    if layout.airflow_port == layout.mlflow_port:
        raise DemoError(
            f"Airflow and MLflow are both set to port {layout.airflow_port}",
            hint="set DEMO_AIRFLOW_PORT and DEMO_MLFLOW_PORT to two different ports",
        )
    wanted = {"DEMO_AIRFLOW_PORT": ("Airflow", layout.airflow_port), "DEMO_MLFLOW_PORT": ("MLflow", layout.mlflow_port)}
    for setting, (name, port) in wanted.items():
        if reason := _busy(port):
            raise DemoError(
                f"port {port}, wanted by {name}, is not free on {HOST} ({reason}); nothing was started",
                hint=f"free the port or choose another, for example {setting}={_elsewhere(port)}",
            )


def create(layout: Layout) -> None:
    """Make the directories, readable by their owner only, and stamp them as ours."""
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in (layout.airflow_home, layout.mlflow, layout.data, layout.packs, layout.logs, layout.pids):
        directory.mkdir(exist_ok=True)
    (layout.mlflow / "artifacts").mkdir(exist_ok=True)
    stamp(layout)


def stamp(layout: Layout) -> None:
    """Note the addresses that this stack was last started with."""
    facts = {
        "airflow_url": layout.airflow_url,
        "mlflow_url": layout.mlflow_url,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    layout.stamp.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def started(layout: Layout) -> dict[str, str]:
    """Read the addresses that the stack was last started with."""
    facts: dict[str, str] = json.loads(layout.stamp.read_text(encoding="utf-8"))
    return facts


def wipe(layout: Layout) -> None:
    """Remove the previous stack, and nothing that is not a stack.

    Raises:
        DemoError: The directory holds files but was not made by the demo.
    """
    if not layout.root.exists():
        return
    if not layout.stamp.is_file() and any(layout.root.iterdir()):
        raise DemoError(
            f"{layout.root} is not empty and was not made by the demo; it is left alone",
            hint="move it away or set DEMO_DIR to another directory",
        )
    shutil.rmtree(layout.root)


def _port(environment: Mapping[str, str], setting: str, default: int) -> int:
    text = environment.get(setting) or str(default)
    if text.isascii() and text.isdigit() and 0 < int(text) < 2**16:
        return int(text)
    raise DemoError(f"{setting}={text!r} is not a port", hint="use a number between 1 and 65535")


def _elsewhere(port: int) -> int:
    return port + 10_000 if port + 10_000 < 2**16 else port - 10_000


def _busy(port: int) -> str:
    # Two looks: macOS lets one bind 127.0.0.1 beside a listener on all interfaces (AirPlay on port 5000).
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((HOST, port)) == 0:
            return "something answers there"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
