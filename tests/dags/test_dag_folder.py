# SPDX-License-Identifier: Apache-2.0
"""The DAG folder as Airflow sees it: exactly our DAGs, parsed fast, complete and serialisable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAGS = {
    *("inventory_sync", "model_gate", "risk_register", "kpi_metrics", "committee_pack", "evidence_seal"),
    *("use_case_gate", "gate_review", "alias_guard", "emergency_hold", "waiver_request", "policy_replay"),
}
FORMS = {"emergency_hold", "waiver_request"}
"""Run by people, with parameters, as many at a time as there are people."""
REVIEW = {"gate_review"}
"""Waits for people for days."""
TAGS = {"governance", "holds", "waivers", "inventory", "gates", "risks", "kpis", "reports", "evidence"}
LOOK = """
import json, logging, sys, time
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
started, before = time.perf_counter(), set(sys.modules)
bag = DagBag(dag_folder="dags")
seconds = time.perf_counter() - started
loaded = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
dags = {}
for dag_id, dag in bag.dags.items():
    stored = DagSerialization.serialize_dag(dag)
    again = DagSerialization.deserialize_dag(stored)
    dags[dag_id] = {
        "file": dag.fileloc, "tags": sorted(dag.tags), "doc": dag.doc_md, "owner": dag.owner, "catchup": dag.catchup,
        "same": again.timetable.serialize() == stored["timetable"]["__var"],
        "tasks": {
            t.task_id: {
                "retries": t.retries, "outlets": [a.uri for a in t.outlets],
                "downstream": sorted(t.downstream_task_ids), "rule": str(getattr(t.trigger_rule, "value", t.trigger_rule)),
            } for t in dag.tasks
        },
        "schedule": stored["timetable"], "max_active_runs": dag.max_active_runs,
    }
json.dump({"dags": dags, "errors": bag.import_errors, "seconds": seconds, "loaded": loaded}, open(sys.argv[1], "w"))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "GOVERNANCE_"))}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    subprocess.run([sys.executable, "-c", LOOK, str(home / "seen.json")], env=environment, cwd=ROOT, check=True)
    content: dict[str, Any] = json.loads((home / "seen.json").read_text())
    return content


def test_the_folder_holds_exactly_our_dags_and_every_one_imports(seen: dict[str, Any]) -> None:
    assert seen["errors"] == {}
    assert set(seen["dags"]) == DAGS


def test_every_dag_has_the_name_of_its_file_and_of_its_step(seen: dict[str, Any]) -> None:
    for dag_id, dag in seen["dags"].items():
        assert Path(dag["file"]).stem == dag_id
        assert (ROOT / "governance" / "steps" / f"{dag_id}.py").is_file()


def test_no_dag_file_shadows_an_installed_module() -> None:
    script = "import importlib.util, sys; print([n for n in sys.argv[1:] if importlib.util.find_spec(n)])"
    told = subprocess.run([sys.executable, "-I", "-c", script, *DAGS], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_parsing_the_folder_takes_less_than_two_seconds_beyond_airflow(seen: dict[str, Any]) -> None:
    assert seen["seconds"] < 2


def test_parsing_loads_nothing_heavy(seen: dict[str, Any]) -> None:
    heavy = {"mlflow", "great_expectations", "pandas", "duckdb", "sklearn", "scipy", "typst", "fontTools"}
    assert heavy.isdisjoint(seen["loaded"])


def test_every_dag_tells_who_owns_it_what_it_does_and_belongs_to_known_tags(seen: dict[str, Any]) -> None:
    for dag in seen["dags"].values():
        assert dag["owner"] == "ai-governance"
        assert dag["doc"].startswith("### ")
        assert set(dag["tags"]) <= TAGS
        assert "governance" in dag["tags"]


def test_every_dag_runs_one_at_a_time_without_catching_up_and_retries_outages(seen: dict[str, Any]) -> None:
    for dag_id, dag in seen["dags"].items():
        assert dag["catchup"] is False
        assert dag["max_active_runs"] == (16 if dag_id in FORMS | REVIEW else 1)
        waits_longer = {("gate_review", "ask"): 20, ("emergency_hold", "enforce"): 5}
        for task_id, task in dag["tasks"].items():
            assert task["retries"] == waits_longer.get((dag_id, task_id), 2)


def test_every_timetable_survives_storage(seen: dict[str, Any]) -> None:
    assert all(dag["same"] for dag in seen["dags"].values())


def test_assets_lead_from_inventory_to_gates_to_risks_to_kpis(seen: dict[str, Any]) -> None:
    outlets = {
        (dag_id, task_id): [uri.rstrip("/") for uri in task["outlets"]]
        for dag_id, dag in seen["dags"].items()
        for task_id, task in dag["tasks"].items()
        if task["outlets"]
    }
    assert outlets == {
        ("inventory_sync", "sync"): ["governance://inventory"],
        ("model_gate", "announce"): ["governance://gates"],
        ("use_case_gate", "decide"): ["governance://gates"],
        ("risk_register", "reassess"): ["governance://risks"],
    }
    assert "governance://inventory" in json.dumps(seen["dags"]["model_gate"]["schedule"])
    assert "governance://gates" in json.dumps(seen["dags"]["risk_register"]["schedule"])
    assert "governance://risks" in json.dumps(seen["dags"]["kpi_metrics"]["schedule"])


def test_a_model_gate_run_is_red_while_a_gate_is_and_tells_the_registers_all_the_same(seen: dict[str, Any]) -> None:
    below = {name: set(task["downstream"]) for name, task in seen["dags"]["model_gate"]["tasks"].items()}
    assert below == {
        "plan": {"version.check", "version.decide", "closed", "beyond"},
        "version.check": {"version.decide"},
        "version.decide": {"closed", "beyond", "announce"},
        "closed": {"gate"},
        "gate": set(),
        "beyond": set(),
        "announce": set(),
    }
    rules = {name: task["rule"] for name, task in seen["dags"]["model_gate"]["tasks"].items()}
    assert (rules["closed"], rules["gate"], rules["beyond"]) == ("all_done", "all_success", "none_failed")


def test_the_inventory_is_read_every_hour_and_when_a_change_is_announced(seen: dict[str, Any]) -> None:
    schedule = seen["dags"]["inventory_sync"]["schedule"]
    assert schedule["__type"].endswith("AssetOrTimeSchedule")
    told = json.dumps(schedule)
    assert "governance://registry-hint" in told
    assert "0 * * * *" in told
