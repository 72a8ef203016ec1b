# SPDX-License-Identifier: Apache-2.0
"""How long each page takes at 10,000 models and 1,000,000 check results: in the app, with templates, without a network.

usage: python -m benchmarks.pages [MODELS] [sqlite|postgresql]

A database of its own, filled by SQL and dropped at the end: SQLite in a temporary directory, or PostgreSQL on
127.0.0.1:5432. Five versions a model, four checks and a gate decision on each, five times over; 200 waivers, 20 holds
and 2,000 escalations. `first` is the first request of a process, which reads how all gates stand; `commit` is a
request after a gate decided, as it happens all the time while model_gate runs.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from governance.policy import Policy, load
from governance.runtime import Runtime
from governance.settings import Settings
from governance.store import database
from governance.web import app as web
from governance.web.access import Access, TaskRun
from governance.web.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection, Engine

MODELS: Final = 10_000
SERVER: Final = "postgresql+psycopg://postgres@127.0.0.1:5432"
ROUNDS: Final = 40
COMMITS: Final = 5
NOW: Final = datetime(2026, 11, 10, 3, tzinfo=UTC)
CHECKS: Final = ("bias", "data_quality", "documentation", "performance")
WORDS: Final = '{"ja": "", "en": ""}'
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
    "/use-cases",
    "/oversight",
    "/waivers/new?model=model-0501&version=5&gate=G4&check=bias",
    "/waivers/W-00000001",
    "/waivers/W-00000001/grant",
    "/approvals/new?model=model-0500&version=5&gate=G4&seat=caio",
    "/holds/new?scope=model&target=model-0500",
    "/holds/H-00000001",
    "/escalations/" + "0" * 63 + "1",
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


class _Filling:
    """Says the same in the SQL of SQLite and of PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"

    def run(self, statement: str, **told: object) -> None:
        self.connection.execute(text(statement), told)

    def series(self, name: str, most: int) -> str:
        """Numbers from 0 on, as a table of one column."""
        if self.is_sqlite:
            steps = f"WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i + 1 < {most})"
            return f"({steps} SELECT i AS {name} FROM r)"
        return f"(SELECT generate_series(0, {most - 1}) AS {name})"

    def hex(self, number: str, width: int = 64) -> str:
        return (
            f"printf('%0{width}x', {number})" if self.is_sqlite else f"lpad(to_hex(({number})::bigint), {width}, '0')"
        )

    def padded(self, number: str, width: int) -> str:
        return f"printf('%0{width}d', {number})" if self.is_sqlite else f"lpad(({number})::text, {width}, '0')"

    def moment(self, t: str) -> str:
        day = f"'2026-11-0' || (4 + {t}) || ' 03:00:00.000000'"
        return day if self.is_sqlite else f"({day} || '+00')::timestamptz"

    def head(self, t: str) -> str:
        """Subject, both moments, actor, source, digest of the t-th time."""
        source = f"'model_gate/r' || {t}"
        return f"'x', {self.moment(t)}, {self.moment(t)}, 'airflow', {source}, {self.hex('1')}"

    def json(self, said: str) -> str:
        return said if self.is_sqlite else f"({said})::jsonb"

    def yes(self, what: str = "1") -> str:
        return what if self.is_sqlite else f"({what}) = 1"


COLUMNS: Final = "id, subject, effective_at, recorded_at, actor, source, digest"


