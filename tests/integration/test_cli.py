# SPDX-License-Identifier: Apache-2.0
"""The command line as a shell sees it: exit codes, JSON, help, and nothing that rewrites a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from typer.main import get_command

from governance.cli.app import app
from governance.core import inventory
from governance.core.terms import RegisteredModel
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import model_gate
from governance.store import database
from governance.store import inventory as inventory_facts
from tests import factories

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTILE = "a\u202egnp\x1b[31m<b>"
LISTINGS = (
    *(("gate", "list"), ("inventory", "list"), ("inventory", "findings"), ("risks",), ("kpis",), ("pack", "list")),
    *(("check", "list"), ("check", "probes"), ("check", "history", "nobody", "1")),
)
COMMANDS = (
    *(
        (),
        ("sync",),
        ("risks",),
        ("kpis",),
        ("init",),
        ("doctor",),
        ("db", "upgrade"),
        ("db", "status"),
        ("db", "roles"),
        ("airflow", "roles"),
        ("mlflow", "protect"),
    ),
    *(("check", name) for name in ("run", "list", "explain", "history", "replay", "probes")),
    *(("gate", name) for name in ("approve", "reject", "guard", "promote")),
    *(("use-case", name) for name in ("decide", "list", "show", "approve", "reject")),
    *(("waiver", name) for name in ("request", "grant", "reject", "revoke", "list")),
    *(("hold", name) for name in ("place", "enforce", "review", "release", "drill", "list")),
    *(
        ("gate", "show"),
        ("gate", "list"),
        ("gate", "explain"),
        ("inventory", "list"),
        ("inventory", "findings"),
        ("pack", "build"),
    ),
    *(
        ("pack", "list"),
        ("pack", "restatements"),
        ("policy", "check"),
        ("policy", "schema"),
        ("policy", "show"),
        ("policy", "replay"),
    ),
    *(
        ("inventory", "import"),
        ("inventory", "export"),
        ("inventory", "template"),
        ("model", "card"),
        ("inventory", "aliases"),
        ("inventory", "holder"),
    ),
    *(("evidence", name) for name in ("keygen", "rotate", "seal", "verify", "show", "prove", "bundle", "add", "erase")),
)
Told = subprocess.CompletedProcess[str]


def governance(*words: str, **settings: str | Path) -> Told:
    return python("-m", "governance.cli", *words, **settings)


def python(*words: str, **settings: str | Path) -> Told:
    environment: Mapping[str, str] = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GOVERNANCE_")},
        **{f"GOVERNANCE_{name.upper()}": str(value) for name, value in settings.items()},
    }
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | Path]:
    """Settings of a company whose inventory holds one blocked model with a hostile name."""
    home = tmp_path_factory.mktemp("cli")
    settings: dict[str, Any] = {
        "data_dir": home,
        "pack_dir": home / "packs",
        "evidence_url": str(home / "evidence"),
        "mlflow_uri": "http://127.0.0.1:9",
    }
    url = f"sqlite:///{home / 'governance.db'}"
    engine = database.connect(SecretStr(url))
    database.upgrade(engine)
    rt = Runtime(Settings(database_url=SecretStr(url), **settings), factories.shipped(), engine)
    version = factories.version(HOSTILE)
    seen = (RegisteredModel(HOSTILE, "", {}, {"champion": 1}, (version,)),)
    with rt.writing() as session:
        inventory_facts.record_changes(
            session, inventory.reconcile(inventory.Reading.whole(seen), ()), {}, rt.telling(session)
        )
    model_gate.decide(rt, version.key)
    engine.dispose()
    return {"database_url": url, **settings}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    told = governance(*command, "--help")
    assert told.returncode == 0
    assert "Usage: " in told.stdout


def test_the_help_of_no_command_loads_anything_heavy() -> None:
    heavy = {"airflow", "mlflow", "great_expectations", "pandas", "sqlalchemy", "duckdb", "typst"}
    script = f"""
import sys
from typer.main import get_command
from governance.cli.app import app
for words in {COMMANDS!r}:
    try:
        get_command(app).main([*words, "--help"])
    except SystemExit as end:
        assert end.code == 0, words
print(sorted({heavy!r} & set(sys.modules)))
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.count("Usage: ") == len(COMMANDS)
    assert told.stdout.splitlines()[-1] == "[]"


def test_the_guard_loads_and_asks_only_what_its_question_needs(place: dict[str, str | Path]) -> None:
    heavy = {"airflow", "alembic", "fsspec", "holidays", "httpx", "jinja2", "mlflow", "numpy", "pandas", "rich"}
    script = f"""
import json, sys
from governance.cli import main
try:
    main()
except SystemExit as end:
    ended = end.code
from governance.runtime import this_code
ours = [name for name in sys.modules if name.startswith(("governance.steps.", "governance.sources", "governance.reports.gate"))]
print(json.dumps([ended, sorted({heavy!r} & set(sys.modules)), sorted(ours), this_code.cache_info().misses]))
"""
    told = python("-c", script, "gate", "guard", f"models:/{HOSTILE}@champion", **place)
    assert "no use case names this model" in told.stdout, told.stderr
    steps = ["governance.steps.may_serve", "governance.steps.oversight"]
    assert json.loads(told.stdout.splitlines()[-1]) == [1, [], steps, 0], "each of these is time that a pipeline waits"


