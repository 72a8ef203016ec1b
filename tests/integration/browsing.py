# SPDX-License-Identifier: Apache-2.0
"""A company whose pages are asked over ASGI: one version that a gate blocks, one that waits for answers, people with roles."""

from __future__ import annotations

import asyncio
import functools
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from fastapi import FastAPI, HTTPException, Request
from pydantic import SecretStr

from governance.core import inventory
from governance.core.airflow_roles import ROLES, Needed
from governance.core.terms import RegisteredModel, Verdict, VersionKey
from governance.policy import Policy
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import model_gate, use_case_gate
from governance.store import database
from governance.store import gates as gate_facts
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts
from governance.web import app as web
from governance.web.access import Access
from governance.web.serving import Serving
from tests import factories
from tests.factories import NOW
from tests.integration import databases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


HOSTILE = "\"'><script>alert(1)</script>{{7*7}}\u202egnp/../%2e&model=x"
JAPANESE = "与信 審査+モデル"
BLOCKED, WAITING = VersionKey("credit-scoring", 2), VersionKey("credit-scoring", 3)
ROOT = "/governance"
ADDRESS = "http://airflow"
KEY = b"k" * 32
ROLE = {role.name: role for role in ROLES}
"""The roles of `governance airflow roles`; `Admin` may do all."""
SEATS = {"sato": "CAIO", "suzuki": "Approver", "ito": "Approver", "tanaka": "Model Owner"}
REASON = "the evidence is complete"


@functools.cache
def rules(prefix: str | None = None) -> Policy:
    """The shipped policy, but one gate of versions, which two seats have to approve, of the models of one use case."""
    content = factories.shipped().model_dump(mode="json")
    gate = content["gates"]["gates"]["G4"]
    approval = {"seats": ["risk", "caio"], "quorum": 2, "veto": "caio"}
    cases = {code: content["gates"]["gates"][code] for code in ("G0", "G1")}
    content["gates"] |= {"gates": cases | {"G4": gate | {"approval": {"high": approval}}}, "protected_prefix": prefix}
    content["use_cases"]["use_cases"]["credit-scoring"]["models"] = ["credit-scoring", HOSTILE, JAPANESE]
    return Policy.model_validate(content, strict=False)


@dataclass(frozen=True)
class Person:
    name: str
    role: str

    def get_name(self) -> str:
        return self.name


def login(request: Request) -> Person:
    """`Bearer NAME/ROLE` is somebody."""
    name, _, role = request.headers.get("authorization", "").removeprefix("Bearer ").partition("/")
    if not role:
        raise HTTPException(401, "Not authenticated")
    return Person(name, role)


def of_task(dag_id: str, request: Request) -> None:
    login(request)
    if dag_id == "secret":
        raise HTTPException(403, "Forbidden")


def may(user: Person, needed: Needed) -> bool:
    return user.role == "Admin" or (user.role in ROLE and needed.given_by(ROLE[user.role]))


class Clock:
    """Stands still, and is moved by hand."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


class Shown(HTMLParser):
    """The form of a page: where it goes and what it holds; and the page's text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.text, self.links = "", "", list[str]()
        self.fields: dict[str, str] = {}
        self._open, self._is_text = "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.links += [told["href"]] if tag == "a" and "href" in told else []
        if tag == "form" and told.get("method") == "post":
            self.action = told["action"]
        elif tag in {"input", "textarea", "select"} and "name" in told:
            self.fields[told["name"]] = told.get("value", "")
            self._open, self._is_text = told["name"], tag == "textarea"
        elif tag == "option" and "selected" in told:
            self.fields[self._open] = told["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag in {"textarea", "select"}:
            self._is_text = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._is_text and data.strip():
            self.fields[self._open] = data.removeprefix("\n")


@dataclass
class Company:
    rt: Runtime
    clock: Clock
    app: FastAPI
    serving: Serving
    enforced: list[tuple[str, str]] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, who: str | None = None, *, method: str = "GET", **options: Any) -> httpx.Response:
        """One request to the pages."""
        headers = options.pop("headers", {})
        if who is not None:
            headers = {"authorization": f"Bearer {who if '/' in who else f'{who}/{SEATS[who]}'}"} | headers

        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, root_path=ROOT)
            async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, trust_env=False) as client:
                return await client.request(method, f"{ROOT}{path}", headers=headers, **options)

        return asyncio.run(request())

    def see(self, path: str, who: str) -> Shown:
        answer = self.ask(with_query(path, lang="en"), who)
        assert answer.status_code == 200, answer.text
        return Shown(answer.text)

    def send(self, path: str, who: str, *, shown: Any = None, **typed: str) -> httpx.Response:
        """Look at a form, or take one that was shown, fill it in and send it."""
        shown = shown or self.see(path, who)
        return self.post(shown.action.removeprefix(ROOT), who, shown.fields | typed)

    def post(self, path: str, who: str | None, fields: dict[str, str], **headers: str) -> httpx.Response:
        told = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **headers}
        return self.ask(path, who, method="POST", content=urlencode(fields), headers=told)

    def told(self) -> dict[str, list[Any]]:
        """Everything that people said, and what was refused."""
        with self.rt.reading() as session:
            at = self.rt.current(session)
            return {
                "waivers": facts.waivers(session, at),
                "holds": facts.holds(session, at),
                "answers": facts.responses(session, at),
                "answers on use cases": facts.responses_on_use_cases(session, at),
                "escalations": [(e.id, e.rule, e.seat) for e in facts.escalations(session, at)],
                "noted": [(one.person, one.note) for one in facts.acknowledged(session, at).values()],
                "refusals": [(r.action, r.person, r.why) for r in facts.refusals(session, at)],
            }

    def refused(self) -> list[tuple[str, str, str]]:
        return self.told()["refusals"]