def fill(connection: Connection, models: int) -> None:
    """Write facts as many as asked, with their places in the ledger."""
    sql = _Filling(connection)
    sql.run(
        f"CREATE TEMP TABLE m AS SELECT i, 'model-' || {sql.padded('i', 4)} AS model FROM {sql.series('i', models)} AS r"
    )
    sql.run(f"CREATE TEMP TABLE v AS SELECT i, model, n + 1 AS version FROM m CROSS JOIN {sql.series('n', 5)} AS r")
    sql.run(f"CREATE TEMP TABLE w AS SELECT v.*, t FROM v CROSS JOIN {sql.series('t', 5)} AS r")
    empty, nothing = sql.json("'{}'"), sql.json("'[]'")
    sql.run(
        f"INSERT INTO registered_model ({COLUMNS}, model, description, tags, is_present) SELECT {sql.hex('i')}, {sql.head('0')}, model, 'scores', {empty}, {sql.yes()} FROM m"
    )
    sql.run(
        f"INSERT INTO model_version ({COLUMNS}, model, version, source_uri, description, tags, metrics, params, datasets, is_present) SELECT {sql.hex('i * 5 + version')}, {sql.head('0')}, model, version, 's', 'd', {empty}, {empty}, {empty}, {nothing}, {sql.yes()} FROM v"
    )
    for place, (alias, version) in enumerate((("champion", 4), ("candidate", 5))):
        sql.run(
            f"INSERT INTO alias_event ({COLUMNS}, model, alias, to_version) SELECT {sql.hex(f'i * 2 + {place}')}, {sql.head('0')}, model, '{alias}', {version} FROM m"
        )
    for place, check in enumerate(CHECKS):
        fails = f"version = 5 AND i % 3 = 0 AND {place} = 0"
        told = sql.json(f"CASE WHEN {fails} THEN :bad ELSE :good END")
        sql.run(
            f'INSERT INTO check_result ({COLUMNS}, model, version, "check", verdict, n, detail, observations, data_digest, definition) '
            f"SELECT {sql.hex(result_id(place))}, {sql.head('t')}, model, version, '{check}', CASE WHEN {fails} THEN 'fail' ELSE 'pass' END, "
            f"1000, {sql.json(':words')}, {told}, {sql.padded('t', 64)}, 'definition' FROM w",
            bad=observations("fail"), good=observations("pass"), words=WORDS,
        )  # fmt: skip
    _decide(sql)
    _say(sql)
    sql.run(
        "INSERT INTO ledger_entry (seq, key, body, leaf, salt) SELECT row_number() OVER () - 1, key, '{}', :leaf, NULL FROM (SELECT 'check_result/' || id AS key FROM check_result UNION ALL SELECT 'gate_decision/' || id FROM gate_decision) AS told",
        leaf=b"",
    )
    at = sql.moment("4")
    sql.run(f"UPDATE ledger_head SET size = (SELECT count(*) FROM ledger_entry), recorded_at = {at}")


def result_id(place: int) -> str:
    """The number of a check's result, of which its id is made."""
    return f"((i * 5 + version - 1) * 5 + t) * 4 + {place}"


def _decide(sql: _Filling) -> None:
    observation = json.loads(observations("fail"))[0]
    why = [{"check": "bias", "verdict": "fail", "text": {"ja": "", "en": ""}, "observation": observation, "at": "2026-11-08T03:00:00+00:00", "blocks": True, "exempt": False}]  # fmt: skip
    named = ", ".join(f"'{check}', {sql.hex(result_id(place))}" for place, check in enumerate(CHECKS))
    evidence = f"json_object({named})" if sql.is_sqlite else f"jsonb_build_object({named})"
    blocks, waits = "version = 5 AND i % 3 = 0", "version = 5 AND i % 3 = 1"
    sql.run(
        f"INSERT INTO gate_decision ({COLUMNS}, model, version, gate, tier, verdict, reasons, policy_digest, facts_digest, evidence, code_version, bound) "
        f"SELECT {sql.hex('(i * 5 + version) * 5 + t')}, {sql.head('t')}, model, version, 'G4', 'high', "
        f"CASE WHEN {blocks} THEN 'block' WHEN {waits} THEN 'pending' ELSE 'pass' END, "
        f"{sql.json(f'CASE WHEN {blocks} THEN :why ELSE :none END')}, 'p', {sql.hex('i * 5 + version')}, {evidence}, '1.0', {sql.json(':bound')} FROM w",
        why=json.dumps(why), none="[]", bound=json.dumps({"check bias": "pass", "run": "r1"}),
    )  # fmt: skip


def _say(sql: _Filling) -> None:
    """What people said: waivers, holds, escalations."""
    day = "'2026-11-30'" if sql.is_sqlite else "'2026-11-30'::date"
    numbered = sql.padded("k", 8)
    sql.run(
        f"""INSERT INTO waiver ({COLUMNS}, waiver, model, version, gate, "check", reason, control, requested_by, requested_at, expires_on, state) SELECT {sql.hex("k")}, {sql.head("4")}, 'W-' || {numbered}, 'model-' || {sql.padded("k * 3", 4)}, 5, 'G4', 'bias', 'why', 'by hand', 'ito', {sql.moment("4")}, {day}, 'requested' FROM {sql.series("k", 200)} AS r"""
    )
    sql.run(
        f"INSERT INTO hold ({COLUMNS}, hold, scope, target, ground, reason, ordered_by, ordered_at, is_emergency, is_drill, review, conditions) SELECT {sql.hex('k')}, {sql.head('4')}, 'H-' || {numbered}, 'model', 'model-' || {sql.padded('k * 7', 4)}, 'safety', 'harm', 'ito', {sql.moment('4')}, {sql.yes()}, {sql.yes('0')}, '', '' FROM {sql.series('k', 20)} AS r"
    )
    sql.run(
        f"INSERT INTO escalation ({COLUMNS}, rule, ground, seat, text) SELECT {sql.hex('k')}, {sql.head('4')}, 'E-05', {sql.padded('k', 8)}, 'caio', {sql.json(':words')} FROM {sql.series('k', 2000)} AS r",
        words=WORDS,
    )


