# SPDX-License-Identifier: Apache-2.0
"""Whatever people, time and a failing MLflow do: after a pass of the guard nothing serves that may not."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import SecretStr

from governance.core import inventory
from governance.core.holds import HoldScope
from governance.core.terms import Finding, ModelVersion, RegisteredModel, Verdict, VersionKey, Words
from governance.errors import GovernanceError, SourceUnavailableError
from governance.runtime import Runtime
from governance.settings import Settings
from governance.sources.model_registry_write import Moved
from governance.steps import (
    alias_guard,
    emergency_hold,
    gate_review,
    hold_enforcement,
    inventory_sync,
    model_gate,
    oversight,
    promotion,
    waiver_request,
)
from governance.store import database, gates
from governance.store import oversight as facts
from tests.integration.releases import CHECKS, rules

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "lending"
VENDOR = "Acme"
BOUGHT = {"use_cases": {"credit-scoring": {"vendors": [VENDOR]}}}
VERSIONS = (1, 2, 3)
SEATS = st.sampled_from(["risk", "caio", "quality"])
LOGINS = st.sampled_from(["sato", "suzuki", "takahashi", "tanaka", "ito", "nobody"])
versions = st.sampled_from(VERSIONS)
RIGHTFUL = {"risk": "suzuki", "caio": "sato"}


class Company(RuleBasedStateMachine):
    """One high-risk model of three versions in an MLflow that lives in memory and sometimes fails."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.aliases: dict[str, int] = {"champion": 1, "candidate": 2}
        self.now, self.fails = datetime(2026, 11, 2, 1, tzinfo=UTC), 0
        self.guarded = False
        self.url = SecretStr(f"sqlite:///{Path(self.home.name) / 'governance.db'}")
        self.engine = database.connect(self.url)
        database.upgrade(self.engine)
        self.patches: list[Any] = [
            mock.patch("governance.sources.model_registry.sweep", self.sweep),
            mock.patch("governance.sources.model_registry_write.move", self.move),
            mock.patch("governance.sources.model_registry_write.aliases", self.held),
        ]
        for patch in self.patches:
            patch.start()
        known = Settings(database_url=self.url, evidence_url=f"{self.home.name}/evidence", language="en")
        self.rt = Runtime(
            known,
            rules(MODEL, use_cases=BOUGHT),
            self.engine,
            self.clock,
            actor="test",
            source="test",
            code_version="1",
        )

    def teardown(self) -> None:
        for patch in self.patches:
            patch.stop()
        self.engine.dispose()
        self.home.cleanup()

    # --- MLflow ---------------------------------------------------------------------------

    def clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def sweep(self, *_: Any) -> Any:
        versions_ = tuple(ModelVersion(VersionKey(MODEL, number), f"run-{number}") for number in VERSIONS)
        model = RegisteredModel(MODEL, aliases=dict(self.aliases), versions=versions_)
        return mock.Mock(reading=inventory.Reading.whole([model]))

    def held(self, *_: Any) -> dict[str, int]:
        self._may_fail()
        return dict(self.aliases)

    def move(
        self, _settings: Any, _model: str, alias: str, to: int | None, *, expected: int | None, tags: Any
    ) -> Moved:
        del tags
        self._may_fail()
        before = self.aliases.get(alias)
        if before not in {to, expected}:
            return Moved(before, before, is_overtaken=True)
        self.aliases.pop(alias, None)
        if to is not None:
            self.aliases[alias] = to
        self._may_fail()  # it moved, and the answer was lost
        return Moved(before, self.aliases.get(alias))

    def _may_fail(self) -> None:
        if self.fails:
            self.fails -= 1
            raise SourceUnavailableError("MLflow did not answer")

    # --- what happens ---------------------------------------------------------------------

    def attempt(self, act: Callable[[], object]) -> None:
        """Whatever is refused or fails is refused or fails by name."""
        self.guarded = False
        try:
            act()
        except GovernanceError:
            return

    @initialize()
    def begin(self) -> None:
        inventory_sync.sync(self.rt)
        for version in VERSIONS:
            self.measured(version, Verdict.PASS, CHECKS)

    def measured(self, version: int, verdict: Verdict, checks: tuple[str, ...]) -> None:
        finding = Finding(verdict, n=1000, detail=Words("確認済み", "seen"), data_digest="d" * 64)
        key = VersionKey(MODEL, version)
        with self.rt.writing() as session:
            telling = self.rt.telling(session)
            for check in checks:
                gates.record_result(
                    session, (key, check), "definition", finding, telling=telling, fresh_since=telling.at
                )
        model_gate.decide(self.rt, key)

    @rule(version=versions, verdict=st.sampled_from([Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.ERROR]))
    def measure(self, version: int, verdict: Verdict) -> None:
        self.guarded = False
        self.measured(version, verdict, ("bias",))

    @rule(version=versions, seat=SEATS, login=LOGINS, said=st.sampled_from(["approve", "approve", "reject"]))
    def answer(self, version: int, seat: str, login: str, said: str) -> None:
        key = VersionKey(MODEL, version)
        self.attempt(
            lambda: gate_review.answer(
                self.rt, gate_review.question(self.rt, key, "G4", seat), login, said, "it is as it is"
            )
        )

    @rule(version=versions)
    def approve(self, version: int) -> None:
        for seat, login in RIGHTFUL.items():
            self.answer(version, seat, login, "approve")

    @rule(version=versions, days=st.integers(0, 40), login=LOGINS)
    def ask_waiver(self, version: int, days: int, login: str) -> None:
        until = (self.now + timedelta(days=days)).date()
        self.attempt(
            lambda: waiver_request.request(
                self.rt, VersionKey(MODEL, version), "G4", "bias",
                reason="why", control="by hand", expires_on=until, login=login,
            )
        )  # fmt: skip

    @rule(grant=st.booleans(), login=LOGINS)
    def decide_waiver(self, grant: bool, login: str) -> None:  # noqa: FBT001 - hypothesis gives it by name
        for row in waiver_request.listing(self.rt):
            self.attempt(
                partial(waiver_request.decide, self.rt, row["waiver"], grant=grant, reason="as agreed", login=login)
            )

    @rule(scope=st.sampled_from(HoldScope), version=versions, login=LOGINS)
    def hold(self, scope: HoldScope, version: int, login: str) -> None:
        target = {
            HoldScope.MODEL: MODEL,
            HoldScope.VERSION: f"{MODEL}/{version}",
            HoldScope.USE_CASE: "credit-scoring",
            HoldScope.VENDOR: "ａｃｍｅ",
        }[scope]

        def act() -> None:
            placed = emergency_hold.place(self.rt, scope, target, ground="safety", reason="harm", login=login)
            hold_enforcement.enforce(self.rt, placed.id, patience=0, sleep=lambda _seconds: None)

        self.attempt(act)

    @rule(login=LOGINS)
    def release(self, login: str) -> None:
        for row in emergency_hold.listing(self.rt):
            self.attempt(partial(emergency_hold.release, self.rt, row["hold"], conditions="mended", login=login))

    @rule(version=versions)
    def promote(self, version: int) -> None:
        self.attempt(lambda: promotion.promote(self.rt, VersionKey(MODEL, version), "champion"))

    @rule(version=versions, alias=st.sampled_from(["champion", "candidate"]))
    def move_behind_the_back(self, version: int, alias: str) -> None:
        self.guarded, self.aliases[alias] = False, version

    @rule(hours=st.integers(1, 24 * 20))
    def time_passes(self, hours: int) -> None:
        self.guarded, self.now = False, self.now + timedelta(hours=hours)

    @rule(times=st.integers(1, 3))
    def mlflow_fails(self, times: int) -> None:
        self.guarded, self.fails = False, times

    @rule()
    def guard(self) -> None:
        """A pass that MLflow answers; a begun promotion is over by then."""
        self.fails, self.now = 0, self.now + timedelta(minutes=16)
        alias_guard.guard(self.rt)
        self.guarded = True

    # --- what always holds ----------------------------------------------------------------

    @invariant()
    def nothing_serves_that_may_not(self) -> None:
        if not self.guarded or "champion" not in self.aliases:
            return
        key = VersionKey(MODEL, self.aliases["champion"])
        with self.rt.reading() as session:
            standing = oversight.read(session, self.rt.current(session))
        assert oversight.why_not(self.rt, standing, key, "champion") == []
        assert not standing.recorded[key, "G4"].blocks
        # Not by `covers`: what it says is under test.
        over = {MODEL, f"{MODEL}/{key.version}", "credit-scoring", VENDOR}
        assert not [hold for hold in standing.said.holds if hold.is_live and hold.target in over]

    @invariant()
    def only_who_may_has_answered(self) -> None:
        with self.rt.reading() as session:
            told = facts.responses(session, self.rt.current(session))
        assert {(r.seat, r.person) for r in told} <= set(RIGHTFUL.items())


Company.TestCase.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestCompany = Company.TestCase
