# SPDX-License-Identifier: Apache-2.0
"""Sync as a DAG calls it: what changed is told once, what is gone is missed twice, and nothing else is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from governance.core.inventory import Reading
from governance.core.terms import RegisteredModel, VersionKey
from governance.errors import ConflictError, SourceError
from governance.runtime import Runtime
from governance.settings import Settings
from governance.sources import model_registry
from governance.steps import inventory_sync, model_gate
from governance.store import database
from governance.store import inventory as facts
from governance.store.facts import AsOf
from governance.store.models import FACTS, InventorySweep, RegisteredModelRow
from tests import factories
from tests.integration import databases
from tests.integration.mlflow_server import mlflow_server
from tests.integration.test_model_registry import Api, metric

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from governance.core.aliases import AliasChange, Holder
    from governance.core.inventory import Known

MODEL = "credit-scoring"


@dataclass
class Clock:
    now: datetime = factories.NOW

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class Company:
    """A runtime over an empty database, and what MLflow tells when it is asked."""

    rt: Runtime
    clock: Clock
    told: tuple[RegisteredModel, ...] = ()
    asked: list[bool] = field(default_factory=list)
    """Per reading, whether it was a full one."""
    meanwhile: Callable[[], object] = lambda: None

    def sweep(self, _settings: Settings, known: Known | None = None) -> model_registry.Sweep:
        self.asked.append(known is None)
        self.meanwhile()
        reading = replace(Reading.whole(self.told), is_full=known is None)
        return model_registry.Sweep(reading, 1, 1, 0.0)

    def sync(self, *told: RegisteredModel, after: timedelta = timedelta(hours=1), **how: bool) -> dict[str, Any]:
        self.clock.now += after
        self.told = told
        return inventory_sync.sync(self.rt, **how)

    def rows(self) -> dict[str, int]:
        with self.rt.reading() as session:
            return {t.__tablename__: session.scalar(select(func.count()).select_from(t)) or 0 for t in FACTS}

    def present(self) -> set[str]:
        with self.rt.reading() as session:
            return {model.name for model in facts.models(session, self.rt.current(session))}

    def moves(self, model: str | None = None) -> list[AliasChange]:
        with self.rt.reading() as session:
            return facts.alias_history(session, self.rt.current(session), model)

    def holder(self, at: datetime, alias: str = "champion") -> Holder:
        with self.rt.reading() as session:
            return facts.holder(session, MODEL, alias, AsOf(at, self.rt.current(session).known_at))

    def newest(self) -> InventorySweep:
        with self.rt.reading() as session:
            sweep = facts.last_sweep(session, self.rt.current(session))
        assert sweep is not None
        return sweep


def some(count: int) -> tuple[RegisteredModel, ...]:
    return tuple(factories.registered(f"m{number}", aliases={"champion": 1}) for number in range(count))


def champion(number: int, **changes: Any) -> RegisteredModel:
    return factories.registered(MODEL, (1, 2, 3), aliases={"champion": number}, **changes)


@pytest.fixture(params=databases.KINDS)
def company(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Company]:
    with databases.database(request.param, tmp_path) as url:
        engine = database.connect(url)
        database.upgrade(engine)
        clock = Clock()
        settings = Settings(database_url=url, data_dir=tmp_path)
        company = Company(Runtime(settings, factories.shipped(), engine, clock), clock)
        monkeypatch.setattr(model_registry, "sweep", company.sweep)
        yield company
        engine.dispose()


def test_a_reading_without_news_writes_nothing_and_names_the_sweep_that_stands(company: Company) -> None:
    first = company.sync(*some(3))
    before = company.rows()
    again = company.sync(*some(3))
    assert company.rows() == before
    assert (again["id"], again["models"], again["versions"]) == (first["id"], 3, 3)
    assert not any(again["changes"].values())


def test_runs_are_read_again_each_day_and_then_the_reading_is_told(company: Company) -> None:
    company.sync(*some(3))
    for _ in range(50):
        company.sync(*some(3))
    assert [number for number, is_full in enumerate(company.asked) if is_full] == [0, 24, 48]
    assert company.rows()["inventory_sweep"] == 3
    assert company.newest().is_full


def test_a_reading_is_confirmed_after_a_while_though_nothing_changed(company: Company) -> None:
    policy = factories.policy(inventory={"confirm_hours": 6})
    company.rt = replace(company.rt, policy=policy)
    for _ in range(13):
        company.sync(*some(3))
    assert company.rows()["inventory_sweep"] == 3
    assert not company.newest().is_full
    assert company.clock.now - company.newest().effective_at < timedelta(minutes=1)


def test_a_full_reading_can_be_asked_for(company: Company) -> None:
    company.sync(*some(3))
    company.sync(*some(3), full=True)
    assert company.asked == [True, True]
    assert company.rows()["inventory_sweep"] == 1


def test_what_is_missed_once_stays_and_what_is_missed_twice_is_gone(company: Company) -> None:
    company.sync(*some(10))
    once = company.sync(*some(9))
    assert (once["models"], once["changes"]["absent"], len(company.present())) == (10, 1, 10)
    assert company.newest().absent == [{"model": "m9", "version": None}]
    assert [change.move.to_version for change in company.moves("m9")] == [1]
    twice = company.sync(*some(9))
    assert (twice["models"], twice["changes"]["retired_models"], len(company.present())) == (9, 1, 9)
    assert company.newest().absent is None
    removal = company.moves("m9")[-1]
    assert removal.move.to_version is None
    assert removal.move.seen_after is not None
    assert removal.at - removal.move.seen_after > timedelta(hours=1.9)  # the reading between did not show it


def test_what_comes_back_after_one_miss_was_never_gone(company: Company) -> None:
    company.sync(*some(10))
    company.sync(*some(9))
    company.sync(*some(10))
    assert company.newest().absent is None
    company.sync(*some(9))
    assert len(company.present()) == 10
    assert company.rows()["registered_model"] == 10


def test_a_version_is_missed_twice_before_it_is_gone_but_its_alias_goes_at_once(company: Company) -> None:
    company.sync(champion(2), *some(9))
    less = factories.registered(MODEL, (1, 3))
    company.sync(less, *some(9))
    assert company.newest().absent == [{"model": MODEL, "version": 2}]
    assert [change.move.to_version for change in company.moves(MODEL)] == [2, None]
    with company.rt.reading() as session:
        state = facts.state(session, company.rt.current(session))
    assert state.known is not None
    assert state.known.doubtful == {MODEL}
    assert company.sync(less, *some(9))["changes"]["retired_versions"] == 1


def test_a_drop_of_many_is_refused_until_somebody_accepts_it(company: Company) -> None:
    company.sync(*some(20))
    before = company.rows()
    with pytest.raises(SourceError, match=r"15 of 20 models no more; nothing was recorded.*\n.*--accept-drop"):
        company.sync(*some(5))
    assert company.rows() == before
    company.sync(*some(5), accept_drop=True)
    assert len(company.present()) == 20
    company.sync(*some(5))
    assert len(company.present()) == 5


def test_an_empty_answer_in_place_of_a_registry_is_refused(company: Company) -> None:
    company.sync(*some(2))
    with pytest.raises(SourceError, match="2 of 2 models"):
        company.sync()


def test_an_alias_that_moves_past_the_gate_is_told_with_the_window_in_which_it_moved(company: Company) -> None:
    company.sync(champion(1))
    company.sync(champion(1), *some(1))
    seen = company.newest().effective_at
    model_gate.decide(company.rt, VersionKey(MODEL, 2))
    company.sync(champion(2), *some(1), after=timedelta(hours=3))
    first, second = company.moves(MODEL)
    assert len(company.moves()) == 3
    assert (first.move.seen_after, first.move.outside_gate) == (None, True)
    assert (second.move.from_version, second.move.to_version) == (1, 2)
    assert (second.move.seen_after, second.move.outside_gate, second.move.decision) == (seen, True, None)
    middle = company.holder(seen + timedelta(hours=1))
    assert (middle.version, middle.possible, middle.is_certain) == (1, (1, 2), False)
    assert company.holder(seen).is_certain
    now = company.holder(company.newest().effective_at)
    assert (now.version, now.possible) == (1, (1, 2))  # the reading began before it saw the move
    assert company.holder(second.at).version == 2


def test_an_alias_that_a_decision_carries_names_it(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.sync(champion(1))
    decided = factories.decision(VersionKey(MODEL, 2), id="d1")
    monkeypatch.setattr(facts, "standing", lambda *_: {(decided.subject, "G4"): decided})
    company.sync(champion(2))
    move = company.moves(MODEL)[-1].move
    assert (move.outside_gate, move.decision) == (False, "d1")


def test_a_policy_that_gives_a_model_to_another_use_case_is_recorded_though_mlflow_is_as_it_was(
    company: Company,
) -> None:
    def recorded() -> list[str | None]:
        with company.rt.reading() as session:
            rows = select(RegisteredModelRow.use_case).order_by(RegisteredModelRow.recorded_at)
            return list(session.scalars(rows))

    company.sync(champion(1))
    case = company.rt.policy.use_cases.use_cases[MODEL].model_dump(mode="json")
    moved = {MODEL: {**case, "models": ["another"]}, "loans": case}
    company.rt = replace(company.rt, policy=factories.policy(use_cases={"use_cases": moved}))
    assert company.sync(champion(1))["changes"]["changed_models"] == 1
    assert recorded() == [MODEL, "loans"]
    assert not any(company.sync(champion(1))["changes"].values())


def test_a_decision_that_puts_things_in_order_is_news_of_its_own(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.sync(champion(1))
    assert any(finding["kind"] == "ungoverned_champion" for finding in company.newest().findings)
    decided = factories.decision(VersionKey(MODEL, 1), id="d1")
    monkeypatch.setattr(facts, "standing", lambda *_: {(decided.subject, "G4"): decided})
    company.sync(champion(1))
    assert not any(finding["kind"] == "ungoverned_champion" for finding in company.newest().findings)
    assert company.rows()["inventory_sweep"] == 2


def test_of_two_readings_at_once_the_slower_is_given_up(company: Company) -> None:
    def other() -> None:
        company.meanwhile = lambda: None
        company.sync(*some(4))

    company.sync(*some(3))
    company.meanwhile = other
    with pytest.raises(ConflictError, match="another sync ended"):
        company.sync(*some(3))
    assert company.newest().models == 4


def test_a_fault_between_the_facts_and_their_sweep_leaves_nothing_behind(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = company.rows()
    with monkeypatch.context() as patch:
        patch.setattr(facts, "record_sweep", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            company.sync(*some(3))
    assert company.rows() == before
    assert company.sync(*some(3))["changes"]["new_models"] == 3


# --- a real server: what a reading of changes finds is what a full one finds ------------------


@dataclass
class Registry:
    """A server's owners, and a company that follows them."""

    api: Api
    uri: str
    rt: Runtime

    def sync(self, *, full: bool = False) -> dict[str, int]:
        changes: dict[str, int] = inventory_sync.sync(self.rt, full=full)["changes"]
        return {kind: n for kind, n in changes.items() if n}

    def one(self, name: str) -> RegisteredModel:
        with self.rt.reading() as session:
            model = facts.model(session, name, self.rt.current(session))
        assert model is not None
        return model