def test_no_command_leaves_a_part_of_the_database_outside_its_file(tmp_path: Path) -> None:
    place = {"database_url": f"sqlite:///{tmp_path / 'governance.db'}"}
    for words, code in (
        (("db", "upgrade"), 0),
        (("kpis", "--refresh"), 0),
        (("gate", "guard", "models:/none@such"), 1),
    ):
        told = governance(*words, **place)
        assert told.returncode == code, told.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["governance.db"], words


def test_the_commands_above_are_all_there_are() -> None:
    def named(group: Any, *words: str) -> set[tuple[str, ...]]:
        below = getattr(group, "commands", {})
        return {words} if not below else set().union(*(named(one, *words, name) for name, one in below.items()))

    assert named(get_command(app)) == set(COMMANDS) - {()}


@pytest.mark.parametrize("listing", LISTINGS, ids=" ".join)
def test_every_listing_is_json_for_programs_and_text_for_people(
    place: dict[str, str | Path], listing: tuple[str, ...]
) -> None:
    told = governance(*listing, "--json", **place)
    assert told.returncode == 0, told.stderr
    assert isinstance(json.loads(told.stdout), list)
    assert governance(*listing, **place).stdout.strip()


@pytest.mark.parametrize(
    "listing", [*LISTINGS, ("gate", "show", HOSTILE, "1"), ("gate", "explain", HOSTILE, "1")], ids=" ".join
)
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_no_stranger_rewrites_the_terminal(
    place: dict[str, str | Path], listing: tuple[str, ...], options: tuple[str, ...]
) -> None:
    shown = governance(*listing, *options, **place).stdout
    assert {unicodedata.category(c) for c in shown if c != "\n"}.isdisjoint({"Cc", "Cf", "Cs", "Co"})


def test_a_closed_gate_ends_with_1_and_says_why(place: dict[str, str | Path]) -> None:
    told = governance("gate", "show", HOSTILE, "1", language="en", **place)
    assert told.returncode == 1
    assert "no use case names this model" in told.stdout


def test_an_mlflow_that_does_not_answer_ends_with_75(place: dict[str, str | Path]) -> None:
    told = governance("sync", mlflow_timeout_seconds="1", **place)
    assert told.returncode == 75, told.stderr
    assert told.stderr.startswith("error: ")


def test_a_bad_policy_ends_with_2_before_anything_is_written(tmp_path: Path) -> None:
    policy = factories.policy_dir(tmp_path / "policy", kpis="kpis: {K-G01: no}\n")
    told = governance("sync", policy_dir=policy, database_url=f"sqlite:///{tmp_path / 'new' / 'governance.db'}")
    assert told.returncode == 2
    assert "kpis.yaml:1: " in told.stderr
    assert not (tmp_path / "new").exists()


def test_a_bad_policy_leaves_a_database_that_is_there_as_it_was(place: dict[str, str | Path], tmp_path: Path) -> None:
    policy = factories.policy_dir(tmp_path / "policy", kpis="kpis: {K-G01: no}\n")
    file = Path(str(place["database_url"]).removeprefix("sqlite:///"))
    before = file.read_bytes()
    for words in (
        ("sync",),
        ("check", "run", HOSTILE, "1"),
        ("risks", "--refresh"),
        ("kpis", "--refresh"),
        ("pack", "build"),
    ):
        assert governance(*words, **place, policy_dir=policy).returncode == 2
    assert file.read_bytes() == before


def test_a_bad_setting_ends_with_2_and_is_named() -> None:
    told = governance("kpis", mlflow_timeout_seconds="soon")
    assert told.returncode == 2
    assert "GOVERNANCE_MLFLOW_TIMEOUT_SECONDS" in told.stderr


def test_a_database_without_schema_names_the_command_that_makes_it(tmp_path: Path) -> None:
    place = {"database_url": f"sqlite:///{tmp_path / 'governance.db'}"}
    assert "governance db upgrade" in governance("kpis", **place).stderr
    assert governance("db", "status", **place).returncode == 1
    assert governance("db", "upgrade", **place).returncode == 0
    assert governance("db", "status", **place).returncode == 0


def test_the_doctor_names_a_remedy_for_everything_wrong(place: dict[str, str | Path], tmp_path: Path) -> None:
    told = governance("doctor", "--json", **{**place, "data_dir": tmp_path / "nowhere", "font_dir": tmp_path})
    assert told.returncode == 1
    found = {row["what"]: row for row in json.loads(told.stdout)}
    wrong = {what for what, row in found.items() if row["state"] == "wrong"}
    assert {"data", "mlflow", "fonts"} <= wrong
    assert {"policy", "suites", "database", "packs"}.isdisjoint(wrong)
    assert all(found[what]["remedy"] for what in wrong)
