# SPDX-License-Identifier: Apache-2.0
"""Seeds the whole company into MLflow, and leaves alone what already stands."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import mlflow
from mlflow import MlflowClient

from include.demo.company import tables
from include.demo.company.fairness import Gap, gap
from include.demo.company.plans import PLANS
from include.demo.company.registering import register, registered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from include.demo.company.terms import Built, Plan

EXPERIMENT = "sample-company"


def seed(mlflow_uri: str, folder: Path, say: Callable[[str], None]) -> int:
    """Register every planned version that is missing; return how many there were."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(mlflow_uri)
    mlflow.set_registry_uri(mlflow_uri)
    client = MlflowClient(mlflow_uri, mlflow_uri)
    made = sum(_seed_one(client, folder.resolve(), plan, say) for plan in PLANS)
    say(f"{made} of {len(PLANS)} versions registered" if made else "nothing to do")
    return made


def _seed_one(client: MlflowClient, folder: Path, plan: Plan, say: Callable[[str], None]) -> bool:
    stands = registered(client, plan)
    if stands and tables.present(folder, plan):
        say(f"= {plan.title} is there")
        return False
    built = plan.build()
    tables.write(folder, plan, built)
    if stands:
        say(f"~ {plan.title} is there, its tables were written again")
        return False
    mlflow.set_experiment(EXPERIMENT)
    gaps = _gaps(plan, built)
    register(client, folder, plan, built, gaps)
    for line in _report(plan, built, gaps):
        say(line)
    return True


def _gaps(plan: Plan, built: Built) -> list[Gap]:
    if built.evaluation is None:
        return []
    return [gap(built.evaluation, sensitive) for sensitive in plan.sensitive]


def _report(plan: Plan, built: Built, gaps: list[Gap]) -> list[str]:
    shown = ("evaluation_rows", "auc", "accuracy", "correct_rate", "leakage_rate")
    parts = [f"{name} {built.metrics[name]:.6g}" for name in shown if name in built.metrics]
    head = f"+ {plan.title} ({plan.alias or 'no alias'}): {', '.join(parts) or 'no metrics'}"
    return [head, *(f"    {found}" for found in gaps)]
