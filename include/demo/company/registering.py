# SPDX-License-Identifier: Apache-2.0
"""Records one version in MLflow: run, data, model, numbers, words, number, alias."""

from __future__ import annotations

import warnings
from importlib.metadata import version as installed
from typing import TYPE_CHECKING

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException
from mlflow.models import infer_signature

from include.demo.company import assistant, cards, sources
from include.demo.company.probes import FAQ

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow.models.model import ModelInfo

    from include.demo.company.fairness import Gap
    from include.demo.company.terms import Built, Plan

TREES = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
MISSING = "RESOURCE_DOES_NOT_EXIST"


def registered(client: MlflowClient, plan: Plan) -> bool:
    """Tell whether a version stands; finish one that an earlier run left half done."""
    try:
        found = client.get_model_version(plan.model, str(plan.version))
    except MlflowException as error:
        if error.error_code == MISSING:
            return False
        raise
    run = found.run_id or ""
    if client.get_run(run).info.status != "FINISHED":
        _promote(client, plan)
        client.set_terminated(run)
    return True


def register(client: MlflowClient, folder: Path, plan: Plan, built: Built, gaps: list[Gap]) -> None:
    """Log the run and register the version; the run ends last, so its end means done."""
    _ensure_model(client, plan.model)
    with mlflow.start_run(run_name=plan.title) as run, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # integer columns, said once for each column
        model = _log_model(built)
        mlflow.log_params(built.params)
        _log_tables(folder, plan, built, model.model_id)
        _log_words(plan, built, gaps)
        made = client.create_model_version(
            plan.model,
            model.model_uri,
            run.info.run_id,
            tags=cards.version_tags(plan, built, run.info.run_id),
            description=cards.version_description(plan),
            model_id=model.model_id,
        )
        _same_number(plan, int(made.version))
        _promote(client, plan)


def _ensure_model(client: MlflowClient, model: str) -> None:
    text = cards.model_text(model)
    tags = cards.model_tags(text) if text else None
    description = cards.both(text["description"]) if text else None
    try:
        client.create_registered_model(model, tags, description)
    except RestException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _log_model(built: Built) -> ModelInfo:
    if isinstance(built.estimator, assistant.Assistant):
        return _log_assistant()
    example = built.training[list(built.features)].head(3)
    logged: ModelInfo = mlflow.sklearn.log_model(
        built.estimator,
        name="model",
        signature=infer_signature(example, built.estimator.predict(example)),
        input_example=example,
        pip_requirements=_needs("scikit-learn", "skops", "pandas"),
        skops_trusted_types=list(TREES),
    )
    return logged


def _log_assistant() -> ModelInfo:
    # The file itself is the model ("models from code"): nothing is pickled.
    logged: ModelInfo = mlflow.pyfunc.log_model(
        name="model",
        python_model=assistant.__file__,
        artifacts={"faq": str(FAQ)},
        input_example=["有給休暇を申請したいです"],
        pip_requirements=_needs("mlflow", "pyyaml"),
    )
    return logged


def _log_tables(folder: Path, plan: Plan, built: Built, model_id: str) -> None:
    sources.log_training(folder, plan, built.training)
    if built.evaluation is None:
        return
    data = sources.log_evaluation(folder, plan, built.evaluation)
    mlflow.log_metrics(built.metrics, model_id=model_id, dataset=data)
    if "kind" in built.evaluation:
        mlflow.log_table(built.evaluation, "evaluation/probes.json")


def _log_words(plan: Plan, built: Built, gaps: list[Gap]) -> None:
    if cards.model_text(plan.model) is None:
        return
    mlflow.log_text(cards.card(plan, built, gaps), "model_card.md")
    if built.importance:
        mlflow.log_dict(built.importance, "explanation.json")


def _promote(client: MlflowClient, plan: Plan) -> None:
    if plan.alias:
        client.set_registered_model_alias(plan.model, plan.alias, str(plan.version))


def _same_number(plan: Plan, number: int) -> None:
    if number != plan.version:
        raise RuntimeError(
            f"{plan.title} was registered as version {number}: "
            "somebody deleted or added versions; start with an empty MLflow"
        )


def _needs(*names: str) -> list[str]:
    return [f"{name}=={installed(name)}" for name in names]
