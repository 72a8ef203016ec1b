# SPDX-License-Identifier: Apache-2.0
"""The deployment files against reality: the settings, the installed Airflow and MLflow, PostgreSQL, and each other."""

from __future__ import annotations

import copy
import functools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from governance.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
SQL = ROOT / "docker" / "postgres" / "10-databases.sql"
DATABASES = ("airflow", "governance", "mlflow")
PUBLIC_IMAGES = {"postgres:17", "redis:8"}
REDIS_CLIENT = "redis"
BASE_IMAGE = "python:3.12-slim"

_REFERENCE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")
_EXAMPLE = re.compile(r"^(?:# )?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$", re.MULTILINE)
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|FERNET|AUTH\b|_CONN$|_BACKEND$|DATABASE_URL|BROKER_URL|BACKEND_STORE_URI")
_URL_PASSWORD = re.compile(r"://[^:/@\s]*:([^@\s]+)@")

Check = Callable[[dict[str, Any]], list[str]]


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


def _services(compose: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from compose["services"].items()


def _environment(compose: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    for service, body in _services(compose):
        for name, value in body.get("environment", {}).items():
            yield service, name, value


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)
    elif isinstance(node, str):
        yield node


def _references(compose: dict[str, Any]) -> list[tuple[str, str]]:
    return [(match["name"], match["rest"]) for text in _strings(compose) for match in _REFERENCE.finditer(text)]


def _run(*command: str, env: dict[str, str] | None = None) -> str:
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PATH": search, **(env or {})},
    )
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr[-2000:]}"
    return done.stdout


# --- What is checked; each returns its complaints -----------------------------------------------------------------


def images(compose: dict[str, Any]) -> list[str]:
    """Every service runs a known public image, or one that this repository builds."""
    found = []
    for name, body in _services(compose):
        if "build" in body:
            if not (ROOT / body["build"] / "Dockerfile").is_file():
                found.append(f"{name}: no Dockerfile in {body['build']}")
        elif body.get("image") not in PUBLIC_IMAGES:
            found.append(f"{name}: {body.get('image')} is neither built here nor known")
    return found


def governance_settings(compose: dict[str, Any]) -> list[str]:
    """Every GOVERNANCE_* name is read by somebody, and a wheel's defaults that point into the checkout are replaced."""
    fields = {f"GOVERNANCE_{field.upper()}" for field in Settings.model_fields}
    found = [
        f"{service}: {name} is no setting"
        for service, name, _ in _environment(compose)
        if name.startswith("GOVERNANCE_") and name not in fields
    ]
    checkout = [field for field, info in Settings.model_fields.items() if str(ROOT) in _plain(info.default)]
    worker = compose["services"]["airflow-worker"]["environment"]
    return found + [
        f"{field} would be looked for in site-packages"
        for field in checkout
        if f"GOVERNANCE_{field.upper()}" not in worker
    ]


def _plain(value: object) -> str:
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


def airflow_options(compose: dict[str, Any]) -> list[str]:
    """Every AIRFLOW__SECTION__KEY is an option of the pinned Airflow or of a provider."""
    known = _airflow_options()
    return [
        f"{service}: {name} is no option"
        for service, name, _ in _environment(compose)
        if name.startswith("AIRFLOW__") and name.removeprefix("AIRFLOW__") not in known
    ]


