# SPDX-License-Identifier: Apache-2.0
"""A company whose credit model is unfair, its people with accounts, and a real Airflow and MLflow that it works with."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from playwright.sync_api import StorageState

from governance.store import oversight as oversight_facts
from tests.airflow_server import World, working
from tests.integration.mlflow_server import mlflow_server
from tests.integration.releases import release
from tests.ui import facts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from governance.policy import Policy

MODEL: Final = "lending"
PEOPLE: Final = {"tanaka": "Model Owner", "suzuki": "Approver", "sato": "CAIO", "admin": "Admin"}
NAMES: Final = (facts.HOSTILE[0], facts.HOSTILE[5], facts.HOSTILE[6])
"""Models of nobody's use case, called what somebody liked; MLflow allows all but a slash and a colon."""
_ROWS: Final = {"female": {"1": 200, "0": 300}, "male": {"1": 400, "0": 100}}
"""Predictions by sex: half as many women are accepted."""


@dataclass
class Company(World):
    """What the tests ask of it besides."""

    run: str = ""
    """The run of model_gate that was red."""
    sessions: dict[str, StorageState] = field(default_factory=dict)
    """What the browsers of those who have logged in keep of it."""

    def gate_task(self, label: str) -> str:
        """The path of the red task of a version."""
        tasks = self.tasks("model_gate", self.run).items()
        [index] = [index for (name, index), task in tasks if name == "gate" and task["rendered_map_index"] == label]
        return f"/dags/model_gate/runs/{quote(self.run, safe='')}/tasks/gate/mapped/{index}"

    def answered(self) -> set[str]:
        """The seats that have answered, as the facts tell."""
        with self.there.rt.reading() as session:
            return {one.seat for one in oversight_facts.responses(session, self.there.rt.current(session))}

    def takes_to_gates(self) -> str:
        """Have model_gate run once more; gives the run."""
        run = self.trigger(self.admin, "model_gate")
        self.ended("model_gate", run)
        return run


@contextlib.contextmanager
def company(home: Path) -> Iterator[Company]:
    """Everything up to the red task, as the product itself comes to it."""
    data = home / "data"
    data.mkdir()
    rows = [f"{sex},{said},{n % 2}" for sex, by in _ROWS.items() for said, count in by.items() for n in range(count)]
    (data / "lending.csv").write_text("\n".join(["sex,prediction,label", *rows]), encoding="utf-8")
    (home / "mlflow").mkdir()
    dags = ("gate_review", "waiver_request")
    with mlflow_server(home / "mlflow") as uri, release(home, uri, MODEL) as found:
        there = found.under(_unfair(found.rt.policy))
        for name in NAMES:
            there.register(1, name)
            there.point("candidate", 1, name)
        there.sync()
        with working(home, there, PEOPLE, *dags, GOVERNANCE_DATA_DIR=str(data)) as world:
            made = Company(world.airflow, there, world.admin)
            made.unpause("model_gate")
            made.until("model_gate runs", lambda: bool(made.runs("model_gate")))
            [made.run] = made.runs("model_gate")
            made.ended("model_gate", made.run)
            yield made


def _unfair(policy: Policy) -> Policy:
    content = policy.model_dump(mode="json")
    content["gates"]["gates"]["G4"]["required_checks"] = {"high": ["bias"]}
    case = content["use_cases"]["use_cases"]["credit-scoring"]
    judged = {"label": "label", "prediction": "prediction", "sensitive": ["sex"], "reference": {"sex": "male"}}
    case["evaluation"] = {"source": {"kind": "file", "path": "lending.csv"}, **judged}
    content["checks"]["checks"]["bias"]["limits"] = {"selection_rate_ratio": 0.8}
    return type(policy).model_validate(content, strict=False)
