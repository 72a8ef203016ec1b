# SPDX-License-Identifier: Apache-2.0
"""`make demo` in a fresh directory: from nothing to gates, registers and packs, by a real Airflow."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parents[2]
USE_CASES = (
    "個人与信スコアリング",
    "健康相談の優先案内",
    "乳がん診断支援",
    "社内問い合わせアシスタント",
    "帳票の数字読取",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Checkout:
    """A copy of the tracked files, with nothing built, and the demo's environment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = os.environ | {
            "DEMO_AIRFLOW_PORT": str(free_port()),
            "DEMO_MLFLOW_PORT": str(free_port()),
            "NO_COLOR": "1",
        }
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in filter(None, tracked.decode().split("\0")):
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "--no-print-directory", target]
        return subprocess.run(
            command, cwd=self.path, env=self.environment, capture_output=True, text=True, timeout=900, check=False
        )

    @property
    def summary(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.path / ".demo" / "summary.json").read_text())
        return content

    @contextmanager
    def airflow(self) -> Generator[Checkout]:
        """The demo's Airflow, up again on the state that the demo left."""
        up = self.make("up")
        assert up.returncode == 0, up.stdout + up.stderr
        try:
            yield self
        finally:
            assert self.make("down").returncode == 0

    def airflow_command(self, *words: str) -> str:
        """Run Airflow's own command line on the demo's Airflow, as its administrator would."""
        home = self.path / ".demo" / "airflow"
        environment = {name: value for name, value in self.environment.items() if not name.startswith("AIRFLOW")}
        environment |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.path / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.path / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "GOVERNANCE_POLICY_DIR": str(self.path / "include" / "policy"),
        }
        command = [str(self.path / ".venv" / "bin" / "airflow"), *words]
        told = subprocess.run(command, cwd=self.path, env=environment, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    def backfill_october(self) -> dict[str, str]:
        """Let Airflow's backfill build October's pack; returns the digest of each file."""
        self.airflow_command(
            *("backfill", "create", "--dag-id", "committee_pack", "--reprocess-behavior", "completed"),
            *("--from-date", "2026-10-01", "--to-date", "2026-10-31"),
        )
        self.wait_until_done()
        packs = sorted((self.path / ".demo" / "packs").glob("2026-10-r*.pdf"))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in packs}

    def wait_until_done(self) -> None:
        """Airflow closes a backfill some seconds after its last run ended."""
        deadline = time.monotonic() + 180
        while self.query("select id from backfill where completed_at is null"):
            assert time.monotonic() < deadline, self.runs("true")
            time.sleep(1)

    def runs(self, condition: str) -> list[tuple[str, str, str]]:
        return self.query(f"select dag_id, run_type, state from dag_run where {condition}")  # noqa: S608 - our own text

    def query(self, text: str) -> list[tuple[str, str, str]]:
        database = sqlite3.connect(f"file:{self.path}/.demo/airflow/airflow.db?mode=ro", uri=True)
        try:
            return database.execute(text).fetchall()
        finally:
            database.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("fresh") / "governance")
    told = checkout.make("demo")
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-6000:]
    return checkout


def gates(demo: Checkout) -> dict[str, dict[str, Any]]:
    """The release gate's decision on each version."""
    return {gate["subject"]: gate for gate in demo.summary["gates"] if gate["gate"] == "G4"}


def blocking(demo: Checkout, subject: str) -> set[tuple[str, str]]:
    return {(check["check"], check["verdict"]) for check in gates(demo)[subject]["checks"] if check["blocks"]}


def test_airflow_itself_ran_every_dag_and_only_red_gates_are_red(demo: Checkout) -> None:
    ran = {(dag_id, state) for dag_id, _type, state in demo.runs("true")}
    assert {dag_id for dag_id, _state in ran} == {
        *("inventory_sync", "model_gate", "risk_register", "kpi_metrics", "committee_pack", "evidence_seal"),
        "use_case_gate",
    }
    assert {dag_id for dag_id, state in ran if state == "failed"} == {"model_gate", "use_case_gate"}
    assert {state for _dag_id, state in ran} == {"success", "failed"}


def test_asset_events_led_from_the_inventory_to_the_gates_to_the_registers(demo: Checkout) -> None:
    led = {(run["dag_id"], by) for run in demo.summary["dag_runs"] for by in run["triggered_by"]}
    assert {("model_gate", "inventory_sync"), ("risk_register", "model_gate"), ("kpi_metrics", "risk_register")} <= led


def test_a_fair_clean_and_documented_version_passes(demo: Checkout) -> None:
    for subject in ("credit-scoring v1", "health-support v1", "diagnosis-support v1"):
        assert gates(demo)[subject]["verdict"] == "pass", gates(demo)[subject]