def commit(engine: Engine) -> None:
    """One more decision, as a gate records it."""
    columns = "subject, effective_at, recorded_at, actor, source, digest, model, version, gate, tier, verdict, reasons, policy_digest, facts_digest, evidence, code_version"
    id_, body = secrets.token_hex(32), json.dumps({"disclosed": {"model": "model-0007"}})
    with engine.begin() as connection:
        run = connection.execute
        run(
            text(
                f"INSERT INTO gate_decision (id, {columns}) SELECT :id, {columns} FROM gate_decision WHERE model = 'model-0007' LIMIT 1"
            ),
            {"id": id_},
        )
        run(
            text(
                "INSERT INTO ledger_entry (seq, key, body, leaf, salt) SELECT max(seq) + 1, :key, :body, :leaf, NULL FROM ledger_entry"
            ),
            {"key": f"gate_decision/{id_}", "body": body, "leaf": b""},
        )
        run(text("UPDATE ledger_head SET size = size + 1"))


def policy(models: int) -> Policy:
    """A hundred models per use case."""
    content = load(Settings().policy_dir).model_dump(mode="json")
    case = content["use_cases"]["use_cases"]["credit-scoring"]
    names = [f"model-{number:04d}" for number in range(models)]
    approval = {"seats": ["risk", "caio"], "quorum": 2, "veto": "caio"}
    content["gates"]["gates"] = {"G4": content["gates"]["gates"]["G4"] | {"approval": {"high": approval}}}
    cases = {f"case-{start // 100}": case | {"models": names[start : start + 100]} for start in range(0, models, 100)}
    content["use_cases"]["use_cases"] = cases
    return Policy.model_validate_json(json.dumps(content))


class _User:
    def get_name(self) -> str:
        """By what name the host knows them."""
        return "sato"


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


@contextmanager
def database_of(kind: str) -> Generator[SecretStr]:
    """A database that is gone afterwards."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as home:
            yield SecretStr(f"sqlite:///{Path(home) / 'governance.db'}")
        return
    server = create_engine(f"{SERVER}/postgres", isolation_level="AUTOCOMMIT")
    name = f"pages_{secrets.token_hex(4)}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield SecretStr(f"{SERVER}/{name}")
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def main() -> None:
    """Fill a database, ask each page, and print a table; for each kind of database."""
    models = int(sys.argv[1]) if len(sys.argv) > 1 else MODELS
    for kind in sys.argv[2:] or ("sqlite", "postgresql"):
        with database_of(kind) as url:
            table(kind, url, models)


def table(kind: str, url: SecretStr, models: int) -> None:
    """Fill one database, and ask each page."""
    settings = Settings(database_url=url)
    engine = database.connect(url)
    database.upgrade(engine)
    started = time.perf_counter()
    with engine.execution_options(write=True).begin() as connection:
        fill(connection, models)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    print(f"{kind}: {models:,} models, {models * 100:,} check results, filled in {time.perf_counter() - started:.0f} s")
    runtime = Runtime(settings, policy(models), engine, lambda: NOW, code_version=lambda: "1.0")
    serving = Serving(lambda _: runtime, settings)
    access = Access(lambda: None, lambda: None, _User, _run, lambda _user, _needed: True, b"k" * 32)
    app = web.build(access, None, lambda: None, serving)
    print(f"{'page':<68}{'first ms':>10}{'commit ms':>10}{'p50 ms':>10}{'p95 ms':>10}")
    for page in PATHS:
        serving.failed()
        (first,) = measure(app, page, 1)
        committed = []
        for _ in range(COMMITS):
            commit(engine)
            committed += measure(app, page, 1)
        warm = measure(app, page, ROUNDS)
        p95 = statistics.quantiles(warm, n=20)[-1]
        row = (first, max(committed), statistics.median(warm), p95)
        print(f"{page:<68}" + "".join(f"{value:>10.0f}" for value in row), flush=True)
    serving.failed()


if __name__ == "__main__":
    main()