class LaterClock:
    """The clock of production, some hours on: what was registered so far is old by then."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as uri:
        yield uri


@pytest.fixture
def registry(server: str, tmp_path: Path) -> Generator[Registry]:
    url = f"sqlite:///{tmp_path / 'governance.db'}"
    settings = Settings.model_validate({"database_url": url, "mlflow_uri": server})
    engine = database.connect(settings.database_url)
    database.upgrade(engine)
    api = Api(server)
    yield Registry(api, server, Runtime(settings, factories.shipped(), engine))
    api.close()
    engine.dispose()


def test_whatever_owners_do_a_reading_of_changes_finds_it(registry: Registry) -> None:
    api, name = registry.api, "信用 score-1.0"
    ended = api.run("0", metrics=[metric("auc", 0.5)])
    api.post("runs/update", run_id=ended, status="FINISHED", end_time=1)
    api.model(name)
    api.version(name, run_id=ended)
    api.model("other")
    api.version("other", run_id=ended)
    assert registry.sync()["new_models"] >= 2
    assert registry.sync() == {}

    going = api.run("0", metrics=[metric("auc", 0.6)])
    api.version(name, run_id=going)
    assert registry.sync() == {"new_versions": 1}
    api.post("runs/log-metric", run_id=going, key="auc", value=0.7, timestamp=2, step=1)
    assert registry.sync() == {"changed_versions": 1}
    assert registry.one(name).versions[1].metrics == {"auc": 0.7}
    api.alias(name, "champion", 1)
    assert registry.sync() == {"alias_moves": 1}
    api.alias(name, "champion", 2)
    assert registry.sync() == {"alias_moves": 1}
    api.tag(name, "team", "risk")
    assert registry.sync() == {"changed_models": 1}
    api.tag(name, "stage", "two", version=2)
    assert registry.sync() == {"changed_versions": 1}
    api._client.patch("model-versions/update", json={"name": name, "version": "1", "description": "first"})
    assert registry.sync() == {"changed_versions": 1}
    api._client.request("DELETE", "model-versions/delete", json={"name": name, "version": "1"}).raise_for_status()
    assert registry.sync() == {"absent": 1}
    assert registry.sync() == {"retired_versions": 1}
    assert registry.sync(full=True) == {}


def test_what_leaves_no_trace_in_mlflow_is_found_by_the_full_reading(registry: Registry) -> None:
    api = registry.api
    run = api.run("0", metrics=[metric("auc", 0.5)])
    api.post("runs/update", run_id=run, status="FINISHED", end_time=1)
    api.model("untraced")
    for _ in range(2):
        api.version("untraced", run_id=run)
    registry.sync()
    late = LaterClock()
    late.ahead = timedelta(hours=1)
    registry.rt = replace(registry.rt, clock=late)
    api.alias("untraced", "champion", 1)
    assert registry.sync() == {"alias_moves": 1}
    late.ahead = timedelta(hours=2)
    api.post("runs/set-tag", run_id=run, key="note", value="late")
    assert registry.sync() == {}
    late.ahead = timedelta(hours=25)
    assert registry.sync() == {"changed_versions": 2}


def test_a_model_that_its_owner_hides_among_prompts_stays_known(registry: Registry) -> None:
    api = registry.api
    api.model("hidden")
    for _ in range(3):
        api.version("hidden")
    api.alias("hidden", "champion", 2)
    registry.sync()
    api.tag("hidden", "mlflow.prompt.is_prompt", "true")
    api.tag("hidden", "mlflow.prompt.is_prompt", "true", version=3)
    for _ in range(3):
        registry.sync()
    assert registry.one("hidden").aliases == {"champion": 2}
    assert {version.key.version for version in registry.one("hidden").versions} >= {2, 3}


def test_a_reading_of_changes_asks_for_no_run_that_has_not_changed(registry: Registry) -> None:
    api = registry.api
    for number in range(12):
        api.model(f"calm-{number}")
        api.version(f"calm-{number}", run_id=api.run("0", metrics=[metric("auc", 0.5)]))
        api.alias(f"calm-{number}", "champion", 1)
    registry.sync()
    with registry.rt.reading() as session:
        known = facts.state(session, registry.rt.current(session)).known
    assert known is not None
    later = replace(known, read_at=known.read_at + timedelta(days=30))
    sizes = model_registry.PageSizes(names=5)
    quiet = model_registry.sweep(registry.rt.settings, later, sizes=sizes)
    full = model_registry.sweep(registry.rt.settings)
    assert quiet.reading.listed == {}
    assert all(not model.versions for model in quiet.models)
    assert [(m.name, m.aliases) for m in quiet.models] == [(m.name, m.aliases) for m in full.models]
    assert quiet.requests == 4  # two lists, each with and without prompts
    busy = model_registry.sweep(registry.rt.settings, replace(known, models=()), sizes=sizes)
    assert repr(busy.models) == repr(full.models)
