# SPDX-License-Identifier: Apache-2.0
"""`docs/how-to/own-mlflow.md`, run from top to bottom against a real MLflow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.integration.mlflow_server import mlflow_server

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [ROOT / "docs" / "how-to" / name for name in ("own-mlflow.md", "own-mlflow.ja.md")]
TEXT = "Advises on further tests; not for children; see the card."


def commands(guide: Path) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as uri:
        mlflow.set_tracking_uri(uri)
        yield uri


def evaluation(target: Path) -> tuple[float, int]:
    """Write honest out-of-fold predictions; returns accuracy and the number of rows."""
    data = load_breast_cancer(as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    predicted = cross_val_predict(model, data.data, data.target, cv=5)
    rows = pd.DataFrame(
        {"mean_radius": data.data["mean radius"], "label": data.target, "prediction": predicted.astype(int)}
    )
    target.parent.mkdir(parents=True)
    rows.to_parquet(target)
    return float((rows["label"] == rows["prediction"]).mean()), len(rows)


def register(uri: str, accuracy: float, n: int) -> None:
    client = MlflowClient(tracking_uri=uri)
    run = client.create_run(client.create_experiment("screening"))
    client.log_metric(run.info.run_id, "accuracy", accuracy)
    client.log_metric(run.info.run_id, "evaluation_rows", n)
    client.set_terminated(run.info.run_id)
    client.create_registered_model("tumour-screening", description=TEXT)
    tags = dict.fromkeys(("intended_use", "limitations", "model_card"), TEXT)
    client.create_model_version("tumour-screening", "s3://models/1", run.info.run_id, tags=tags, description=TEXT)


def test_the_guide_works_as_it_is_written(tracking_uri: str, tmp_path: Path) -> None:
    accuracy, n = evaluation(tmp_path / "data" / "screening" / "v1.parquet")
    register(tracking_uri, accuracy, n)
    script = "set -eux\n" + "".join(commands(GUIDES[0]))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOVERNANCE_")}
    environment |= {
        "MLFLOW_TRACKING_URI": tracking_uri,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
    }
    told = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "1 models, 1 versions" in told.stdout
    assert "G4 tumour-screening v1 (high): passed" in told.stdout
    assert "bias: exempt - The data name no attribute to compare" in told.stdout
    assert "K-G04" in told.stdout
    assert {path.suffixes[-2] for path in (tmp_path / "packs").glob("*.pdf")} == {".ja", ".en"}


def test_both_languages_give_the_same_commands() -> None:
    assert commands(GUIDES[0]) == commands(GUIDES[1])
    assert sum(line.startswith("governance ") for block in commands(GUIDES[0]) for line in block.splitlines()) >= 10
