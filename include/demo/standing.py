# SPDX-License-Identifier: Apache-2.0
"""`make up`, `make down` and `status`: the stack that the demo left, running in the background."""

from rich.console import Console

from include.demo import layout as places
from include.demo import processes
from include.demo.environment import USER, password
from include.demo.errors import DemoError
from include.demo.layout import Layout
from include.demo.report import Stages
from include.demo.stack import COMPONENTS, Stack, airflow_healthy, mlflow_healthy


def up(layout: Layout, out: Console) -> None:
    """Start MLflow and Airflow on what the demo left, and leave them running.

    Raises:
        DemoError: The demo never ran, or the stack does not start.
    """
    if not (layout.airflow_home / "airflow.db").is_file():
        raise DemoError(f"there is no demo in {layout.root}", hint="run `make demo` first")
    if set(processes.running(layout)) < set(COMPONENTS):
        processes.stop(layout)
        places.check_ports(layout)
        _start(Stack(layout), Stages(out))
    _addresses(layout, out)


def down(layout: Layout, out: Console) -> None:
    """End all of it."""
    count = processes.stop(layout)
    out.print(f"stopped {count} processes" if count else "nothing was running")


def status(layout: Layout, out: Console) -> bool:
    """Say what runs; true when all components do."""
    living = processes.running(layout)
    for name in COMPONENTS:
        out.print(f"{name:<14} {f'pid {living[name]}' if name in living else '-'}")
    if complete := set(living) >= set(COMPONENTS):
        _addresses(layout, out)
    return complete


def _start(stack: Stack, stages: Stages) -> None:
    layout = stack.layout
    try:
        with stages("start MLflow and Airflow"):
            stack.start_mlflow()
            stack.start_airflow()
            stack.wait("MLflow", lambda: mlflow_healthy(layout), seconds=120, log="mlflow")
            stack.wait("Airflow to be healthy", lambda: airflow_healthy(layout), seconds=180)
    except BaseException:
        processes.stop(layout)
        raise


def _addresses(layout: Layout, out: Console) -> None:
    started = places.started(layout)
    out.print(f"Airflow   {started['airflow_url']}   user {USER}   password {password(layout)}", markup=False)
    out.print(f"MLflow    {started['mlflow_url']}", markup=False)
    out.print("stop it with: make down")
