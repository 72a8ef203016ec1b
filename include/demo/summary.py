# SPDX-License-Identifier: Apache-2.0
"""What one run of the demo amounted to, as plain data: read from the API and the CLI, written to summary.json."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from include.demo.airflow_api import FINISHED, Json

SOURCE = "inventory_sync"
DRIVEN = ("model_gate", "use_case_gate", "risk_register", "kpi_metrics")
PACK = "committee_pack"
SEAL = "evidence_seal"
REVIEWED = ("gate_review", "alias_guard", "emergency_hold", "waiver_request", "policy_replay")
"""They wait for people, and stay paused in the demo."""
DAGS = frozenset({SOURCE, *DRIVEN, PACK, SEAL, *REVIEWED})


def dag_run(run: Json, events: Iterable[Json]) -> Json:
    """Reduce a run and the asset events that brought it about to what the summary keeps."""
    found = list(events)
    assets = dict.fromkeys(str(event["uri"] or event["name"]).rstrip("/") for event in found)
    sources = dict.fromkeys(str(event["source_dag_id"]) for event in found if event.get("source_dag_id"))
    return {
        "dag_id": run["dag_id"],
        "run_id": run["dag_run_id"],
        "run_type": run["run_type"],
        "state": run["state"],
        "seconds": seconds_between(run.get("start_date"), run.get("end_date")),
        "triggered_by": [*assets, *sources],
    }


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Measure a run; None while it has not ended."""
    if not start or not end:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 1)


def missing(runs: Iterable[Json], wanted: Iterable[str]) -> list[str]:
    """Name the DAGs that have no finished run yet."""
    finished = {run["dag_id"] for run in runs if run["state"] in FINISHED}
    return [dag_id for dag_id in wanted if dag_id not in finished]


def unfinished(runs: Iterable[Json]) -> list[str]:
    """Name the runs that are queued or running."""
    return [f"{run['dag_id']} ({run['state']})" for run in runs if run["state"] not in FINISHED]


def states(runs: Iterable[Json]) -> str:
    """Say in one line where all runs stand."""
    counted = Counter((run["dag_id"], run["state"]) for run in runs)
    return ", ".join(f"{dag_id} {state} x{count}" for (dag_id, state), count in sorted(counted.items())) or "no runs"


def rows(answer: object) -> list[Json]:
    """Take the list out of what the CLI printed: a list of objects.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(answer, list) and all(isinstance(row, dict) for row in answer):
        return answer
    raise TypeError("a JSON list of objects was expected")


def reasons(gate: Mapping[str, object]) -> list[str]:
    """List why a gate stands as it does, each reason as one line."""
    given = gate.get("reasons") or []
    return (
        [_sentence(reason) for reason in given]
        if isinstance(given, Sequence) and not isinstance(given, str)
        else [str(given)]
    )


def paths(value: object) -> Iterator[str]:
    """Find the file paths anywhere in what the CLI says of a pack."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from paths(inner)
    elif isinstance(value, str) and "/" in value and "://" not in value and Path(value).suffix:
        yield value


def write(path: Path, content: Mapping[str, object]) -> None:
    """Write the summary whole or not at all."""
    draft = path.with_suffix(".tmp")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _sentence(reason: object) -> str:
    if isinstance(reason, Mapping):
        return str(reason.get("message") or reason.get("text") or " ".join(str(part) for part in reason.values()))
    return str(reason)
