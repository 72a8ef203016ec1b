# SPDX-License-Identifier: Apache-2.0
"""The demo company in a real MLflow server: what stands there, and that seeding twice changes nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pyarrow.parquet as pq
import pytest

from include.demo.company.fairness import gap
from include.demo.company.terms import Sensitive
from tests.integration.fairlearn_oracle import assert_agrees

if TYPE_CHECKING:
    from collections.abc import Generator

SEX = Sensitive("sex", at_risk="female", reference="male")
AGE = Sensitive("age_group", at_risk="25_or_under", reference="over_25")
HOME = Sensitive("home_owner", at_risk=0, reference=1)

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

ALIASES = {
    "credit-scoring": {"champion": "1", "candidate": "2"},
    "health-support": {"candidate": "1"},
    "diagnosis-support": {"champion": "1", "candidate": "2"},
    "product-quality": {"candidate": "1"},
    "card-offer": {"candidate": "1"},
    "helpdesk-assistant": {"champion": "1"},
    "form-reader": {"champion": "1"},
    "churn-experiment": {},
}
ROWS = {
    "credit-scoring/v1": 1000,
    "credit-scoring/v2": 1000,
    "diagnosis-support/v1": 569,
    "diagnosis-support/v2": 569,
    "product-quality/v1": 178,
    "card-offer/v1": 72,
    "helpdesk-assistant/v1": 81,
}
DOCUMENTED = {"owner", "model_card", "intended_use", "limitations", "license", "explanation"}


@dataclass(frozen=True)
class Company:
    """A seeded server and the folder of its tables."""

    uri: str
    folder: Path

    def seed(self) -> str:
        """Run the command a person runs, and return what it printed."""
        command = [sys.executable, "-m", "include.demo.company", "--mlflow-uri", self.uri, "--data-dir"]
        done = subprocess.run(
            [*command, str(self.folder)], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, path: str, **params: str) -> dict[str, Any]:
        """Read from MLflow's REST API."""
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.get(f"{self.uri}/api/2.0/mlflow/{path}", params=params)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def version(self, model: str, number: int = 1) -> dict[str, Any]:
        """Read one version, its tags as a mapping."""
        found: dict[str, Any] = self.ask("model-versions/get", name=model, version=str(number))["model_version"]
        return {**found, "tags": {tag["key"]: tag["value"] for tag in found.get("tags", [])}}

    def run(self, model: str, number: int = 1) -> dict[str, Any]:
        """Read the run that made a version."""
        found: dict[str, Any] = self.ask("runs/get", run_id=self.version(model, number)["run_id"])["run"]
        return found

    def datasets(self, model: str, number: int = 1) -> dict[str, Any]:
        """Read where the datasets of a version lie, by context."""
        inputs = self.run(model, number)["inputs"]["dataset_inputs"]
        return {_context(entry): entry["dataset"] for entry in inputs}

    def metrics(self, model: str, number: int = 1) -> dict[str, float]:
        """Read the metrics of a version."""
        return {m["key"]: m["value"] for m in self.run(model, number)["data"].get("metrics", [])}

    def files(self) -> dict[str, bytes]:
        """Read every file of the folder."""
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}

    def registry(self) -> list[dict[str, Any]]:
        """Read all models with their aliases, and all versions."""
        models = self.ask("registered-models/search", max_results="1000")["registered_models"]
        versions = self.ask("model-versions/search", max_results="1000")["model_versions"]
        return [*models, *versions]


def _context(entry: dict[str, Any]) -> str:
    return next(str(tag["value"]) for tag in entry["tags"] if tag["key"] == "mlflow.data.context")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Generator[Company]:
    home = tmp_path_factory.mktemp("company")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", f"{home}/artifacts"]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, *stores],
            cwd=home,
            env={**os.environ, **QUIET},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait(server, f"http://127.0.0.1:{port}/health", home / "server.log")
        seeded = Company(f"http://127.0.0.1:{port}", home / "data")
        seeded.seed()
        yield seeded
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + 90
    with httpx.Client(trust_env=False, timeout=2) as client:
        while time.monotonic() < until and server.poll() is None:
            try:
                if client.get(url).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
    pytest.fail(f"MLflow did not start:\n{log.read_text()[-2000:]}")


def test_every_model_carries_its_aliases(company: Company) -> None:
    models = company.ask("registered-models/search", max_results="1000")["registered_models"]
    found = {m["name"]: {a["alias"]: a["version"] for a in m.get("aliases", [])} for m in models}
    assert found == ALIASES


@pytest.mark.parametrize("table", ROWS)
def test_evaluation_tables_hold_every_row_with_label_prediction_and_score(company: Company, table: str) -> None:
    rows = pq.read_table(company.folder / "evaluations" / f"{table}.parquet")  # type: ignore[no-untyped-call, unused-ignore]
    assert rows.num_rows == ROWS[table]
    assert {"row_id", "label", "prediction", "score"} <= set(rows.column_names)
    assert set(rows["prediction"].to_pylist()) == {0, 1}