def variables(compose: dict[str, Any], example: str | None = None) -> list[str]:
    """`.env.example` lists every variable that the file reads, and no other."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8") if example is None else example
    listed = {match["name"] for match in _EXAMPLE.finditer(text)}
    used = {name for name, _ in _references(compose)} | {
        name for _, name, value in _environment(compose) if value is None
    }
    return [f"{name} is not in .env.example" for name in sorted(used - listed)] + [
        f"{name} in .env.example is read by nothing" for name in sorted(listed - used)
    ]


def secret_values(compose: dict[str, Any]) -> list[str]:
    """No secret has a value in the file, and none that is required has a default."""
    found = [
        f"{name} must be ${{{name}:?...}}, not {name}{rest}"
        for name, rest in _references(compose)
        if _SECRET.search(name) and not rest.startswith(f":?set {name} in .env")
    ]
    for service, name, value in _environment(compose):
        if value is not None and _SECRET.search(name) and not _is_reference(str(value)):
            found.append(f"{service}: {name} is written out")
    return found


def _is_reference(value: str) -> bool:
    """Whether what is secret in it comes from outside: all of it, or the password of a URL."""
    bare = _REFERENCE.sub("$", value)
    written = set(_URL_PASSWORD.findall(bare))
    return bare == "$" or written == {"$"}


def volumes(compose: dict[str, Any]) -> list[str]:
    """Named volumes are declared and used; bind mounts exist in the repository or are set by the operator."""
    sources = [(service, _source(mount)) for service, body in _services(compose) for mount in body.get("volumes", ())]
    named = {source for _, source in sources if re.fullmatch(r"[\w-]+", source)}
    declared = set(compose.get("volumes", {}))
    found = [f"volume {name} is not declared" for name in sorted(named - declared)]
    found += [f"volume {name} is used by nothing" for name in sorted(declared - named)]
    return found + [
        f"{service}: {source} does not exist"
        for service, source in sources
        if source not in named and not source.startswith("${") and not (ROOT / source).exists()
    ]


def _source(mount: str | dict[str, Any]) -> str:
    return mount.split(":", 1)[0] if isinstance(mount, str) else str(mount["source"])


def dependencies(compose: dict[str, Any]) -> list[str]:
    """Nobody waits for a service that is not there, for health that nobody measures, or for an end that never comes."""
    found = []
    for name, body in _services(compose):
        for target, wait in body.get("depends_on", {}).items():
            other = compose["services"].get(target)
            if other is None:
                found.append(f"{name}: {target} does not exist")
            elif wait["condition"] == "service_healthy" and "healthcheck" not in other:
                found.append(f"{name}: {target} has no health check")
            elif wait["condition"] == "service_completed_successfully" and other.get("restart") != "no":
                found.append(f"{name}: {target} never ends")
    return found


def health_checks(compose: dict[str, Any]) -> list[str]:
    """Everything that runs on is measured, and not by an address that always answers 200."""
    found = []
    for name, body in _services(compose):
        test = " ".join(body.get("healthcheck", {}).get("test", ()))
        if body.get("restart") != "no" and not test:
            found.append(f"{name}: no health check")
        if name == "mlflow" and ("healthcheck.py mlflow mlflow " not in test or "/health " in test):
            found.append("mlflow: /health is exempt from the Host check")
    return found


def ports(compose: dict[str, Any]) -> list[str]:
    """Nothing is published beyond this host, and neither store at all."""
    return [
        f"{name}: {port} is not on 127.0.0.1"
        for name, body in _services(compose)
        for port in body.get("ports", ())
        if not str(port).startswith("127.0.0.1:") or name in {"postgres", "redis"}
    ]


def commands(compose: dict[str, Any]) -> list[str]:
    """Every flag of every command is known to the pinned version."""
    found = []
    for name, body in _services(compose):
        lines = [body.get("command", []), body.get("healthcheck", {}).get("test", ["CMD"])[1:]]
        for line in lines:
            words, flags = _split(line)
            found += [
                f"{name}: {shlex.join(words)} knows no {flag}" for flag in flags if words and flag not in _help(words)
            ]
    return found


def _split(line: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Part `airflow celery worker --queues x` into the command that is asked for help, and its flags."""
    if not line or line[0] not in {"airflow", "mlflow"}:
        return (), []
    flags = [word.split("=", 1)[0] for word in line if word.startswith("-")]
    first = next((at for at, word in enumerate(line) if word.startswith("-")), len(line))
    return tuple(line[:first]), flags or ["--help"]


CHECKS: list[Check] = [
    images,
    governance_settings,
    airflow_options,
    variables,
    secret_values,
    volumes,
    dependencies,
    health_checks,
    ports,
    commands,
]


