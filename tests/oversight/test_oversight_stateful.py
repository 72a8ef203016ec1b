# SPDX-License-Identifier: Apache-2.0
"""Whatever people, time and a failing MLflow do: after a pass of the guard nothing serves that may not.

What may serve is worked out anew here, from what happened; none of the code under test is asked.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import SecretStr

from governance.core import inventory, twins
from governance.core.holds import HoldScope
from governance.core.terms import Finding, ModelVersion, RegisteredModel, Verdict, VersionKey, Words
from governance.errors import GovernanceError, SourceUnavailableError
from governance.policy import Mode
from governance.runtime import Runtime
from governance.settings import Settings
from governance.sources.model_registry_write import Moved
from governance.steps import (
    alias_guard,
    emergency_hold,
    gate_review,
    hold_enforcement,
    inventory_sync,
    may_serve,
    model_gate,
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
VENDOR = "Acme"
BOUGHT = {"use_cases": {"credit-scoring": {"vendors": [VENDOR]}}}
MADE_BY = {3: "suzuki"}
"""Who made a version cannot approve it; nor can the owner, who stands in for a seat."""
STANDS_IN = {
    "delegations": [
        {"seat": seat, "to": "tanaka", "since": "2026-01-01", "until": "2028-12-31"} for seat in ("risk", "caio")
    ]
}
JST = ZoneInfo("Asia/Tokyo")
STALE, TOO_OLD = timedelta(days=30), timedelta(days=180)
VERSIONS = (1, 2, 3)
SEATS = st.sampled_from(["risk", "caio", "quality"])
LOGINS = st.sampled_from(["sato", "suzuki", "takahashi", "tanaka", "ito", "nobody"])
CHIEFS = st.sampled_from(["sato", "sato", "sato", "suzuki", "nobody"])
"""Mostly who may: what nobody may begin shows nothing of what follows."""
versions = st.sampled_from(VERSIONS)
RIGHTFUL = {"risk": "suzuki", "caio": "sato"}
Fingerprint = tuple[Verdict, str | None, frozenset[str], bool]


class Company(RuleBasedStateMachine):
    """One high-risk model of three versions in an MLflow that lives in memory and sometimes fails."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.aliases: dict[str, int] = {"champion": 1, "candidate": 2}
        self.now, self.fails = datetime(2026, 11, 2, 1, tzinfo=UTC), 0
        self.guarded, self.mode = False, Mode.PREVENT
        self.bias: dict[int, tuple[Verdict, datetime]] = {}
        self.said: list[tuple[int, str, str, Fingerprint, datetime]] = []
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
            known, self.policy(), self.engine, self.clock, actor="test", source="test", code_version=lambda: "1"
        )

    def gates(self) -> dict[str, Any]:
        return {"mode": self.mode.value}

    def policy(self) -> Policy:
        return rules(MODEL, use_cases=BOUGHT, people=STANDS_IN, gates=self.gates())

    def teardown(self) -> None:
        for patch in self.patches:
            patch.stop()
        self.engine.dispose()
        self.home.cleanup()

    # --- MLflow ---------------------------------------------------------------------------

    def clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def models(self) -> list[RegisteredModel]:
        tags = {number: {"mlflow.user": maker} for number, maker in MADE_BY.items()}
        versions_ = tuple(ModelVersion(VersionKey(MODEL, n), f"run-{n}", tags=tags.get(n, {})) for n in VERSIONS)
        return [RegisteredModel(MODEL, aliases=dict(self.aliases), versions=versions_)]

    def serving(self) -> list[int | None]:
        """The versions that serve; None: a copy that nobody made by the gate."""
        return [self.aliases["champion"]] if "champion" in self.aliases else []

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

    @initialize(mode=st.sampled_from([Mode.PREVENT, Mode.PREVENT, Mode.WARN, Mode.OBSERVE]))
    def begin(self, mode: Mode) -> None:
        self.mode = mode
        self.rt = replace(self.rt, policy=self.policy())
        self.begun = self.now
        inventory_sync.sync(self.rt)
        for version in VERSIONS:
            self.measured(version, Verdict.PASS, CHECKS)

    def measured(self, version: int, verdict: Verdict, checks: tuple[str, ...]) -> None:
        self.bias[version] = (verdict, self.now)
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
        key, seen = VersionKey(MODEL, version), self.fingerprint(version)

        def act() -> None:
            gate_review.answer(self.rt, gate_review.question(self.rt, key, "G4", seat), login, said, "it is as it is")
            self.said.append((version, seat, said, seen, self.now))

        self.attempt(act)

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

    @rule(version=versions, verdict=st.sampled_from([Verdict.PASS, Verdict.WARN]))
    def approve_what_changes_afterwards(self, version: int, verdict: Verdict) -> None:
        self.approve(version)
        self.measure(version, verdict)

    @rule(version=versions, scope=st.sampled_from(HoldScope))
    def put_back_what_is_held(self, version: int, scope: HoldScope) -> None:
        """Released in the end, or little else could ever be open."""
        self.hold(scope, version, "sato", emergency=False)
        self.move_behind_the_back(version, "champion")
        self.guard()
        self.nothing_serves_that_may_not()
        self.release("sato")

    @rule(version=st.sampled_from([1, 2]), days=st.integers(0, 3), runs_out=st.sampled_from([True, True, False]))
    def approve_with_waiver(self, version: int, days: int, runs_out: bool) -> None:  # noqa: FBT001 - as above
        """The usual course, which a random walk seldom finds."""
        self.measure(version, Verdict.FAIL)
        self.ask_waiver(version, days, "tanaka")
        self.decide_waiver(grant=True, login="sato")
        self.approve(version)
        self.time_passes(24 * (days + 1) if runs_out else 1)

    @rule(version=versions, asks=st.sampled_from(["sato", "tanaka"]), grants=st.sampled_from(["sato", "tanaka"]))
    def waive_their_own(self, version: int, asks: str, grants: str) -> None:
        """Both hold the seat, but one of them owns the model."""
        self.measure(version, Verdict.FAIL)
        self.ask_waiver(version, 3, asks)
        self.decide_waiver(grant=True, login=grants)

    @rule(version=versions)
    def release_before_the_review(self, version: int) -> None:
        """Tried in vain, then done as it has to be, or little else could ever be open."""
        self.hold(HoldScope.VERSION, version, "sato", emergency=True)
        self.release("sato")
        self.nobody_decides_on_their_own_and_nothing_is_released_unreviewed()
        self.review("ito")
        self.release("sato")

    @rule(grant=st.booleans(), login=CHIEFS)
    def decide_waiver(self, grant: bool, login: str) -> None:  # noqa: FBT001 - hypothesis gives it by name
        for row in waiver_request.listing(self.rt):
            self.attempt(
                partial(waiver_request.decide, self.rt, row["waiver"], grant=grant, reason="as agreed", login=login)
            )

    @rule(
        scope=st.sampled_from(HoldScope),
        version=versions,
        login=CHIEFS,
        emergency=st.sampled_from([False, False, True]),
    )
    def hold(self, scope: HoldScope, version: int, login: str, emergency: bool) -> None:  # noqa: FBT001 - as above
        target = {
            HoldScope.MODEL: MODEL,
            HoldScope.VERSION: f"{MODEL}/{version}",
            HoldScope.USE_CASE: "credit-scoring",
            HoldScope.VENDOR: "ａｃｍｅ",
        }[scope]

        def act() -> None:
            placed = emergency_hold.place(
                self.rt, scope, target, ground="safety", reason="harm", login=login, emergency=emergency
            )
            hold_enforcement.enforce(self.rt, placed.id, patience=0, sleep=lambda _seconds: None)
            assert not any(map(self.orders_over, filter(None, self.serving()))), "said to be proven, and still there"

        self.attempt(act)

    @rule(login=LOGINS)
    def review(self, login: str) -> None:
        for row in emergency_hold.listing(self.rt):
            self.attempt(partial(emergency_hold.review, self.rt, row["hold"], finding="justified", login=login))

    @rule(login=CHIEFS)
    def release(self, login: str) -> None:
        for row in emergency_hold.listing(self.rt):
            self.attempt(partial(emergency_hold.release, self.rt, row["hold"], conditions="mended", login=login))

    @rule(version=versions)
    def promote(self, version: int) -> None:
        def act() -> None:
            promotion.promote(self.rt, VersionKey(MODEL, version), "champion")
            assert self.why_not(version) == "", "promoted, and may not serve"

        self.attempt(act)

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

    def orders_over(self, version: int) -> frozenset[str]:
        """The live holds whose target is the version, or what it belongs to."""
        over = {MODEL, f"{MODEL}/{version}", "credit-scoring", VENDOR}
        with self.rt.reading() as session:
            told = facts.holds(session, self.rt.current(session))
        return frozenset(hold.id for hold in told if version and hold.released_at is None and hold.target in over)

    def waived(self, version: int) -> str | None:
        """The waiver of its failed check that was granted and lives today."""
        today = self.now.astimezone(JST).date()
        with self.rt.reading() as session:
            told = facts.waivers(session, self.rt.current(session))
        granted = [w for w in told if w.subject.version == version and w.state == "active"]
        return min((w.id for w in granted if today <= w.expires_on), default=None)

    def fingerprint(self, version: int) -> Fingerprint:
        """What an answer to a version is bound to."""
        verdict, at = self.bias[version]
        waiver = self.waived(version) if verdict is Verdict.FAIL else None
        return verdict, waiver, self.orders_over(version), self.now - min(at, self.begun) > STALE

    def why_not(self, version: int) -> str:
        """Why a version may not serve; nothing if it may."""
        verdict, waiver, orders, is_stale = seen = self.fingerprint(version)
        if orders:
            return "held"
        if is_stale or (verdict in {Verdict.FAIL, Verdict.ERROR} and waiver is None):
            return "no evidence"
        counted = {
            seat: said
            for number, seat, said, shown, at in self.said
            if (number, shown) == (version, seen) and self.now - at < TOO_OLD
        }
        return "" if counted == dict.fromkeys(RIGHTFUL, "approve") else "no approval"

    @invariant()
    def nothing_serves_that_may_not(self) -> None:
        for version in self.serving() if self.guarded else ():
            why = "no copy of the gate's" if version is None else self.why_not(version)
            assert why != "held"
            assert self.mode is not Mode.PREVENT or why == ""

    @invariant()
    def what_is_said_to_be_open_may_serve(self) -> None:
        for version in {number for number, *_answer in self.said}:
            _key, reasons = may_serve.check(self.rt, MODEL, version)
            assert reasons or self.why_not(version) == ""

    @invariant()
    def nobody_decides_on_their_own_and_nothing_is_released_unreviewed(self) -> None:
        with self.rt.reading() as session:
            at = self.rt.current(session)
            waivers, orders = facts.waivers(session, at), facts.holds(session, at)
        assert {w.decided_by for w in waivers if w.decided_by} <= {"sato"}
        assert not [w for w in waivers if w.requested_by == w.decided_by]
        assert not [hold for hold in orders if hold.released_at and hold.is_emergency and not hold.reviewed_at]
        assert {hold.ordered_by for hold in orders} <= {"sato"}

    @invariant()
    def only_who_may_has_answered(self) -> None:
        with self.rt.reading() as session:
            told = facts.responses(session, self.rt.current(session))
        assert {(r.seat, r.person) for r in told} <= set(RIGHTFUL.items())
        assert not [r for r in told if r.person == MADE_BY.get(r.subject.version)]


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

    def gates(self) -> dict[str, Any]:
        return {**super().gates(), "protected_prefix": "prod."}

    def models(self) -> list[RegisteredModel]:
        return [*super().models(), RegisteredModel(TWIN, aliases=dict(self.served), versions=tuple(self.twins))]

    def serving(self) -> list[int | None]:
        held = [self.served["champion"]] if "champion" in self.served else []
        return [*super().serving(), *map(self.true.get, held)]

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


def _sized(examples: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )


Company.TestCase.settings = _sized(15)
TestCompany = Company.TestCase
TwinCompany.TestCase.settings = _sized(8)
TestTwinCompany = TwinCompany.TestCase
