# SPDX-License-Identifier: Apache-2.0
"""MLflow's own login holds what the product sets up: against a real server with `--app-name basic-auth`."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest
from pydantic import SecretStr

from governance.core.alias_guard import ActionKind, ActionState
from governance.core.holds import HoldScope
from governance.core.protection import Right
from governance.core.terms import ModelVersion, VersionKey
from governance.errors import PolicyError, SourceError
from governance.runtime import Runtime
from governance.settings import Settings
from governance.sources import mlflow_lists, mlflow_rest, model_registry, protected_models
from governance.sources.mlflow_fields import Fields
from governance.steps import alias_guard, emergency_hold, hold_enforcement, may_serve, promotion
from governance.steps import protected_models as step
from governance.store import database
from governance.store import oversight as facts
from tests import factories
from tests.integration.mlflow_server import mlflow_server, mlflow_uri
from tests.integration.releases import CHECKS, Clock, Release, rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from governance.policy import Policy
    from tests.integration.releases import Line

__all__ = ["mlflow_uri"]
pytestmark = pytest.mark.in_order

MODEL, TWIN = "credit-scoring", "prod.credit-scoring"
LENDING = "lending"
ADMIN, GATE, OWNER, STRANGER = "admin", "governance", "tanaka", "suzuki"


@dataclass(frozen=True)
class Server:
    uri: str
    passwords: dict[str, str]

    def call(self, account: str, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        told: dict[str, Any] = {"params" if method == "GET" else "json": body}
        auth = (account, self.passwords[account])
        return httpx.request(method, f"{self.uri}/api/{path}", auth=auth, timeout=60, trust_env=False, **told)

    def done(self, account: str, method: str, path: str, body: dict[str, Any]) -> Any:
        answer = self.call(account, method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def settings(self, account: str, **more: Any) -> Settings:
        password = SecretStr(self.passwords[account])
        return Settings(mlflow_uri=self.uri, mlflow_username=account, mlflow_password=password, **more)

    def version(self, number: int, model: str = MODEL) -> ModelVersion:
        told = self.done(ADMIN, "GET", "2.0/mlflow/model-versions/get", {"name": model, "version": str(number)})
        return mlflow_lists.version_of(Fields(told).inner("model_version"))

    def copy(self, account: str, number: int, target: str = TWIN) -> int:
        """Copy a version as an account, by the code that promotes."""
        return protected_models.copy(self.settings(account), self.version(number), target).key.version

    def register_version(self, account: str, model: str, tags: Sequence[dict[str, str]] = ()) -> int:
        body = {"name": model, "source": "s3://models/lending", "tags": list(tags)}
        told = self.done(account, "POST", "2.0/mlflow/model-versions/create", body)
        return int(told["model_version"]["version"])

    def aliases(self, model: str) -> dict[str, int]:
        told = self.done(ADMIN, "GET", "2.0/mlflow/registered-models/get", {"name": model})["registered_model"]
        return {alias["alias"]: int(alias["version"]) for alias in told.get("aliases", [])}

    def set_alias(self, account: str, model: str, alias: str, version: int) -> int:
        body = {"name": model, "alias": alias, "version": str(version)}
        return self.call(account, "POST", "2.0/mlflow/registered-models/alias", body).status_code


def policy(said: Policy | None = None) -> Policy:
    """What is said, or the shipped policy, but for one use case, whose models have twins."""
    said = said or factories.shipped()
    cases = {name: case for name, case in said.use_cases.use_cases.items() if name == "credit-scoring"}
    named = said.use_cases.model_copy(update={"use_cases": cases})
    gates = said.gates.model_copy(update={"protected_prefix": "prod."})
    return said.model_copy(update={"use_cases": named, "gates": gates})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("mlflow-auth")
    passwords = {name: secrets.token_urlsafe(18) for name in (ADMIN, GATE, OWNER, STRANGER)}
    ini = home / "basic_auth.ini"
    ini.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{home / 'auth.db'}\nadmin_username = {ADMIN}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
        encoding="utf-8",
    )
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(ini),
        "MLFLOW_AUTH_ADMIN_PASSWORD": passwords[ADMIN],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(32),
    }
    with mlflow_server(home, "--app-name", "basic-auth", environment=environment) as uri:
        made = Server(uri, passwords)
        for name in (GATE, OWNER, STRANGER):
            made.done(ADMIN, "POST", "2.0/mlflow/users/create", {"username": name, "password": passwords[name]})
        _register(made)
        yield made


def _register(server: Server) -> None:
    experiment = server.done(OWNER, "POST", "2.0/mlflow/experiments/create", {"name": "owners"})["experiment_id"]
    run = server.done(OWNER, "POST", "2.0/mlflow/runs/create", {"experiment_id": experiment})["run"]["info"]
    server.done(OWNER, "POST", "2.0/mlflow/registered-models/create", {"name": MODEL})
    for number in (1, 2):
        body = {
            "name": MODEL,
            "source": f"{run['artifact_uri']}/model",
            "run_id": run["run_id"],
            "description": f"no. {number}",
            "tags": [{"key": "data", "value": "2026-10"}],
        }
        server.done(OWNER, "POST", "2.0/mlflow/model-versions/create", body)


@pytest.fixture(scope="module")
def protected(server: Server) -> Server:
    step.protect(server.settings(ADMIN), policy(), GATE)
    return server


def test_a_dry_run_tells_everything_and_changes_nothing(tmp_path: Path, server: Server) -> None:
    prefix = f"dry-{tmp_path.name}."
    twice = [step.protect(server.settings(ADMIN), policy(), GATE, prefix=prefix, dry_run=True) for _ in range(2)]
    assert twice[0] == twice[1]
    assert twice[0].created == (f"{prefix}{MODEL}",)
    assert (f"{prefix}{MODEL}", GATE, Right.MANAGE) in {(one.model, one.account, one.right) for one in twice[0].grants}
    with mlflow_rest.connect(server.settings(ADMIN)) as connection:
        assert not protected_models.exists(connection, f"{prefix}{MODEL}")


def test_the_set_up_run_again_changes_nothing(protected: Server) -> None:
    again = step.protect(protected.settings(ADMIN), policy(), GATE)
    assert (again.created, again.grants, again.holes) == ((), (), ())
    assert again.administrators == (ADMIN,)


def test_the_gate_promotes_by_a_copy_and_asked_again_it_is_the_same_copy(protected: Server) -> None:
    first = protected.copy(GATE, 1)
    assert protected.copy(GATE, 1) == first
    second = protected.copy(GATE, 2)
    assert second == first + 1
    query = {"name": TWIN, "version": str(second)}
    told = protected.done(OWNER, "GET", "2.0/mlflow/model-versions/get", query)["model_version"]
    assert told["tags"] == [
        {"key": "data", "value": "2026-10"},
        {"key": "governance.copied_from", "value": f"{MODEL}/2"},
    ]
    assert told["description"] == "no. 2"
    assert told["run_id"]
    assert protected.set_alias(GATE, TWIN, "champion", second) == 200


@pytest.mark.parametrize("account", [OWNER, STRANGER])
@pytest.mark.parametrize("alias", ["champion", "production"])
def test_nobody_but_the_gate_sets_a_protected_alias(protected: Server, account: str, alias: str) -> None:
    version = protected.copy(GATE, 1)
    assert protected.set_alias(account, TWIN, alias, version) == 403
    assert protected.set_alias(GATE, TWIN, alias, version) == 200
    # The same request does go through where the account may: it is the right that refuses, not the request.
    assert protected.set_alias(OWNER, MODEL, alias, 1) == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "registered-models/alias", {"name": TWIN, "alias": "champion"}),
        ("POST", "model-versions/create", {"name": TWIN, "source": f"models:/{MODEL}/1"}),
        ("POST", "registered-models/rename", {"name": TWIN, "new_name": "mine"}),
        ("DELETE", "registered-models/delete", {"name": TWIN}),
        ("POST", "registered-models/set-tag", {"name": TWIN, "key": "governance.decision", "value": "forged"}),
        ("POST", "registered-models/create", {"name": TWIN}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_owner_has_no_way_around(protected: Server, method: str, path: str, body: dict[str, Any]) -> None:
    answer = protected.call(OWNER, method, f"2.0/mlflow/{path}", body)
    assert answer.status_code == (400 if path == "registered-models/create" else 403), answer.text


def test_an_owner_cannot_grant_himself_more(protected: Server) -> None:
    where = {"username": OWNER, "resource_type": "registered_model", "resource_id": TWIN, "permission": "MANAGE"}
    assert protected.call(OWNER, "POST", "3.0/mlflow/users/permissions/grant", where).status_code == 403


def test_a_right_given_by_hand_is_taken_back(protected: Server) -> None:
    where = {"username": STRANGER, "resource_type": "registered_model", "resource_id": TWIN, "permission": "EDIT"}
    protected.done(ADMIN, "POST", "3.0/mlflow/users/permissions/grant", where)
    assert protected.set_alias(STRANGER, TWIN, "candidate", 1) == 200
    done = step.protect(protected.settings(ADMIN), policy(), GATE)
    assert [(one.account, one.had, one.right) for one in done.grants] == [(STRANGER, Right.EDIT, Right.READ)]
    assert done.is_whole
    assert protected.set_alias(STRANGER, TWIN, "candidate", 1) == 403


def test_a_role_over_all_models_is_a_hole_that_is_told(protected: Server) -> None:
    v3 = "3.0/mlflow/roles"
    role = protected.done(ADMIN, "POST", f"{v3}/create", {"name": "modellers", "workspace": "default"})["role"]["id"]
    grant = {"role_id": role, "resource_type": "registered_model", "resource_pattern": "*", "permission": "EDIT"}
    protected.done(ADMIN, "POST", f"{v3}/permissions/add", grant)
    protected.done(ADMIN, "POST", f"{v3}/assign", {"username": STRANGER, "role_id": role})
    try:
        done = step.protect(protected.settings(ADMIN), policy(), GATE)
        is_open = protected.set_alias(STRANGER, TWIN, "candidate", 1) == 200
        assert [(one.account, one.model) for one in done.holes] == ([(STRANGER, TWIN)] if is_open else [])
    finally:
        protected.done(ADMIN, "DELETE", f"{v3}/unassign", {"username": STRANGER, "role_id": role})
    assert is_open


@pytest.mark.parametrize(("account", "why"), [("nobody-here", "knows no account"), (ADMIN, "administrator")])
def test_the_gates_account_must_be_an_ordinary_one(server: Server, account: str, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        step.protect(server.settings(ADMIN), policy(), account)


def test_who_is_no_administrator_is_refused(server: Server) -> None:
    with pytest.raises(SourceError, match="403"):
        step.protect(server.settings(OWNER), policy(), GATE)


def test_our_reader_logs_in_as_the_gates_account(protected: Server) -> None:
    assert {model.name for model in model_registry.read(protected.settings(GATE))} >= {MODEL, TWIN}
    with pytest.raises(SourceError, match="401"):
        model_registry.read(Settings(mlflow_uri=protected.uri))


def test_a_copy_of_what_is_not_there_or_into_nowhere_is_refused(protected: Server) -> None:
    gone = replace(protected.version(1), key=VersionKey(MODEL, 99))
    with pytest.raises(SourceError, match="404"):
        protected_models.copy(protected.settings(GATE), gone, TWIN)
    with pytest.raises(SourceError, match="403"):  # only an administrator learns that it is not there
        protected.copy(GATE, 1, "prod.nowhere")


def test_a_policy_without_twins_sets_none_up_and_another_prefix_can_only_be_tried(server: Server) -> None:
    settings, without = server.settings(ADMIN), factories.shipped()
    with pytest.raises(PolicyError, match="names no protected_prefix"):
        step.protect(settings, without, GATE)
    with pytest.raises(PolicyError, match="names protected_prefix prod"):
        step.protect(settings, policy(), GATE, prefix="other.")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Release]:
    """A model with an approved version and its twin, seen through the gate's account."""
    home = tmp_path_factory.mktemp("company")
    settings = server.settings(
        GATE,
        database_url=SecretStr(f"sqlite:///{home / 'governance.db'}"),
        evidence_url=str(home / "evidence"),
        language="en",
    )
    server.done(OWNER, "POST", "2.0/mlflow/registered-models/create", {"name": LENDING})
    for _ in range(2):
        server.register_version(OWNER, LENDING)
    engine = database.connect(settings.database_url)
    database.upgrade(engine)
    clock, said = Clock(), policy(rules(LENDING))
    step.protect(server.settings(ADMIN), said, GATE)
    rt = Runtime(settings, said, engine, clock, actor="test", source="test")
    there = Release(rt, cast("Line", None), LENDING, clock)  # it is asked by accounts here, never through a line
    there.sync()
    for check in CHECKS:
        there.measured(2, check)
    there.decide(2)
    there.approve(2)
    yield there
    engine.dispose()


