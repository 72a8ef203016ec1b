# SPDX-License-Identifier: Apache-2.0
"""The pages as Airflow mounts them: every route asks for Airflow's login, and a task's tab finds its version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOOK = """
import json, re, sys, warnings
from datetime import UTC, datetime
warnings.simplefilter("ignore")
from airflow.utils.db import initdb
initdb()
from fastapi.testclient import TestClient
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from governance import runtime
from governance.core import inventory
from governance.core.terms import VersionKey
from governance.settings import Settings
from governance.steps import model_gate
from governance.store import database, inventory as facts
from tests import factories

database.upgrade(database.connect(Settings().database_url))
rt = runtime.build(source="model_gate/r1")
with rt.writing() as session:
    changes = inventory.reconcile(inventory.Reading.whole([factories.registered(aliases={"champion": 1})]), ())
    facts.record_changes(session, changes, {}, rt.telling(session))
model_gate.decide(rt, VersionKey("credit-scoring", 1))

PATHS = ("/", "/gates", "/inventory", "/style.css", "/page.js", "/gate_report.js", "/models/credit-scoring", "/models/credit-scoring/versions/1",
         "/gate/model_gate/r1/version.gate/{MAP_INDEX}", "/gate/other/r1/t/0")
app = create_app(apps="core")
seen = {}
with TestClient(app) as client:
    def ask(role):
        headers = {}
        if role:
            user = SimpleAuthManagerUser(username=role, role=role)
            headers = {"Authorization": "Bearer " + get_auth_manager().generate_jwt(user)}
        return {path: client.get("/governance" + path, headers=headers).status_code for path in PATHS}
    seen["nobody"], seen["viewer"] = ask(None), ask("viewer")
    forged = {"Cookie": "_token=forged", "Authorization": "Bearer forged"}
    seen["forged"] = {path: client.get("/governance" + path, headers=forged).status_code for path in PATHS}
    user = SimpleAuthManagerUser(username="viewer", role="viewer")
    client.cookies.set("_token", get_auth_manager().generate_jwt(user))
    seen["tab"] = client.get("/governance" + PATHS[8] + "?lang=en").text
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from governance.core import airflow_roles as rights
    from governance.orchestration import host
    with create_session() as session:
        session.add(DagBundleModel(name="dags-folder"))
    sync_bag_to_db(DagBag(dag_folder="dags/emergency_hold.py"), "dags-folder", None)
    needed = (rights.ASK_WAIVER, rights.DECIDE_WAIVER, rights.APPROVE, rights.ORDER_HOLD)
    seen["rights"] = {
        role: [host.may(SimpleAuthManagerUser(username=role, role=role), one) for one in needed]
        for role in ("viewer", "user", "op", "admin")
    }
    def send(role, path, fields):
        user = SimpleAuthManagerUser(username=role, role=role)
        client.cookies.set("_token", get_auth_manager().generate_jwt(user))
        shown = client.get("/governance" + path + "?lang=en")
        token = re.search('name="token" value="([^"]+)"', shown.text)
        told = fields | ({"token": token.group(1)} if token else {})
        headers = {"sec-fetch-site": "same-origin"}
        answer = client.post("/governance" + path, data=told, headers=headers, follow_redirects=False)
        return [shown.status_code, answer.status_code, answer.headers.get("location", "")]
    order = {"scope": "model", "target": "credit-scoring", "urgency": "emergency", "ground": "safety", "reason": "harm was reported"}
    seen["sent"] = {role: send(role, "/holds/new", order) for role in ("viewer", "user")}
    sato = SimpleAuthManagerUser(username="sato", role="user")
    client.cookies.set("_token", get_auth_manager().generate_jwt(sato))
    shown = client.get("/governance/holds/new").text
    told = order | {"token": re.search('name="token" value="([^"]+)"', shown).group(1)}
    answers = [client.post("/governance/holds/new", data=told, follow_redirects=False) for _ in range(2)]
    seen["ordered"] = [[one.status_code, one.headers["location"]] for one in answers]
    seen["hold_page"] = client.get(answers[0].headers["location"] + "?lang=en").text
    with create_session() as session:
        found = session.execute(select(DagRun.dag_id, DagRun.run_id, DagRun.conf, DagRun.triggering_user_name, DagRun.state)).all()
        seen["runs"] = [[*row[:4], str(row[4])] for row in found]
