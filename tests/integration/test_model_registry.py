# SPDX-License-Identifier: Apache-2.0
"""Reading a real MLflow server."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from governance.errors import SourceError
from governance.settings import Settings
from governance.sources.model_registry import PageSizes, ping, read, sweep
from tests.integration.mlflow_server import mlflow_server, mlflow_uri

__all__ = ["mlflow_uri"]

HOSTILE = (
    "<script>alert(1)<script>", "=1+1", "😀", "a\u202eb", "x" * 5_000, "信用スコア", "line\nbreak", "'; DROP TABLE x; --",
)  # fmt: skip


class Api:
    """What owners do, over REST: the mlflow client takes seconds to import."""

    def __init__(self, uri: str) -> None:
        self._client = httpx.Client(base_url=f"{uri}/api/2.0/mlflow/", trust_env=False, timeout=60)

    def close(self) -> None:
        self._client.close()

    def post(self, path: str, **body: Any) -> Any:
        return self._client.post(path, json=body).raise_for_status().json()

    def model(self, name: str, **body: Any) -> str:
        self.post("registered-models/create", name=name, **body)
        return name

    def version(self, name: str, **body: Any) -> int:
        body.setdefault("source", "s3://bucket/model")
        return int(self.post("model-versions/create", name=name, **body)["model_version"]["version"])

    def alias(self, name: str, alias: str, version: int) -> None:
        self.post("registered-models/alias", name=name, alias=alias, version=str(version))

    def experiment(self, name: str) -> str:
        return str(self.post("experiments/create", name=name)["experiment_id"])

    def run(self, experiment: str, **batch: Any) -> str:
        run = str(self.post("runs/create", experiment_id=experiment, start_time=1)["run"]["info"]["run_id"])
        if batch:
            self.post("runs/log-batch", run_id=run, **batch)
        return run

    def tag(self, name: str, key: str, value: str, *, version: int | None = None) -> None:
        if version is None:
            self.post("registered-models/set-tag", name=name, key=key, value=value)
        else:
            self.post("model-versions/set-tag", name=name, version=str(version), key=key, value=value)


@pytest.fixture(scope="module")
def api(mlflow_uri: str) -> Any:
    api = Api(mlflow_uri)
    yield api
    api.close()


def settings(uri: str, **more: Any) -> Settings:
    return Settings(mlflow_uri=uri, **more)


def metric(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "value": value, "timestamp": 1, "step": 0}


def read_one(uri: str, name: str) -> Any:
    return next(model for model in read(settings(uri)) if model.name == name)


def test_a_version_tells_its_run_its_numbers_and_its_data(api: Api, mlflow_uri: str) -> None:
    run = api.run(
        api.experiment("credit"),
        metrics=[metric("auc", 0.81), metric("loss", "NaN"), metric("gain", "Infinity")],
        params=[{"key": "depth", "value": "3"}],
        tags=[{"key": "mlflow.user", "value": "hanako"}, {"key": "stage", "value": "of the run"}],
    )
    source = json.dumps({"uri": "/data/eval.parquet"})
    dataset = {"name": "eval", "digest": "abc", "source_type": "local", "source": source}
    context = [{"key": "mlflow.data.context", "value": "evaluation"}]
    api.post("runs/log-inputs", run_id=run, datasets=[{"tags": context, "dataset": dataset}])
    api.model("credit", description="与信", tags=[{"key": "owner", "value": "花子"}])
    api.version("credit", run_id=run, description="first", tags=[{"key": "stage", "value": "of the version"}])
    api.version("credit", run_id=run)
    api.alias("credit", "champion", 1)

    model = read_one(mlflow_uri, "credit")

    assert (model.description, model.tags, model.aliases) == ("与信", {"owner": "花子"}, {"champion": 1})
    assert [version.key.version for version in model.versions] == [1, 2]
    first = model.versions[0]
    assert first.run_id == run
    assert first.description == "first"
    assert first.params == {"depth": "3"}
    assert first.metrics["auc"] == 0.81
    assert math.isnan(first.metrics["loss"])
    assert first.metrics["gain"] > 1e308
    assert first.tags["stage"] == "of the version"
    assert first.tags["mlflow.user"] == "hanako"
    (data,) = first.datasets
    assert (data.context, data.name, data.digest, data.source) == ("evaluation", "eval", "abc", "/data/eval.parquet")
    assert abs(datetime.now(UTC) - first.created_at) < timedelta(minutes=5)


def test_what_mlflows_own_client_logs_is_read(api: Api, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # By the environment: `set_tracking_uri` and `set_experiment` would outlive this test.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow
    import pandas as pd
    from mlflow.data.pandas_dataset import from_pandas

    with mlflow.start_run(experiment_id=api.experiment("by the client")) as run:
        dataset = from_pandas(
            pd.DataFrame({"x": [1.0]}), source="https://data.example/eval.csv", name="eval", digest="d1"
        )
        mlflow.log_input(dataset, context="evaluation")
        mlflow.log_metric("auc", 0.7)
    client = mlflow.MlflowClient()
    client.create_registered_model("client")
    client.create_model_version("client", "s3://bucket/x", run.info.run_id)

    (version,) = read_one(mlflow_uri, "client").versions
    assert version.metrics == {"auc": 0.7}
    assert [(each.context, each.source) for each in version.datasets] == [
        ("evaluation", "https://data.example/eval.csv")
    ]


def test_a_version_from_a_logged_model_without_a_run_tells_the_models_numbers(api: Api, mlflow_uri: str) -> None:
    experiment = api.experiment("logged")
    params, tags = [{"key": "depth", "value": "9"}], [{"key": "kind", "value": "tree"}]
    told = api.post("logged-models", experiment_id=experiment, name="m", params=params, tags=tags)["model"]["info"]
    run = api.run(experiment)
    api.post("runs/log-metric", run_id=run, model_id=told["model_id"], key="auc", value=0.9, timestamp=1)
    api.model("from-logged")
    api.version("from-logged", source=f"models:/{told['model_id']}", model_id=told["model_id"])

    (version,) = read_one(mlflow_uri, "from-logged").versions

    assert version.run_id is None
    assert version.metrics == {"auc": 0.9}
    assert version.params == {"depth": "9"}
    assert version.tags["kind"] == "tree"


def test_a_logged_model_leads_to_the_run_it_came_from(api: Api, mlflow_uri: str) -> None:
    experiment = api.experiment("logged by a run")
    run = api.run(experiment, metrics=[metric("auc", 0.6)])
    told = api.post("logged-models", experiment_id=experiment, name="m", source_run_id=run)["model"]["info"]
    api.model("from-run")
    api.version("from-run", source=f"models:/{told['model_id']}", model_id=told["model_id"])

    (version,) = read_one(mlflow_uri, "from-run").versions

    assert (version.run_id, version.metrics) == (run, {"auc": 0.6})


def test_hostile_names_come_through_as_they_are(api: Api, mlflow_uri: str) -> None:
    for name in HOSTILE:
        api.model(name)
        api.version(name)

    found = {model.name: model for model in read(settings(mlflow_uri))}

    assert set(HOSTILE) <= found.keys()
    assert all(found[name].versions[0].key.model == name for name in HOSTILE)
    assert list(found) == sorted(found)


def test_names_beyond_all_reason_stay_apart_and_long_texts_are_cut(api: Api, mlflow_uri: str) -> None:
    for end in "ab":
        api.model("y" * 6_000 + end, description="d" * 30_000)

    found = [model for model in read(settings(mlflow_uri)) if model.name.startswith("y" * 5_000)]

    assert len({model.name for model in found}) == 2
    assert all(model.description.endswith("… [cut: 30,000 characters]") for model in found)


def test_nul_characters_become_visible(api: Api, mlflow_uri: str) -> None:
    api.model("nul\0name", tags=[{"key": "k", "value": "a\0b"}])
    assert read_one(mlflow_uri, "nul␀name").tags == {"k": "a␀b"}


def test_runs_of_deleted_experiments_still_count(api: Api, mlflow_uri: str) -> None:
    experiment = api.experiment("deleted later")
    run = api.run(experiment, metrics=[metric("auc", 0.5)])
    api.model("of-the-deleted")
    api.version("of-the-deleted", run_id=run)
    api.post("experiments/delete", experiment_id=experiment)
    assert read_one(mlflow_uri, "of-the-deleted").versions[0].metrics == {"auc": 0.5}


def test_prompts_are_no_models(api: Api, mlflow_uri: str) -> None:
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    api.model("a-prompt", tags=prompt)
    text = {"key": "mlflow.prompt.text", "value": "hello"}
    api.version("a-prompt", source="dummy-source", tags=[*prompt, text])
    assert "a-prompt" not in {model.name for model in read(settings(mlflow_uri))}


def test_a_model_cannot_hide_behind_the_tag_of_prompts(api: Api, mlflow_uri: str) -> None:
    api.model("hider")
    for _ in range(3):
        api.version("hider")
    api.alias("hider", "champion", 2)
    api.tag("hider", "mlflow.prompt.is_prompt", "true", version=1)
    api.tag("hider", "mlflow.prompt.is_prompt", "true")
    model = read_one(mlflow_uri, "hider")
    assert model.aliases == {"champion": 2}
    assert [version.key.version for version in model.versions] == [1, 2, 3]


def test_small_pages_tell_the_same_as_large_ones(api: Api, mlflow_uri: str) -> None:
    for number in range(5):
        api.model(f"paged-{number}")
        api.version(f"paged-{number}", run_id=api.run("0", metrics=[metric("auc", number / 10)]))
    small = sweep(settings(mlflow_uri), sizes=PageSizes(models=2, versions=2, runs=2, experiments=2))
    large = sweep(settings(mlflow_uri))
    assert repr(small.models) == repr(large.models)  # NaN equals itself only in print
    assert small.requests > large.requests


def test_requests_do_not_grow_with_the_number_of_models(tmp_path: Any) -> None:
    with mlflow_server(tmp_path) as uri:
        api = Api(uri)
        costs = []
        for start, stop in ((0, 0), (0, 5), (5, 60)):
            for number in range(start, stop):
                api.model(f"m-{number}")
                version = api.version(f"m-{number}", run_id=api.run("0", metrics=[metric("auc", 0.5)]))
                api.alias(f"m-{number}", "champion", version)
            costs.append(sweep(settings(uri)))
        api.close()
    assert [len(cost.models) for cost in costs] == [0, 5, 60]
    assert all(model.versions[0].metrics == {"auc": 0.5} for model in costs[2].models)
    assert [cost.requests for cost in costs] == [4, 6, 6]


def test_ping_tells_the_servers_version(mlflow_uri: str) -> None:
    assert ping(settings(mlflow_uri))[0].isdigit()


def test_a_host_name_that_mlflow_does_not_allow_is_explained(mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **more: real("127.0.0.1", *rest, **more))
    with pytest.raises(SourceError, match="--allowed-hosts"):
        ping(settings(mlflow_uri.replace("127.0.0.1", "mlflow.example")))


@pytest.mark.parametrize(
    "wrong", ["sqlite:///mlflow.db", "http://admin:hunter2@mlflow:5000", "mlflow:5000", "http://[", ""]
)
def test_an_address_that_is_no_plain_http_address_is_refused_without_being_printed(wrong: str) -> None:
    with pytest.raises(SourceError, match="GOVERNANCE_MLFLOW_URI") as caught:
        read(settings(wrong))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "login",
    [{"mlflow_username": "a"}, {"mlflow_password": SecretStr("hunter2")}, {"mlflow_token": SecretStr("hunter2\nx")}],
)
def test_half_a_login_is_refused_without_being_printed(login: Any) -> None:
    with pytest.raises(SourceError, match="GOVERNANCE_MLFLOW_") as caught:
        read(settings("http://127.0.0.1:9", **login))
    assert "hunter2" not in repr(caught.value)