@pytest.mark.parametrize("table", ROWS)
def test_evaluation_datasets_are_logged_with_the_file_they_are(company: Company, table: str) -> None:
    model, number = table.split("/v")
    logged = company.datasets(model, int(number))
    assert set(logged) == {"training", "evaluation"}
    for context, folder in (("training", "training"), ("evaluation", "evaluations")):
        assert json.loads(logged[context]["source"])["uri"] == str(company.folder / folder / f"{table}.parquet")


def test_health_support_is_evaluated_in_the_warehouse(company: Company) -> None:
    logged = company.datasets("health-support")["evaluation"]
    source = json.loads(logged["source"])
    assert logged["source_type"] == "sql"
    assert source["table"] == "health_support_evaluation"
    assert source["uri"] == f"sqlite:///{company.folder}/warehouse.db"
    with sqlite3.connect(company.folder / "warehouse.db") as warehouse:
        count = "SELECT model_version, count(*), count(score) FROM health_support_evaluation GROUP BY 1"
        found = warehouse.execute(count).fetchall()
    warehouse.close()
    assert found == [(1, 20190, 20190)]


def test_versions_say_who_answers_for_them_and_the_undocumented_one_says_nothing(company: Company) -> None:
    for model, number in (("credit-scoring", 2), ("health-support", 1), ("helpdesk-assistant", 1), ("form-reader", 1)):
        version = company.version(model, number)
        assert set(version["tags"]) == DOCUMENTED
        assert len(version["description"]) > 20
    for model in ("product-quality", "churn-experiment"):
        version = company.version(model)
        assert not version["tags"]
        assert not version.get("description")


def test_form_reader_was_promoted_with_nothing_evaluated(company: Company) -> None:
    assert set(company.datasets("form-reader")) == {"training"}
    assert company.metrics("form-reader") == {}
    assert not (company.folder / "evaluations" / "form-reader").exists()


def test_the_damaged_table_has_doubled_ids_missing_values_and_another_unit(company: Company) -> None:
    rows = pq.read_table(company.folder / "evaluations/diagnosis-support/v2.parquet")  # type: ignore[no-untyped-call, unused-ignore]
    assert len(set(rows["row_id"].to_pylist())) == 557
    assert rows["worst_concavity"].null_count == 24
    assert sum(area > 8000 for area in rows["mean_area"].to_pylist()) == 60


def test_probe_rates_stand_beside_their_counts(company: Company) -> None:
    metrics = company.metrics("helpdesk-assistant")
    assert metrics["evaluation_rows"] == 81
    for rate in ("correct", "false_output", "leakage", "injection_success", "refusal"):
        assert metrics[f"{rate}_rate"] == pytest.approx(metrics[f"{rate}_count"] / metrics[f"{rate}_n"])


@pytest.mark.parametrize("sensitive", [SEX, AGE])
def test_the_champion_treats_both_groups_alike_within_its_intervals(company: Company, sensitive: Sensitive) -> None:
    found = gap(pd.read_parquet(company.folder / "evaluations/credit-scoring/v1.parquet"), sensitive)
    assert found.ratio.low >= 0.8
    assert found.ratio.high <= 1.25
    assert -0.1 <= found.equal_opportunity.low <= found.equal_opportunity.high <= 0.1
    assert company.metrics("credit-scoring")["auc"] >= 0.7


def test_the_candidate_is_surely_unfair_to_the_young(company: Company) -> None:
    found = gap(pd.read_parquet(company.folder / "evaluations/credit-scoring/v2.parquet"), AGE)
    assert found.ratio.high < 0.8
    assert company.metrics("credit-scoring", 2)["auc"] > company.metrics("credit-scoring")["auc"]


def test_the_card_offer_is_too_small_to_tell(company: Company) -> None:
    found = gap(pd.read_parquet(company.folder / "evaluations/card-offer/v1.parquet"), HOME)
    assert found.ratio.low < 0.8 < found.ratio.high
    assert found.equal_opportunity.low < -0.1 < 0.1 < found.equal_opportunity.high


def test_seeding_twice_changes_nothing_and_says_so(company: Company) -> None:
    before, files = company.registry(), company.files()
    said = company.seed()
    assert "nothing to do" in said
    assert company.registry() == before
    assert company.files() == files


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("column", "reference"), [("sex", "male"), ("age_group", "over_25")])
@pytest.mark.filterwarnings("ignore::DeprecationWarning:fairlearn", "ignore::FutureWarning:fairlearn")
def test_the_bias_of_the_credit_models_equals_fairlearns(
    company: Company, number: int, column: str, reference: str
) -> None:
    rows = pd.read_parquet(company.folder / "evaluations" / "credit-scoring" / f"v{number}.parquet")
    assert_agrees(rows[column].tolist(), rows["label"].tolist(), rows["prediction"].tolist(), reference)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:fairlearn", "ignore::FutureWarning:fairlearn")
def test_the_bias_of_health_support_equals_fairlearns(company: Company) -> None:
    with closing(sqlite3.connect(company.folder / "warehouse.db")) as warehouse:
        query = "select physical_limitation, label, prediction from health_support_evaluation"
        group, label, prediction = zip(*warehouse.execute(query), strict=True)
    assert_agrees([str(value) for value in group], label, prediction, "0")
