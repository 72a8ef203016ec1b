# SPDX-License-Identifier: Apache-2.0
"""A signed webhook reaches Airflow's api-server, and inventory_sync runs sooner: on a real Airflow, without a login."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
KNOCK = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from airflow.api_fastapi.app import create_app
from airflow.models.asset import AssetDagRunQueue, AssetEvent, AssetModel
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from governance.core import webhooks

SECRET = "a secret that both sides know"

def deliver(client, id_, secret=SECRET):
    at = str(int(time.time()))
    headers = {
        "X-MLflow-Delivery-Id": id_, "X-MLflow-Timestamp": at,
        "X-MLflow-Signature": webhooks.signature(secret, id_, at, b"{}"),
    }
    return client.post("/governance/webhooks/mlflow", content=b"{}", headers=headers).status_code

seen = {}
app = create_app(apps="core")
with TestClient(app) as client:
    seen["before_the_dag_is_known"] = deliver(client, "first")
    bag = DagBag(dag_folder="dags")
    with create_session() as session:
        from airflow.models.dagbundle import DagBundleModel
        session.add(DagBundleModel(name="dags-folder"))
    sync_bag_to_db(bag, "dags-folder", None)
    with create_session() as session:
        for dag in session.scalars(select(DagModel)):
            dag.is_paused = False
    seen["retried"] = deliver(client, "first")
    seen["replayed"] = deliver(client, "first")
    seen["forged"] = deliver(client, "second", "another secret")
    seen["again"] = deliver(client, "third")
    seen["others"] = {path: client.get(path).status_code for path in ("/governance/docs", "/governance/openapi.json", "/governance/redoc")}
with create_session() as session:
    seen["queued"] = [row.target_dag_id for row in session.scalars(select(AssetDagRunQueue))]
    seen["events"] = [
        [uri, event.extra] for event, uri in
        session.execute(select(AssetEvent, AssetModel.uri).join(AssetModel, AssetModel.id == AssetEvent.asset_id))
    ]
json.dump(seen, open(sys.argv[1], "w"))
"""
LOADED = """
import sys
from airflow import plugins_manager
apps, _ = plugins_manager.get_fastapi_plugins()
print([a["url_prefix"] for a in apps if a["name"] == "Governance"], sorted({"fastapi", "starlette"} & set(sys.modules)))
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "GOVERNANCE_"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
        "PYTHONPATH": str(ROOT),
        **more,
    }


def run(script: str, home: Path, *words: str, **more: str) -> str:
    told = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=environment(home, **more), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-4000:]
    return told.stdout


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    secret = "a secret that both sides know"  # noqa: S105 - of the test
    run(KNOCK, home, str(home / "seen.json"), GOVERNANCE_MLFLOW_WEBHOOK_SECRET=secret)
    content: dict[str, Any] = json.loads((home / "seen.json").read_text())
    return content


def test_a_signed_delivery_queues_one_run_of_the_inventory_sync(seen: dict[str, Any]) -> None:
    assert seen["retried"] == 202
    assert seen["queued"] == ["inventory_sync"]


def test_the_event_says_where_it_came_from_and_nothing_of_its_content(seen: dict[str, Any]) -> None:
    assert seen["events"] == [["governance://registry-hint/", {"from": "mlflow webhook"}]]


def test_a_delivery_before_the_dag_is_known_is_asked_for_again(seen: dict[str, Any]) -> None:
    assert seen["before_the_dag_is_known"] == 503


def test_replays_and_forgeries_queue_nothing(seen: dict[str, Any]) -> None:
    assert (seen["replayed"], seen["forged"]) == (409, 401)


def test_a_second_delivery_within_seconds_is_taken_without_an_event_of_its_own(seen: dict[str, Any]) -> None:
    assert seen["again"] == 202
    assert len(seen["events"]) == 1


def test_nothing_else_is_open(seen: dict[str, Any]) -> None:
    assert set(seen["others"].values()) == {401}


def test_the_plugin_loads_no_web_framework_where_nobody_serves_the_web(tmp_path: Path) -> None:
    assert run(LOADED, tmp_path).strip().splitlines()[-1] == "['/governance'] []"
