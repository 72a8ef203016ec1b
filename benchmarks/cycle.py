# SPDX-License-Identifier: Apache-2.0
"""One cycle of gates over a thousand models with small tables: plan, check and decide, as the tasks' steps do it.

usage: python -m benchmarks.cycle [MODELS] [ROWS]

Airflow is not in it: what it adds is a process and a heartbeat per task, so the seconds per model here tell how many
models are worth a task. Files are Parquet, the governance database is SQLite; one process.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from governance.core import inventory
from governance.core.terms import ModelVersion, RegisteredModel, VersionKey
from governance.policy import Policy, load
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import model_gate
from governance.store import database
from governance.store import inventory as facts

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS: Final = 1000
ROWS: Final = 2000
NOW: Final = datetime(2026, 11, 10, 3, tzinfo=UTC)
ROOT: Final = Path(__file__).parents[1]
CASE: Final = "credit-scoring"
TEXT: Final = "what this model is for, at some length"


def fill(home: Path, models: int, rows: int) -> None:
    """One small table that every model is judged on, each by a path of its own."""
    import duckdb

    first = home / "m0.parquet"
    duckdb.execute(f"""
        COPY (SELECT range AS row_id, (h % 2) AS label, CASE WHEN h // 2 % 10 < 8 THEN h % 2 ELSE 1 - h % 2 END AS prediction,
                     ['female', 'male'][1 + (h // 20 % 2)::INT] AS sex, 30 + h // 40 % 40 AS age,
                     (h // 1600 % 1000 / 1000.0)::DOUBLE AS score
              FROM (SELECT range, hash(range) AS h FROM range({rows}))) TO '{first}' (FORMAT parquet)""")
    for number in range(1, models):
        os.link(first, home / f"m{number}.parquet")
    (home / "small.yaml").write_text(
        json.dumps(
            {
                "name": "small",
                "expectations": [
                    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "row_id"}},
                    {
                        "type": "expect_column_values_to_be_between",
                        "kwargs": {"column": "score", "min_value": 0, "max_value": 1},
                    },
                    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "label", "value_set": [0, 1]}},
                ],
            }
        ),
        encoding="utf-8",
    )


def company(models: int) -> Policy:
    """The shipped policy with a use case per model, all checks required."""
    content: dict[str, Any] = load(ROOT / "include" / "policy").model_dump(mode="json")
    case = content["use_cases"]["use_cases"][CASE]
    evaluation = {"label": "label", "prediction": "prediction", "sensitive": ["sex"], "favourable": 1, "reference": {}}
    content["use_cases"]["use_cases"] = {
        f"case-{number}": case
        | {"models": [f"m{number}"], "suite": "small", "exempt": {}}
        | {"evaluation": evaluation | {"source": {"kind": "file", "path": f"m{number}.parquet"}}}
        for number in range(models)
    }
    return Policy.model_validate_json(json.dumps(content))


def know(rt: Runtime, models: int) -> None:
    """An inventory of so many models, one version each."""
    found = [
        RegisteredModel(
            f"m{number}",
            TEXT,
            dict.fromkeys(("intended_use", "limitations", "model_card"), TEXT),
            {"champion": 1},
            (ModelVersion(VersionKey(f"m{number}", 1), f"run-{number}", description=TEXT, metrics={"auc": 0.8}),),
        )
        for number in range(models)
    ]
    with rt.writing() as session:
        telling = rt.telling(session)
        changes = inventory.reconcile(inventory.Reading.whole(found), [])
        facts.record_changes(session, changes, {}, telling)
        facts.record_sweep(session, found, changes, (), telling)


def timed(name: str, models: int, work: Callable[[], object]) -> None:
    """Print how long it took, and per model."""
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{name:<28}{seconds:>9.1f} s{1000 * seconds / models:>9.1f} ms a model\n")


def main(models: int, rows: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as told:
        home = Path(told)
        fill(home, models, rows)
        url = SecretStr(f"sqlite:///{home / 'governance.db'}")
        engine = database.connect(url)
        database.upgrade(engine)
        settings = Settings(database_url=url, data_dir=home, suite_dir=home, evidence_url=str(home / "evidence"))
        rt = Runtime(settings, company(models), engine, lambda: datetime.now(UTC))
        know(rt, models)
        sys.stdout.write(f"{models:,} models, {rows:,} rows each\n")
        planned: list[dict[str, Any]] = []
        timed("plan", models, lambda: planned.extend(model_gate.plan(rt)))
        keys = [VersionKey(one["model"], one["version"]) for one in planned]
        timed("check", models, lambda: [model_gate.check(rt, key) for key in keys])
        timed("decide", models, lambda: [model_gate.decide(rt, key) for key in keys])
        timed("plan again", models, lambda: model_gate.plan(rt))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MODELS, int(sys.argv[2]) if len(sys.argv) > 2 else ROWS)  # noqa: PLR2004
