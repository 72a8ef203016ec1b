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

from governance.core import holds, inventory, twins
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

    from governance.policy import Policy

MODEL, TWIN = "lending", "prod.lending"
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
        self.rt = Runtime(known, self.policy(), self.engine, self.clock, actor="test", source="test", code_version="1")

    def teardown(self) -> None:
        for patch in self.patches:
            patch.stop()
        self.engine.dispose()
        self.home.cleanup()

    # --- MLflow ---------------------------------------------------------------------------

    def clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def policy(self) -> Policy:
        return rules(MODEL)

    def models(self) -> list[RegisteredModel]:
        versions_ = tuple(ModelVersion(VersionKey(MODEL, number), f"run-{number}") for number in VERSIONS)
        return [RegisteredModel(MODEL, aliases=dict(self.aliases), versions=versions_)]

    def aliases_of(self, model: str) -> dict[str, int]:
        assert model == MODEL
        return self.aliases

    def sweep(self, *_: Any) -> Any:
        return mock.Mock(reading=inventory.Reading.whole(self.models()))

    def held(self, _settings: Any, model: str) -> dict[str, int]:
        self._may_fail()
        return dict(self.aliases_of(model))

    def move(self, _settings: Any, model: str, alias: str, to: int | None, *, expected: int | None, tags: Any) -> Moved:
        del tags
        self._may_fail()
        held = self.aliases_of(model)
        before = held.get(alias)
        if before not in {to, expected}:
            return Moved(before, before, is_overtaken=True)
        held.pop(alias, None)
        if to is not None:
            held[alias] = to
        self._may_fail()  # it moved, and the answer was lost
        return Moved(before, held.get(alias))

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

    @rule(
        scope=st.sampled_from([HoldScope.MODEL, HoldScope.VERSION, HoldScope.USE_CASE]), version=versions, login=LOGINS
    )
    def hold(self, scope: HoldScope, version: int, login: str) -> None:
        target = {HoldScope.MODEL: MODEL, HoldScope.USE_CASE: "credit-scoring"}.get(scope, f"{MODEL}/{version}")

        def act() -> None:
            placed = emergency_hold.place(self.rt, scope, target, ground="safety", reason="harm", login=login)
            emergency_hold.enforce(self.rt, placed.id, patience=0, sleep=lambda _seconds: None)

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
        assert holds.over(standing.said.holds, key, "credit-scoring") == ()

    @invariant()
    def only_who_may_has_answered(self) -> None:
        with self.rt.reading() as session:
            told = facts.responses(session, self.rt.current(session))
        assert {(r.seat, r.person) for r in told} <= set(RIGHTFUL.items())


class TwinCompany(Company):
    """The same, where copies in a protected twin serve, and people with every right in MLflow play tricks with them."""

    def __init__(self) -> None:
        super().__init__()
        self.served: dict[str, int] = {}
        self.twins: list[ModelVersion] = []
        self.true: dict[int, int] = {}
        """Version of the twin -> what it really is a copy of."""
        patch = mock.patch("governance.sources.protected_models.copy", self.copy)
        self.patches.append(patch)
        patch.start()

    def policy(self) -> Policy:
        return rules(MODEL, gates={"protected_prefix": "prod."})

    def models(self) -> list[RegisteredModel]:
        return [*super().models(), RegisteredModel(TWIN, aliases=dict(self.served), versions=tuple(self.twins))]

    def aliases_of(self, model: str) -> dict[str, int]:
        return self.served if model == TWIN else super().aliases_of(model)

    def copy(self, _settings: Any, approved: ModelVersion, target: str) -> ModelVersion:
        assert target == TWIN
        self._may_fail()
        there = [one for one in self.twins if self.true.get(one.key.version) == approved.key.version]
        copy = there[0] if there else self.register(approved.key.version)
        self.true[copy.key.version] = approved.key.version
        self._may_fail()  # it copied, and the answer was lost
        return copy

    def register(self, number: int) -> ModelVersion:
        """A version that says that it is a copy."""
        named, key = f"{MODEL}/{number}", VersionKey(TWIN, len(self.twins) + 1)
        tags = {twins.COPIED_FROM: named}
        self.twins.append(ModelVersion(key, source=f"models:/{named}", tags=tags, created_at=self.clock()))
        return self.twins[-1]

    @rule(version=versions)
    def smuggle(self, version: int) -> None:
        self.guarded, self.served["champion"] = False, self.register(version).key.version

    @rule(back=st.integers(1, 4))
    def move_the_twins_alias(self, back: int) -> None:
        if len(self.twins) >= back:
            self.guarded, self.served["champion"] = False, len(self.twins) + 1 - back

    @invariant()
    def nothing_serves_through_the_twin_that_may_not(self) -> None:
        if not self.guarded or "champion" not in self.served:
            return
        key = VersionKey(MODEL, self.true[self.served["champion"]])
        with self.rt.reading() as session:
            standing = oversight.read(session, self.rt.current(session))
        assert oversight.why_not(self.rt, standing, key, "champion") == []
        assert not standing.recorded[key, "G4"].blocks
        assert holds.over(standing.said.holds, key, "credit-scoring") == ()


def _sized(examples: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )


Company.TestCase.settings = _sized(20)
TestCompany = Company.TestCase
TwinCompany.TestCase.settings = _sized(10)
TestTwinCompany = TwinCompany.TestCase
