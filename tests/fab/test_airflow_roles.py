# SPDX-License-Identifier: Apache-2.0
"""The roles against a real Airflow with FAB's login: who may do what, told by its status codes."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from governance.core.airflow_roles import ROLES
from governance.sources.airflow_roles import FAB
from tests.airflow_server import Airflow, answers, component, environment, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

pytestmark = pytest.mark.e2e

DAG_FILE = """
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG

for name in {names!r}:
    with DAG(name, schedule=None, is_paused_upon_creation=False) as dag:
        HITLOperator(task_id="ask", subject="?", options=["yes", "no"])
    globals()[name] = dag
"""
FORMS = ("gate_review", "waiver_request", "emergency_hold")
OTHER = "model_gate"
VIEWER, OWNER, APPROVER, CAIO, AUDITOR = (role.name for role in ROLES)
# What Airflow keeps of a run that waits for an answer, without a scheduler to bring it there.
WAITING = """
from datetime import datetime, timezone
from airflow.models.hitl import HITLDetail
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType
for dag_id in {dags!r}:
    dag = SerializedDagModel.get_dag(dag_id)
    for run_id in {runs!r}:
        now = datetime.now(timezone.utc)
        dag.create_dagrun(run_id=run_id, run_after=now, run_type=DagRunType.MANUAL, state="running",
            triggered_by=DagRunTriggeredByType.TEST)
        with create_session() as session:
            ti = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run_id, task_id="ask").one()
            ti.state = "deferred"
            session.add(HITLDetail(ti_id=ti.id, options=["yes", "no"], subject="?", defaults=None, multiple=False,
                params={{}}, assignees=None))
            XComModel.set(key="evidence", value="0.71", dag_id=dag_id, run_id=run_id, task_id="ask", session=session)