def reverted(there: Release) -> list[tuple[str, str]]:
    """What was done to the twin besides promotion, and what was escalated about it."""
    with there.rt.reading() as session:
        at, twin = there.rt.current(session), f"prod.{LENDING}"
        ours = {ActionKind.COPY, ActionKind.PROMOTE}
        done = [(a.kind.value, a.state.value) for a in facts.actions(session, at, twin) if a.kind not in ours]
        return done + [(one.rule, one.subject) for one in facts.escalations(session, at) if one.subject == twin]


def test_logged_in_as_the_gate_a_release_gets_into_the_twin_and_stays(company: Release, server: Server) -> None:
    twin = f"prod.{LENDING}"
    assert promotion.promote(company.rt, company.key(2), "champion").state is ActionState.DONE
    alias_guard.guard(company.rt)
    assert (server.aliases(twin), reverted(company)) == ({"champion": 1}, [])
    assert may_serve.check(company.rt, twin, alias="champion")[1] == []
    # The owner has no way in, neither by the alias nor by a copy.
    assert server.set_alias(OWNER, twin, "champion", 1) == 403
    with pytest.raises(SourceError, match="403"):
        protected_models.copy(server.settings(OWNER), server.version(1, LENDING), twin)
    # An administrator has. What nobody approved is taken back, and told once.
    smuggled = server.register_version(ADMIN, twin, [{"key": "governance.copied_from", "value": f"{LENDING}/2"}])
    assert server.set_alias(ADMIN, twin, "champion", smuggled) == 200
    for _ in range(2):
        alias_guard.guard(company.rt)
    assert server.aliases(twin) == {"champion": 1}
    assert reverted(company) == [("revert", "done"), ("E-05", twin)]
    # A hold is enforced on the twin, and on the model itself, where its owner may set the alias.
    assert server.set_alias(OWNER, LENDING, "champion", 2) == 200
    order: dict[str, Any] = {"ground": "safety", "reason": "harm was reported", "login": "sato"}
    placed = emergency_hold.place(company.rt, HoldScope.MODEL, LENDING, **order)
    removed = hold_enforcement.enforce(company.rt, placed.id, patience=60).removed
    assert set(removed) == {f"{LENDING}@champion (v2)", f"{twin}@champion (v1)"}
    assert (server.aliases(LENDING), server.aliases(twin)) == ({}, {})


def test_a_server_without_login_is_named(mlflow_uri: str) -> None:
    with pytest.raises(SourceError, match="without its own login"):
        step.protect(Settings(mlflow_uri=mlflow_uri), policy(), GATE)


@pytest.mark.parametrize(("language", "word"), [("ja", "権限"), ("en", "grants")])
def test_the_command_tells_what_it_would_do_in_both_languages(protected: Server, language: str, word: str) -> None:
    environment = os.environ | {
        "GOVERNANCE_MLFLOW_URI": protected.uri,
        "GOVERNANCE_MLFLOW_USERNAME": ADMIN,
        "GOVERNANCE_MLFLOW_PASSWORD": protected.passwords[ADMIN],
        "GOVERNANCE_LANGUAGE": language,
    }
    command = [sys.executable, "-m", "governance.cli", "mlflow", "protect", "--dry-run", "--prefix", "shown."]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert f"shown.{MODEL}" in told.stdout
    assert word in told.stdout
    shown = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=True)
    assert f"shown.{MODEL}" in json.loads(shown.stdout)["created"]
