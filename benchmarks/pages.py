# SPDX-License-Identifier: Apache-2.0
"""How long each page takes at 10,000 models and 1,000,000 check results: in the app, with templates, without a network.

usage: python -m benchmarks.pages [MODELS]

A SQLite database in a temporary directory, filled by SQL: five versions a model, four checks and a gate decision on
each, five times over. `first` is the first request of a process, which reads how all gates stand; `commit` is a
request after a gate decided, as it happens all the time while model_gate runs.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import SecretStr

from governance.policy import Policy, load
from governance.runtime import Runtime
from governance.settings import Settings
from governance.store import database
from governance.web import app as web
from governance.web.access import Access, TaskRun
from governance.web.serving import Serving

MODELS: Final = 10_000
ROUNDS: Final = 40
COMMITS: Final = 5
NOW: Final = datetime(2026, 11, 10, 3, tzinfo=UTC)
CHECKS: Final = ("bias", "data_quality", "documentation", "performance")
HEAD: Final = "'x', '2026-11-0' || (4 + t) || ' 03:00:00.000000', '2026-11-0' || (4 + t) || ' 03:00:00.000000', 'airflow', 'model_gate/r' || t, hex(randomblob(32))"
"""Subject, both moments, actor, source, digest of the t-th time."""
PATHS: Final = (
    "/",
    "/gates",
    "/gates?state=blocked&page=100",
    "/inventory",
    "/inventory?page=150",
    "/inventory?q=777",
    "/models/model-0500",
    "/models/model-0500/versions/5",
    "/gate/model_gate/r4/version.gate/0",
    "/gate/model_gate/r4/plan/-1",
)


def observations(verdict: str) -> str:
    """What a bias check sees: a dozen comparisons."""
    said = [
        {
            "name": "selection_rate_ratio", "slice": f"sex: group {number} vs male", "value": 0.9, "low": 0.85, "high": 0.95, "limit": 0.8,
            "comparison": ">=", "n": 1000, "verdict": verdict, "detail": {"ja": "選択率", "en": "selected"},
        }
        for number in range(12)
    ]  # fmt: skip
    return json.dumps(said)


def fill(path: Path, models: int) -> None:
    """Write facts as many as asked, with their places in the ledger."""
    with sqlite3.connect(path) as connection:
        run = connection.execute
        run("CREATE TEMP TABLE m AS WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i + 1 < ?) SELECT i, printf('model-%04d', i) AS model FROM r", (models,))  # fmt: skip
        run("CREATE TEMP TABLE v AS SELECT i, model, value AS version FROM m, json_each('[1,2,3,4,5]')")
        run("CREATE TEMP TABLE w AS SELECT v.*, value AS t FROM v, json_each('[0,1,2,3,4]')")
        run(
            f"INSERT INTO registered_model SELECT hex(randomblob(32)), {HEAD}, model, NULL, 'scores', '{{}}', 1 FROM (SELECT *, 0 AS t FROM m)"
        )
        run(
            f"INSERT INTO model_version (id, subject, effective_at, recorded_at, actor, source, digest, model, version, source_uri, description, tags, metrics, params, datasets, is_present) SELECT hex(randomblob(32)), {HEAD}, model, version, 's', 'd', '{{}}', '{{}}', '{{}}', '[]', 1 FROM w WHERE t = 0"
        )
        for alias, version in (("champion", 4), ("candidate", 5)):
            run(f"INSERT INTO alias_event (id, subject, effective_at, recorded_at, actor, source, digest, model, alias, to_version) SELECT hex(randomblob(32)), {HEAD}, model, ?, ? FROM (SELECT *, 0 AS t FROM m)", (alias, version))  # fmt: skip
        for place, check in enumerate(CHECKS):
            seen = f"CASE WHEN version = 5 AND i % 3 = 0 AND {place} = 0 THEN ? ELSE ? END"
            run(f"INSERT INTO check_result (id, subject, effective_at, recorded_at, actor, source, digest, model, version, \"check\", verdict, n, detail, observations, data_digest, definition) SELECT printf('%016x%016x%016x%016x', i, version, t, {place}), {HEAD}, model, version, '{check}', CASE WHEN version = 5 AND i % 3 = 0 AND {place} = 0 THEN 'fail' ELSE 'pass' END, 1000, '{{\"ja\": \"\", \"en\": \"\"}}', {seen}, printf('%064d', t), 'definition' FROM w", (observations("fail"), observations("pass")))  # fmt: skip
        _decide(connection)
        run(
            "INSERT INTO ledger_entry SELECT row_number() OVER () - 1, key, '{}', x'00', NULL FROM (SELECT 'check_result/' || id AS key FROM check_result UNION ALL SELECT 'gate_decision/' || id FROM gate_decision)"
        )
        run(
            "UPDATE ledger_head SET size = (SELECT count(*) FROM ledger_entry), recorded_at = '2026-11-10 03:00:00.000000'"
        )
    with sqlite3.connect(path) as connection:
        connection.execute("ANALYZE")


def _decide(connection: sqlite3.Connection) -> None:
    observation = json.loads(observations("fail"))[0]
    why = [{"check": "bias", "verdict": "fail", "text": {"ja": "", "en": ""}, "observation": observation, "at": "2026-11-08T03:00:00+00:00", "blocks": True, "exempt": False}]  # fmt: skip
    evidence = ", ".join(
        f"'{check}', printf('%016x%016x%016x%016x', i, version, t, {place})" for place, check in enumerate(CHECKS)
    )
    connection.execute(
        f"INSERT INTO gate_decision SELECT hex(randomblob(32)), {HEAD}, model, version, 'G4', 'high', "
        "CASE WHEN version = 5 AND i % 3 = 0 THEN 'block' ELSE 'pass' END, "
        f"CASE WHEN version = 5 AND i % 3 = 0 THEN ? ELSE '[]' END, 'p', 'f', json_object({evidence}), '1.0' FROM w",
        (json.dumps(why),),
    )


def commit(path: Path) -> None:
    """One more decision, as a gate records it."""
    with sqlite3.connect(path) as connection:
        run = connection.execute
        columns = "subject, effective_at, recorded_at, actor, source, digest, model, version, gate, tier, verdict, reasons, policy_digest, facts_digest, evidence, code_version"
        (id_,) = run("SELECT hex(randomblob(32))").fetchone()
        run(
            f"INSERT INTO gate_decision SELECT ?, {columns} FROM gate_decision WHERE model = 'model-0007' LIMIT 1",
            (id_,),
        )
        body = json.dumps({"disclosed": {"model": "model-0007"}})
        run(
            "INSERT INTO ledger_entry SELECT max(seq) + 1, ?, ?, x'00', NULL FROM ledger_entry",
            (f"gate_decision/{id_}", body),
        )
        run("UPDATE ledger_head SET size = size + 1")


def policy(models: int) -> Policy:
    """A hundred models per use case."""
    content = load(Settings().policy_dir).model_dump(mode="json")
    case = content["use_cases"]["use_cases"]["credit-scoring"]
    names = [f"model-{number:04d}" for number in range(models)]
    cases = {f"case-{start // 100}": case | {"models": names[start : start + 100]} for start in range(0, models, 100)}
    content["use_cases"]["use_cases"] = cases
    return Policy.model_validate_json(json.dumps(content))


class _User:
    def get_name(self) -> str:
        """By what name the host knows them."""
        return "tanaka"


def _run(_dag: str, _run_id: str, _task: str, index: int) -> TaskRun | None:
    return TaskRun("model-0500 v5", NOW, NOW) if index == 0 else None


def measure(app: Any, path: str, rounds: int) -> list[float]:  # noqa: ANN401 - a FastAPI
    """Milliseconds of each of some requests."""

    async def ask() -> list[float]:
        found = []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://airflow") as client:
            for _ in range(rounds):
                started = time.perf_counter()
                answer = await client.get(path)
                found.append(1000 * (time.perf_counter() - started))
                answer.raise_for_status()
        return found

    return asyncio.run(ask())


def main() -> None:
    """Fill a database, ask each page, and print a table."""
    models = int(sys.argv[1]) if len(sys.argv) > 1 else MODELS
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "governance.db"
        settings = Settings(database_url=SecretStr(f"sqlite:///{path}"))
        engine = database.connect(settings.database_url)
        database.upgrade(engine)
        engine.dispose()
        started = time.perf_counter()
        fill(path, models)
        print(f"{models:,} models, {models * 100:,} check results, filled in {time.perf_counter() - started:.0f} s")
        runtime = Runtime(settings, policy(models), engine, lambda: NOW, code_version="1.0")
        serving = Serving(lambda _: runtime, settings)
        access = Access(lambda: None, lambda: None, _User, _run)
        app = web.build(access, None, lambda: None, serving)
        print(f"{'page':<40}{'first ms':>10}{'commit ms':>10}{'p50 ms':>10}{'p95 ms':>10}")
        for page in PATHS:
            serving.failed()
            (first,) = measure(app, page, 1)
            committed = []
            for _ in range(COMMITS):
                commit(path)
                committed += measure(app, page, 1)
            warm = measure(app, page, ROUNDS)
            p95 = statistics.quantiles(warm, n=20)[-1]
            row = (first, max(committed), statistics.median(warm), p95)
            print(f"{page:<40}" + "".join(f"{value:>10.0f}" for value in row), flush=True)
        serving.failed()


if __name__ == "__main__":
    main()