@functools.cache
def _help(words: tuple[str, ...]) -> frozenset[str]:
    # mlflow's help is cut by the width of the terminal, inside words too
    text = _run(*words, "--help", env={"COLUMNS": "200", "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"})
    return frozenset(re.findall(r"(?<![\w-])--?[\w-]+", text)) | {"--help"}


_OPTIONS = """
import json, yaml, pathlib, airflow
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
manager.initialize_providers_configuration()
core = pathlib.Path(airflow.__file__).parent / "config_templates" / "config.yml"
parts = [yaml.safe_load(core.read_text()), *(config for _, config in manager.provider_configs)]
options = [f"{s}__{o}".upper().replace(".", "_") for part in parts for s, body in part.items() for o in body.get("options", {})]
print("OPTIONS", json.dumps(options))
"""


@functools.cache
def _airflow_options() -> frozenset[str]:
    """Ask another process, so that this one keeps no configuration of Airflow."""
    output = _run(sys.executable, "-c", _OPTIONS)
    line = next(line for line in output.splitlines() if line.startswith("OPTIONS "))
    return frozenset(json.loads(line.removeprefix("OPTIONS ")))


# --- The files as they are ------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _airflow_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands that are asked for help write their configuration where nobody minds."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path_factory.getbasetemp() / "compose-airflow"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_compose_file_holds(check: Check) -> None:
    assert check(_compose()) == []


def test_the_compose_file_has_the_services_that_the_guide_names() -> None:
    airflow = {
        f"airflow-{part}" for part in ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker")
    }
    assert set(_compose()["services"]) == airflow | {"postgres", "redis", "mlflow"}


def test_mlflow_answers_under_the_name_that_the_pipeline_calls_it_by() -> None:
    compose = _compose()
    command = compose["services"]["mlflow"]["command"]
    hosts = (
        next(word for word in command if word.startswith("--allowed-hosts="))
        .removeprefix("--allowed-hosts=")
        .split(",")
    )
    address = compose["services"]["airflow-worker"]["environment"]["GOVERNANCE_MLFLOW_URI"]
    assert address == "${GOVERNANCE_MLFLOW_URI:-http://mlflow:5000}"
    assert hosts == ["mlflow:5000", "localhost:*", "127.0.0.1:*"]


def test_the_shell_of_a_health_check_parses() -> None:
    compose = _compose()
    for _, body in _services(compose):
        kind, *rest = body.get("healthcheck", {}).get("test", ["CMD"])
        if kind == "CMD-SHELL":
            _run("sh", "-n", "-c", rest[0].replace("$$", "$"))
    _run("sh", "-n", "-c", compose["services"]["redis"]["command"][2].replace("$$", "$"))
    _run("sh", "-n", str(ROOT / "docker" / "init.sh"))