def measured(rt: Runtime, key: VersionKey, check: str, verdict: Verdict) -> None:
    """Record how a check ended."""
    with rt.writing() as session:
        telling, finding = rt.telling(session), factories.result(check, verdict).finding
        gate_facts.record_result(session, (key, check), "definition", finding, telling=telling, fresh_since=telling.at)


def with_query(path: str, **query: str) -> str:
    split = urlsplit(path)
    told = {**dict(parse_qsl(split.query)), **query}
    return f"{split.path}?{urlencode(told)}"


def waiver_form(key: VersionKey = BLOCKED, gate: str = "G4", check: str = "bias") -> str:
    return with_query("/waivers/new", model=key.model, version=str(key.version), gate=gate, check=check)


def answer_form(seat: str, key: VersionKey = WAITING, gate: str = "G4") -> str:
    return with_query("/approvals/new", model=key.model, version=str(key.version), gate=gate, seat=seat)


def case_form(seat: str, use_case: str = "credit-scoring", gate: str = "G0") -> str:
    return with_query("/approvals/use-case", use_case=use_case, gate=gate, seat=seat)


@contextmanager
def filled(kind: str, home: Path) -> Iterator[SecretStr]:
    """A database with an inventory, checks and decisions, for copies."""
    with databases.database(kind, home) as url:
        engine = database.connect(url)
        database.upgrade(engine)
        _fill(
            Runtime(
                Settings(database_url=url), rules(), engine, Clock(), source="model_gate/r1", code_version=lambda: "1.0"
            )
        )
        if kind == "sqlite":
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        yield url


@contextmanager
def company(kind: str, template: SecretStr, home: Path) -> Iterator[Company]:
    """The pages of a company, behind a login that knows roles, over a copy of a filled database."""
    with databases.database(kind, home, template) as url, served(url, home) as found:
        yield found


@contextmanager
def served(url: SecretStr, home: Path, prefix: str | None = None) -> Iterator[Company]:
    """The pages over a database that is filled; with `prefix`, of a company with protected twins."""
    settings, clock = Settings(database_url=url, signing_key_file=home / "none", language="en"), Clock()
    engine = database.connect(url)
    rt = Runtime(settings, rules(prefix), engine, clock, source="model_gate/r1", code_version=lambda: "1.0")
    serving = Serving(lambda _: replace(rt, source="shell"), settings)
    found = Company(rt, clock, None, serving)  # type: ignore[arg-type]
    access = Access(
        login, of_task, login, lambda *_: None, may, KEY,
        lambda hold, who: found.enforced.append((hold, who)), found.runs.get,
    )  # fmt: skip
    found.app = web.build(access, SecretStr("whsec_" + "x" * 32), lambda: None, serving)
    try:
        yield found
    finally:
        engine.dispose()


def _fill(rt: Runtime) -> None:
    models = [RegisteredModel(name, versions=(factories.version(name),)) for name in (HOSTILE, JAPANESE)]
    models.append(factories.registered("credit-scoring", (1, 2, 3), aliases={"candidate": 2, "champion": 1}))
    with rt.writing() as session:
        telling = rt.telling(session)
        changes = inventory.reconcile(inventory.Reading.whole(models), ())
        inventory_facts.record_changes(session, changes, {}, telling)
        inventory_facts.record_sweep(session, models, changes, (), telling)
    keys = [VersionKey("credit-scoring", 1), BLOCKED, WAITING, VersionKey(HOSTILE, 1), VersionKey(JAPANESE, 1)]
    for key in keys:
        for check in factories.REQUIRED:
            fails = check == "bias" and key not in {WAITING, VersionKey("credit-scoring", 1)}
            measured(rt, key, check, Verdict.FAIL if fails else Verdict.PASS)
        model_gate.decide(rt, key)
    use_case_gate.decide(rt)