from governance_plugin import GovernancePlugin, web_app
seen["routes"] = [
    [route.path, sorted(route.methods) or ["ANY"], [getattr(each.call, "__module__", "") for each in route.dependant.dependencies]]  # codespell:ignore dependant
    for route in web_app().routes
]
seen["views"] = [
    (view["destination"], client.get("/" + address.lstrip("/")).status_code)
    for view, address in [
        *((view, view["href"]) for view in GovernancePlugin.external_views),
        *((view, view["bundle_url"]) for view in GovernancePlugin.react_apps),
    ]
]
json.dump(seen, open(sys.argv[1], "w"))
"""
IMPORTED = """
import sys, warnings
warnings.simplefilter("ignore")
import airflow.plugins_manager, airflow.sdk
before = set(sys.modules)
import governance_plugin
print(*sorted(set(sys.modules) - before))
"""
LIGHT = {"airflow", "croniter", "dotenv", "governance_plugin", "pydantic", "pydantic_settings", "rfc8785", "sqlalchemy"}
"""What every process of Airflow has at hand anyway, and what reads settings."""
OURS = {"core", "errors", "orchestration", "policy", "settings"}
SECURITY = "airflow.api_fastapi.core_api.security"


def run(script: str, home: Path, *words: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "GOVERNANCE_"))}
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
        "AIRFLOW__API__SECRET_KEY": "y" * 32,
        "GOVERNANCE_DATABASE_URL": f"sqlite:///{home / 'governance.db'}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
    }
    told = subprocess.run(
        [sys.executable, "-c", script, *words], env=kept | own, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr[-4000:]
    return told.stdout


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    run(LOOK, home, str(home / "seen.json"))
    content: dict[str, Any] = json.loads((home / "seen.json").read_text())
    return content


def test_nobody_sees_a_page_without_airflows_login(seen: dict[str, Any]) -> None:
    assert set(seen["nobody"].values()) == {401}
    assert set(seen["forged"].values()) <= {401, 403}


def test_who_may_look_at_airflow_may_look_at_the_pages(seen: dict[str, Any]) -> None:
    assert set(seen["viewer"].values()) == {200}


def test_every_route_but_the_signed_door_depends_on_airflows_own_login(seen: dict[str, Any]) -> None:
    unprotected = [(path, methods) for path, methods, calls in seen["routes"] if SECURITY not in calls]
    assert unprotected == [("/webhooks/mlflow", ["POST"])]
    assert len(seen["routes"]) >= 8


def test_airflows_simple_login_lets_all_but_viewers_write(seen: dict[str, Any]) -> None:
    assert seen["rights"] == {"viewer": [False] * 4, "user": [True] * 4, "op": [True] * 4, "admin": [True] * 4}


def test_who_may_not_gets_no_form_and_who_holds_no_seat_orders_nothing(seen: dict[str, Any]) -> None:
    assert seen["sent"] == {"viewer": [403, 403, ""], "user": [200, 403, ""]}


def test_a_hold_from_a_page_starts_one_run_that_enforces_it(seen: dict[str, Any]) -> None:
    (first, second), (run,) = seen["ordered"], seen["runs"]
    assert first == second
    assert first[0] == 303
    hold = first[1].partition("?")[0].rpartition("/")[2]
    assert run == ["emergency_hold", f"page__{hold}", {"hold": hold}, "sato", "queued"]
    assert "The run of the DAG emergency_hold: queued" in seen["hold_page"]
    assert "Not proven" in seen["hold_page"]


def test_the_tab_of_an_unmapped_task_lists_what_its_run_decided(seen: dict[str, Any]) -> None:
    assert "credit-scoring v1" in seen["tab"]


def test_there_is_one_tab_and_one_entry_in_the_navigation_and_both_lead_somewhere(seen: dict[str, Any]) -> None:
    assert seen["views"] == [["nav", 200], ["task_instance", 200], ["base", 200]]


def test_the_plugin_makes_no_process_import_anything_heavy(tmp_path: Path) -> None:
    imported = run(IMPORTED, tmp_path).split()
    assert "governance.orchestration" in imported
    parts = {name.split(".")[1] for name in imported if name.startswith("governance.")}
    assert parts <= OURS
    others = {name.split(".")[0] for name in imported} - sys.stdlib_module_names - {"governance"}
    assert others <= LIGHT
