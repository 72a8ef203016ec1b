# SPDX-License-Identifier: Apache-2.0
"""A company with a real MLflow server in front of which a line can break: one high-risk model, one release at stake."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from governance.core.terms import Finding, Verdict, VersionKey, Words
from governance.errors import GovernanceError
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import gate_review, inventory_sync, model_gate, oversight, waiver_request
from governance.store import database, gates
from tests import factories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from governance.core.waivers import Waiver
    from governance.policy import Policy

CHECKS = ("bias", "data_quality", "documentation", "performance")
WHY = "the evidence is complete"
NAMES = (f"lending-{number}" for number in itertools.count())
SEATS = {"caio": "sato", "risk": "suzuki", "quality": "takahashi", "secretary": "ito"}


class Clock:
    """Tells the real time, moved by hand."""

    ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_(self, **time: float) -> None:
        self.ahead += timedelta(**time)


class _Line(BaseHTTPRequestHandler):
    """Hands everything on to MLflow, unless the line is to break."""

    protocol_version = "HTTP/1.1"
    server: Line

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path.split("?")[0].removeprefix("/api/2.0/mlflow/")))
        hook = self.server.before
        if hook is not None:
            hook(self.command, self.path)
        if self.server.broken(self.command, self.path):
            self._send(self.server.status, b"{}", {"retry-after": "0"})  # what waits for us should not wait long
            return
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.request(
                self.command, self.server.behind + self.path, content=body, headers={"content-type": "application/json"}
            )
        self._send(answer.status_code, answer.content)

    do_GET = do_POST = do_DELETE = do_PATCH = _hand_on  # noqa: N815 - the names that the library calls

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Line(ThreadingHTTPServer):
    """The line to MLflow; `broken` says which requests get a 500, `before` runs before each is handed on."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self.behind = behind
        self.seen: list[tuple[str, str]] = []
        self.broken: Any = lambda _method, _path: False
        self.before: Any = None
        self.status = 500

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def line(behind: str) -> Iterator[Line]:
    server = Line(behind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def rules(model: str, **changes: Any) -> Policy:
    """The shipped policy, but one high-risk model, one gate, and two seats that have to agree."""
    approval = {"seats": ["risk", "caio"], "quorum": 2, "veto": "caio"}
    gate = {
        "name": {"ja": "リリース", "en": "Release"},
        "required_checks": {"high": list(CHECKS)},
        "approval": {"high": approval},
        "protected_aliases": ["champion"],
        "candidate_aliases": ["candidate"],
    }
    content = factories.shipped().model_dump(mode="json")
    content["gates"] = {"gates": {"G4": gate}, "promote_to": "champion"}
    content["use_cases"]["use_cases"]["credit-scoring"]["models"] = [model]
    content["people"]["seats"] = SEATS
    for section, change in changes.items():
        content[section] = factories._merged(content[section], change)
    return type(factories.shipped()).model_validate(content, strict=False)


@dataclass
class Release:
    """Version 1 serves as champion, version 2 is the candidate; both are measured and pass."""

    rt: Runtime
    line: Line
    model: str
    clock: Clock = field(default_factory=Clock)

    def mlflow(self, method: str, path: str, **told: Any) -> dict[str, Any]:
        """Ask MLflow itself, behind the line."""
        with httpx.Client(trust_env=False, timeout=30) as client:
            sent: dict[str, Any] = {"params": told} if method == "GET" else {"json": told}
            answer = client.request(method, f"{self.line.behind}/api/2.0/mlflow/{path}", **sent)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def register(self, versions: int = 2, name: str | None = None) -> None:
        name = name or self.model
        self.mlflow("POST", "registered-models/create", name=name)
        for _ in range(versions):
            self.mlflow("POST", "model-versions/create", name=name, source="s3://models/lending")

    def point(self, alias: str, version: int, name: str | None = None) -> None:
        """Move an alias behind the product's back."""
        told = {"name": name or self.model, "alias": alias, "version": str(version)}
        self.mlflow("POST", "registered-models/alias", **told)

    def aliases(self, name: str | None = None) -> dict[str, int]:
        found = self.mlflow("GET", "registered-models/get", name=name or self.model)["registered_model"]
        return {alias["alias"]: int(alias["version"]) for alias in found.get("aliases", [])}

    def tags(self, version: int) -> dict[str, str]:
        found = self.mlflow("GET", "model-versions/get", name=self.model, version=str(version))["model_version"]
        return {tag["key"]: tag["value"] for tag in found.get("tags", [])}

    def key(self, version: int) -> VersionKey:
        return VersionKey(self.model, version)

    def measured(
        self, version: int, check: str = "bias", verdict: Verdict = Verdict.PASS, data: str = "d" * 64
    ) -> None:
        """Record how a check ended."""
        finding = Finding(verdict, n=1000, detail=Words("確認済み", "seen"), data_digest=data)
        with self.rt.writing() as session:
            telling = self.rt.telling(session)
            series = (self.key(version), check)
            gates.record_result(session, series, "definition", finding, telling=telling, fresh_since=telling.at)

    def sync(self) -> None:
        inventory_sync.sync(self.rt)

    def decide(self, version: int) -> None:
        model_gate.decide(self.rt, self.key(version))

    def decision(self, version: int, gate: str = "G4") -> Any:
        with self.rt.reading() as session:
            return gates.decisions_of(session, self.key(version), self.rt.current(session))[gate]

    def blocked(self, version: int = 2) -> None:
        """Let a check of it fail."""
        self.measured(version, "bias", Verdict.FAIL)
        self.decide(version)

    def say(self, seat: str, login: str, said: str = "approve", reason: str = WHY, version: int = 2) -> str:
        """Answer for a seat what it is asked now."""
        question = gate_review.question(self.rt, self.key(version), "G4", seat)
        return gate_review.answer(self.rt, question, login, said, reason)

    def approve(self, version: int = 2) -> None:
        """Both seats say yes."""
        for seat in ("risk", "caio"):
            self.say(seat, SEATS[seat], version=version)

    def waive(self, days: int = 10, login: str = "tanaka", check: str = "bias", version: int = 2) -> Waiver:
        """Ask for a waiver that ends so many days from now."""
        until = self.rt.clock().astimezone(self.rt.zone).date() + timedelta(days=days)
        return waiver_request.request(
            self.rt, self.key(version), "G4", check, reason="labels are late", control="each case by hand",
            expires_on=until, login=login,
        )  # fmt: skip

    def grant(self, waiver: Waiver) -> Waiver:
        """The seat that may grants it."""
        return waiver_request.decide(self.rt, waiver.id, grant=True, reason=WHY, login="sato")

    def standing(self) -> Any:
        with self.rt.reading() as session:
            return oversight.read(session, self.rt.current(session))

    def under(self, policy: Policy) -> Release:
        return replace(self, rt=replace(self.rt, policy=policy))


def at_once(*acts: Callable[[], object]) -> list[Any]:
    """What each came to, or how it failed, started at the same moment."""
    ended: list[Any] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(number: int, act: Callable[[], object]) -> None:
        start.wait()
        try:
            ended[number] = act()
        except GovernanceError as error:
            ended[number] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


@contextmanager
def release(
    home: Path, behind: str, model: str | None = None, *, database_url: SecretStr | None = None, **changes: Any
) -> Iterator[Release]:
    """A governed model in MLflow, read, measured and decided; it is taken out of MLflow at the end.

    Unless one is given it gets a name of its own: MLflow remembers what it once held under a name.
    """
    model = model or next(NAMES)
    settings = Settings(
        database_url=database_url or SecretStr(f"sqlite:///{home / 'governance.db'}"),
        evidence_url=str(home / "evidence"),
        mlflow_timeout_seconds=5,
        language="en",
    )
    with line(behind) as broken_line:
        settings = settings.model_copy(update={"mlflow_uri": broken_line.uri})
        engine = database.connect(settings.database_url)
        database.upgrade(engine)
        clock = Clock()
        rt = Runtime(settings, rules(model, **changes), engine, clock, actor="test", source="test")
        there = Release(rt, broken_line, model, clock)
        there.register()
        there.point("champion", 1)
        there.point("candidate", 2)
        try:
            there.sync()
            for version in (1, 2):
                for check in CHECKS:
                    there.measured(version, check)
                there.decide(version)
            yield there
        finally:
            there.mlflow("DELETE", "registered-models/delete", name=model)
            engine.dispose()