def test_the_unfair_candidate_is_blocked_by_bias_alone(demo: Checkout) -> None:
    assert ("bias", "fail") in blocking(demo, "credit-scoring v2")
    assert {check for check, _verdict in blocking(demo, "credit-scoring v2")} == {"bias"}


def test_broken_data_block_by_data_quality(demo: Checkout) -> None:
    assert ("data_quality", "fail") in blocking(demo, "diagnosis-support v2")


def test_too_few_people_are_insufficient_and_block(demo: Checkout) -> None:
    assert ("bias", "insufficient") in blocking(demo, "card-offer v1")


def test_an_undocumented_version_is_blocked_by_its_documentation(demo: Checkout) -> None:
    assert blocking(demo, "product-quality v1") == {("documentation", "fail")}


def test_what_only_people_can_open_waits_for_them(demo: Checkout) -> None:
    waiting = {(g["subject"], g["gate"]) for g in demo.summary["gates"] if g["verdict"] == "pending"}
    assert waiting == {("health-support v1", "G3")}


def test_a_champion_that_nobody_evaluated_is_found(demo: Checkout) -> None:
    found = {(finding["kind"], finding["subject"]) for finding in demo.summary["findings"]}
    assert ("ungoverned_champion", "form-reader v1") in found
    assert ("orphan", "churn-experiment") in found
    assert ("ownerless", "product-quality") in found


def test_the_packs_are_there_in_both_languages(demo: Checkout) -> None:
    files = [Path(path) for pack in demo.summary["packs"] for path in pack["files"]]
    assert {path.suffixes[-2] for path in files} == {".ja", ".en"}
    assert all(path.read_bytes().startswith(b"%PDF-") for path in files)


def test_the_japanese_pack_names_use_cases_and_reasons(demo: Checkout) -> None:
    pdftotext = shutil.which("pdftotext")
    if pdftotext is None and "CI" not in os.environ:
        pytest.skip("pdftotext is not installed (Debian: poppler-utils)")
    assert pdftotext, "CI installs poppler-utils"
    (path,) = (path for pack in demo.summary["packs"] for path in pack["files"] if path.endswith(".ja.pdf"))
    told = subprocess.run([pdftotext, "-layout", path, "-"], capture_output=True, check=True).stdout
    text = "".join(told.decode().replace("\u200b", "").split())
    for wanted in (*USE_CASES, "選択率の比", "データ品質", "不通過"):
        assert wanted in text


def test_the_summary_times_every_stage(demo: Checkout) -> None:
    seconds = demo.summary["seconds"]
    assert len(seconds) >= 6
    assert all(value >= 0 for value in seconds.values())


def test_nothing_is_left_running(demo: Checkout) -> None:
    assert "pid" not in demo.make("status").stdout


def test_backfilling_a_past_month_twice_gives_the_same_bytes(demo: Checkout) -> None:
    with demo.airflow():
        first = demo.backfill_october()
        assert set(first) == {"2026-10-r1.ja.pdf", "2026-10-r1.en.pdf"}
        assert demo.backfill_october() == first
    assert {("committee_pack", "backfill", "success")} <= set(demo.runs("run_type = 'backfill'"))


def test_the_evidence_is_sealed_outside_the_database_and_an_auditor_verifies_it_offline(demo: Checkout) -> None:
    home = demo.path / ".demo"
    environment = {name: value for name, value in demo.environment.items() if not name.startswith("GOVERNANCE_")}
    environment |= {
        "GOVERNANCE_DATABASE_URL": f"sqlite:///{home}/governance.db",
        "GOVERNANCE_SIGNING_KEY_FILE": str(home / "signing.key"),
        "GOVERNANCE_CHECKPOINT_URL": str(home / "checkpoints"),
        "GOVERNANCE_EVIDENCE_URL": str(home / "evidence"),
        "GOVERNANCE_PACK_DIR": str(home / "packs"),
    }

    def run(*command: str) -> str:
        told = subprocess.run(
            command, cwd=demo.path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    governance = str(demo.path / ".venv" / "bin" / "governance")
    run(governance, "evidence", "verify")
    run(governance, "evidence", "bundle", "b.zip", "--model", "credit-scoring")
    (key,) = {link["verifier_key"] for link in json.loads(run("unzip", "-p", "b.zip", "keys.json"))}
    published = sorted(map(str, (home / "checkpoints").glob("*.checkpoint")))
    assert run("python3", "-I", "-S", "tools/audit_verify.py", "b.zip", key, *published[-1:]).startswith("OK ")