"""


def account(role: str) -> str:
    return role.lower().replace(" ", "-")


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    home = tmp_path_factory.mktemp("airflow")
    for name in ("dags", "plugins"):
        (home / name).mkdir()
    port = free_port()
    made = Airflow(f"http://127.0.0.1:{port}", environment(home, port), secrets.token_urlsafe(12))
    made.done("airflow", "db", "migrate")
    _parse(made, OTHER)
    return made


@pytest.fixture(scope="module")
def early(airflow: Airflow) -> subprocess.CompletedProcess[str]:
    """What the command says while Airflow knows none of the forms."""
    return airflow.run("governance.cli", "airflow", "roles", "--json")


@pytest.fixture(scope="module")
def served(airflow: Airflow, early: subprocess.CompletedProcess[str]) -> Iterator[Airflow]:
    assert early.stdout, early.stderr
    _parse(airflow, *FORMS, OTHER)
    airflow.done("governance.cli", "airflow", "roles")
    for role in ROLES:
        name = account(role.name)
        person = ("--email", f"{name}@sample.example", "--firstname", name, "--lastname", name, "--role", role.name)
        airflow.done("airflow", "users", "create", "--username", name, "--password", airflow.password, *person)
    runs = [f"{account(role.name)}-{action}" for role in ROLES for action in ("answer", "mark", "clear", "xcom")]
    script = WAITING.format(dags=(*FORMS, OTHER), runs=runs)
    told = subprocess.run(
        [sys.executable, "-c", script], env=airflow.environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr[-3_000:]
    with component(airflow, "api-server") as server:
        answers(airflow.url, server, Path(airflow.environment["AIRFLOW_HOME"]) / "api-server.log")
        yield airflow


def _parse(airflow: Airflow, *names: str) -> None:
    file = Path(airflow.environment["AIRFLOW__CORE__DAGS_FOLDER"]) / "forms.py"
    file.write_text(DAG_FILE.format(names=names), encoding="utf-8")
    airflow.done("airflow", "dags", "reserialize")


def _instance(dag: str, role: str, action: str) -> str:
    return f"/api/v2/dags/{dag}/dagRuns/{account(role)}-{action}/taskInstances/ask"


def _answer(client: httpx.Client, role: str, dag: str) -> httpx.Response:
    path = f"{_instance(dag, role, 'answer')}/-1/hitlDetails"
    return client.patch(path, json={"chosen_options": ["yes"], "params_input": {}})


def _mark(client: httpx.Client, role: str, dag: str) -> httpx.Response:
    return client.patch(_instance(dag, role, "mark"), json={"new_state": "success"})


def _clear(client: httpx.Client, role: str, dag: str) -> httpx.Response:
    body = {"dag_run_id": f"{account(role)}-clear", "dry_run": False, "only_failed": False}
    return client.post(f"/api/v2/dags/{dag}/clearTaskInstances", json=body)


def _xcom(client: httpx.Client, role: str, dag: str) -> httpx.Response:
    return client.patch(f"{_instance(dag, role, 'xcom')}/xcomEntries/evidence", json={"value": "0.99"})


def _trigger(client: httpx.Client, _: str, dag: str) -> httpx.Response:
    return client.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None})


def _pause(client: httpx.Client, _: str, dag: str) -> httpx.Response:
    return client.patch(f"/api/v2/dags/{dag}", json={"is_paused": True})


def _read_xcom(client: httpx.Client, role: str, dag: str) -> httpx.Response:
    return client.get(f"{_instance(dag, role, 'xcom')}/xcomEntries/evidence")


def _read_log(client: httpx.Client, _: str, dag: str) -> httpx.Response:
    return client.get("/api/v2/eventLogs", params={"dag_id": dag})


ACTIONS = {
    "answer": _answer, "mark": _mark, "clear": _clear, "xcom": _xcom, "trigger": _trigger, "pause": _pause,
    "read_xcom": _read_xcom, "read_log": _read_log,
}  # fmt: skip
MAY = {
    (OWNER, "trigger"): {"waiver_request"},
    (OWNER, "pause"): {"waiver_request"},
    (APPROVER, "answer"): {"gate_review", "waiver_request"},
    (APPROVER, "pause"): {"gate_review", "waiver_request"},
    (CAIO, "answer"): set(FORMS),
    (CAIO, "pause"): set(FORMS),
    (CAIO, "trigger"): {"emergency_hold"},
    (CAIO, "read_log"): {*FORMS, OTHER},
    (AUDITOR, "read_log"): {*FORMS, OTHER},
    **{(role.name, "read_xcom"): {*FORMS, OTHER} for role in ROLES},
}
"""All that anybody may do, by role and action; FAB lets whoever may trigger or answer in a DAG also pause that one."""


@pytest.mark.parametrize("role", [role.name for role in ROLES])
def test_each_role_may_do_what_it_is_for_and_nothing_else(served: Airflow, role: str) -> None:
    with contextlib.closing(served.login(account(role))) as client:
        got = {
            (action, dag): act(client, role, dag).status_code
            for action, act in ACTIONS.items()
            for dag in (*FORMS, OTHER)
        }
    wanted = {key: 200 if key[1] in MAY.get((role, key[0]), set()) else 403 for key in got}
    assert got == wanted


def test_run_again_it_changes_nothing_and_what_somebody_added_is_taken_away(served: Airflow) -> None:
    def told() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(served.done("governance.cli", "airflow", "roles", "--json"))
        return rows

    def changed() -> dict[str, tuple[list[str], list[str]]]:
        return {row["role"]: (row["added"], row["removed"]) for row in told() if row["added"] or row["removed"]}

    assert changed() == {}
    served.done(
        "airflow", "roles", "add-perms", APPROVER, "--action", "can_edit", "--resource", "Task Instances", "XComs"
    )
    served.done("airflow", "roles", "del-perms", CAIO, "--action", "can_edit", "--resource", "HITL Detail")
    dry = json.loads(served.done("governance.cli", "airflow", "roles", "--json", "--dry-run"))
    fixed = changed()
    assert [(row["added"], row["removed"]) for row in dry if row["role"] == APPROVER] == [fixed[APPROVER]]
    assert fixed == {
        APPROVER: ([], ["can_edit on Task Instances", "can_edit on XComs"]),
        CAIO: (["can_edit on HITL Detail"], []),
    }
    assert changed() == {}


def test_a_dag_that_is_not_parsed_yet_is_waited_for(early: subprocess.CompletedProcess[str]) -> None:
    rows = {row["role"]: row for row in json.loads(early.stdout)}
    assert early.returncode == 1
    assert "airflow dags list" in early.stderr
    assert rows[APPROVER]["waits_for"] == ["gate_review", "waiver_request"]
    assert "can_edit on HITL Detail" in rows[APPROVER]["added"]
    assert rows[VIEWER]["waits_for"] == []


def test_another_login_than_fabs_is_named_with_the_remedy(airflow: Airflow) -> None:
    simple = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
    changed = Airflow(airflow.url, airflow.environment | {"AIRFLOW__CORE__AUTH_MANAGER": simple}, "")
    told = changed.run("governance.cli", "airflow", "roles")
    assert told.returncode == 1
    assert "SimpleAuthManager" in told.stderr
    assert FAB in told.stderr