def test_the_commands_of_the_first_step_exist() -> None:
    script = (ROOT / "docker" / "init.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [shlex.split(line) for line in script.splitlines() if line.startswith("airflow ")]
    assert [line[1] for line in lines] == ["db", "sync-perm", "users"]
    for line in lines:
        words, flags = _split(line)
        assert [flag for flag in flags if flag not in _help(words)] == []


def test_the_first_step_brings_the_governance_database_up_to_date() -> None:
    assert "governance db upgrade" in (ROOT / "docker" / "init.sh").read_text(encoding="utf-8")
    _run("governance", "db", "upgrade", "--help")


def test_airflow_makes_no_roles_of_its_own_beside_those_of_the_command() -> None:
    assert "AIRFLOW__FAB__CUSTOM_ROLES" not in _compose()["services"]["airflow-api-server"]["environment"]
    assert "governance airflow roles" in (ROOT / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")


def test_celery_is_older_than_the_release_that_breaks_the_executor() -> None:
    lock = (ROOT / "requirements" / "runtime.lock").read_text(encoding="utf-8")
    version = re.search(r"^celery==(\d+)\.(\d+)", lock, re.MULTILINE)
    assert version is not None
    assert (int(version[1]), int(version[2])) < (5, 7)


def test_the_lock_has_the_drivers_that_the_addresses_name() -> None:
    lock = (ROOT / "requirements" / "runtime.lock").read_text(encoding="utf-8")
    drivers = {match[1] for text in _strings(_compose()) if (match := re.match(r"(?:db\+)?postgresql\+(\w+)://", text))}
    for package in drivers | {REDIS_CLIENT, "asyncpg"}:
        assert re.search(rf"^{package}==", lock, re.MULTILINE), package


# --- .env.example ---------------------------------------------------------------------------------------------------


def test_the_example_leaves_every_secret_empty() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    filled = [match["name"] for match in _EXAMPLE.finditer(text) if _SECRET.search(match["name"]) and match["value"]]
    assert filled == []


def test_the_example_has_a_value_for_what_is_no_secret() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    required = {name for name, rest in _references(_compose()) if rest.startswith(":?")}
    values = {match["name"]: match["value"] for match in _EXAMPLE.finditer(text)}
    assert [name for name in sorted(required) if not _SECRET.search(name) and not values[name]] == []
    assert all(values[name] == "" for name in required if _SECRET.search(name))


def test_the_example_and_the_compose_file_have_the_same_defaults() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    values = {match["name"]: match["value"] for match in _EXAMPLE.finditer(text)}
    defaults = {(name, rest.removeprefix(":-")) for name, rest in _references(_compose()) if rest.startswith(":-")}
    assert {(name, values[name]) for name, _ in defaults} == defaults


def test_the_example_explains_every_variable() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    variables_alone = [
        line for before, line in zip(["", *lines], lines, strict=False) if _EXAMPLE.match(line) and not before.strip()
    ]
    assert variables_alone == []


# --- Dockerfile -----------------------------------------------------------------------------------------------------


def _instructions(text: str) -> list[list[str]]:
    joined = re.sub(r"\\\n", " ", text)
    return [line.split() for line in joined.splitlines() if line and not line.startswith("#")]


def _missing_sources(text: str) -> list[str]:
    copies = [line[1:-1] for line in _instructions(text) if line[0] == "COPY" and not line[1].startswith("--from")]
    return [source for line in copies for source in line if not (ROOT / source).exists()]


def test_the_dockerfile_copies_only_what_is_there() -> None:
    # README, LICENSE and NOTICE are named in pyproject.toml: without them the wheel cannot be built
    assert _missing_sources((ROOT / "Dockerfile").read_text(encoding="utf-8")) == []


def test_a_copy_of_nothing_is_noticed() -> None:
    assert _missing_sources("FROM x\nCOPY pyproject.toml nowhere.txt /x/\n") == ["nowhere.txt"]


def test_the_build_context_has_what_the_dockerfile_copies() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    for line in _instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        if line[0] == "COPY" and not line[1].startswith("--from"):
            for source in line[1:-1]:
                assert any(Path(source).match(pattern) for pattern in allowed), source


def test_the_image_is_built_from_hashes_and_does_not_run_as_root() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == [BASE_IMAGE, BASE_IMAGE]
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] not in {"root", "0"}
    installs = re.findall(r"pip install (.*)", text)
    assert installs
    assert all("--require-hashes" in line or "--no-deps --no-index" in line for line in installs)


def test_no_deployment_file_names_a_registry() -> None:
    for name in ("Dockerfile", "docker-compose.yaml", "docker/init.sh", ".env.example"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"index-url|docker\.io|ghcr\.io|quay\.io|pypi|https://", text), name


# --- Each check can fail --------------------------------------------------------------------------------------------


def _with(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Set one place of the parsed file, named like `services/mlflow/image`; None takes it away."""

    def change(compose: dict[str, Any]) -> None:
        *parents, last = path.split("/")
        place = functools.reduce(lambda node, key: node[key], parents, compose)
        if value is None:
            del place[last]
        else:
            place[last] = value

    return change


API = "services/airflow-api-server"
MUTATIONS: list[tuple[Check, str, object, str]] = [
    (images, "services/mlflow/build", "docs", "no Dockerfile"),
    (images, "services/redis/image", "redis:latest", "neither built here nor known"),
    (governance_settings, f"{API}/environment/GOVERNANCE_MLFLOW_URL", "x", "GOVERNANCE_MLFLOW_URL is no setting"),
    (governance_settings, "services/airflow-worker/environment/GOVERNANCE_POLICY_DIR", None, "policy_dir would"),
    (airflow_options, f"{API}/environment/AIRFLOW__CORE__SQL_ALCHEMY_CONN", "x", "CORE__SQL_ALCHEMY_CONN is no option"),
    (airflow_options, f"{API}/environment/AIRFLOW__CELERY__BROKER", "x", "CELERY__BROKER is no option"),
    (variables, f"{API}/environment/EXTRA", "${NOT_LISTED:-1}", "NOT_LISTED is not in"),
    (
        variables,
        "services/airflow-init/environment/AIRFLOW_ADMIN_EMAIL",
        "x",
        "AIRFLOW_ADMIN_EMAIL in .env.example is read",
    ),
    (secret_values, "services/redis/environment/REDISCLI_AUTH", "${REDIS_PASSWORD:-redis}", "REDIS_PASSWORD must be"),
    (secret_values, "services/redis/environment/REDISCLI_AUTH", "hunter2", "REDISCLI_AUTH is written out"),
    (secret_values, f"{API}/environment/AIRFLOW__API__SECRET_KEY", "x", "SECRET_KEY is written out"),
    (
        secret_values,
        f"{API}/environment/GOVERNANCE_DATABASE_URL",
        "postgresql://a:b@c/d",
        "DATABASE_URL is written out",
    ),
    (volumes, "volumes/redis-data", None, "redis-data is not declared"),
    (volumes, "volumes/spare", {}, "spare is used by nothing"),
    (volumes, "services/redis/volumes", ["./nowhere:/x"], "./nowhere does not exist"),
    (dependencies, f"{API}/depends_on/nobody", {"condition": "service_started"}, "nobody does not exist"),
    (dependencies, "services/postgres/healthcheck", None, "postgres has no health check"),
    (dependencies, "services/airflow-init/restart", "always", "airflow-init never ends"),
    (health_checks, "services/airflow-worker/healthcheck", None, "airflow-worker: no health check"),
    (health_checks, "services/mlflow/healthcheck/test", ["CMD", "curl", "http://mlflow:5000/health"], "exempt"),
    (ports, f"{API}/ports", ["8080:8080"], "not on 127.0.0.1"),
    (ports, "services/redis/ports", ["127.0.0.1:6379:6379"], "redis"),
    (commands, f"{API}/command", ["airflow", "api-server", "--workerz", "2"], "knows no --workerz"),
    (commands, "services/mlflow/command", ["mlflow", "server", "--allow-hosts=x"], "knows no --allow-hosts"),
    (
        commands,
        "services/airflow-scheduler/healthcheck/test",
        ["CMD", "airflow", "jobs", "check", "--here"],
        "knows no --here",
    ),
]


@pytest.mark.parametrize(
    ("check", "path", "value", "complaint"), MUTATIONS, ids=lambda part: getattr(part, "__name__", None)
)
def test_a_fault_in_the_compose_file_is_noticed(check: Check, path: str, value: object, complaint: str) -> None:
    compose = copy.deepcopy(_independent(_compose()))
    _with(path, value)(compose)
    assert any(complaint in found for found in check(compose)), check(compose)


def _independent(compose: dict[str, Any]) -> dict[str, Any]:
    """Undo what YAML anchors share, so that a change in one service stays there."""
    separate: dict[str, Any] = json.loads(json.dumps(compose))
    return separate


def test_a_variable_that_is_missing_from_the_example_is_noticed() -> None:
    assert "REDIS_PASSWORD is not in .env.example" in variables(_compose(), "IMAGE_TAG=local\n")


def test_every_check_has_been_seen_to_fail() -> None:
    assert {check for check, *_ in MUTATIONS} == set(CHECKS)
