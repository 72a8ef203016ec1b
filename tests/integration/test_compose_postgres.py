# SPDX-License-Identifier: Apache-2.0
"""The deployment's first start of PostgreSQL, carried out on a real one."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_compose import DATABASES, SQL, _compose, _run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _psql(*arguments: str, env: dict[str, str] | None = None) -> str:
    return _run("psql", "-h", "127.0.0.1", "-w", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", *arguments, env=env)


@pytest.fixture
def prefix() -> Iterator[str]:
    """Names of our own on the real server; all that was made under them goes away again."""
    try:
        _psql("-U", "postgres", "-c", "SELECT 1")
    except (AssertionError, FileNotFoundError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL on 127.0.0.1:5432 for user postgres: {error}")
    name = f"compose_{secrets.token_hex(4)}_"
    yield name
    for database in DATABASES:
        _psql("-U", "postgres", "-c", f"DROP DATABASE IF EXISTS {name}{database} WITH (FORCE)")
        _psql("-U", "postgres", "-c", f"DROP ROLE IF EXISTS {name}{database}")


def _script(prefix: str, folder: Path) -> Path:
    path = folder / SQL.name
    names = "|".join(DATABASES)
    path.write_text(re.sub(rf"\b({names})\b", rf"{prefix}\1", SQL.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def _passwords() -> dict[str, str]:
    return {f"DB_PASSWORD_{name.upper()}": f"it's {name}" for name in DATABASES}


@pytest.mark.postgres
def test_the_init_script_makes_three_databases_that_only_their_owners_enter(prefix: str, tmp_path: Path) -> None:
    _psql("-U", "postgres", "-f", str(_script(prefix, tmp_path)), env=_passwords())
    for database in DATABASES:
        owner = f"{prefix}{database}"
        query = "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolname LIKE :'mine' AND has_database_privilege(rolname, :'place', 'CONNECT')"
        path = tmp_path / "query.sql"
        path.write_text(query, encoding="utf-8")
        names = ("-v", f"mine={prefix}%", "-v", f"place={owner}")
        assert _psql("-U", "postgres", "-tA", *names, "-f", str(path)).strip() == owner
        login = {"PGPASSWORD": f"it's {database}"}
        _psql("-U", owner, "-d", owner, "-c", "CREATE TABLE public.fact (id int)", env=login)


@pytest.mark.postgres
def test_the_init_script_stops_without_a_password(prefix: str, tmp_path: Path) -> None:
    script = _script(prefix, tmp_path)
    some = {"PATH": os.environ["PATH"], "DB_PASSWORD_AIRFLOW": "x"}
    command = [
        "psql",
        "-h",
        "127.0.0.1",
        "-w",
        "-U",
        "postgres",
        "--no-psqlrc",
        "-v",
        "ON_ERROR_STOP=1",
        "-f",
        str(script),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=some)
    assert done.returncode != 0
    assert "syntax error" in done.stderr
    assert f"ROLE {prefix}governance LOGIN PASSWORD :'" in done.stderr


@pytest.mark.postgres
def test_the_health_check_of_postgres_counts_the_databases(prefix: str, tmp_path: Path) -> None:
    test = _compose()["services"]["postgres"]["healthcheck"]["test"][1].replace("$$", "$")
    for database in DATABASES:
        test = test.replace(f"'{database}'", f"'{prefix}{database}'")
    assert subprocess.run(["sh", "-c", test], check=False, timeout=60).returncode != 0
    _psql("-U", "postgres", "-f", str(_script(prefix, tmp_path)), env=_passwords())
    assert subprocess.run(["sh", "-c", test], check=False, timeout=60).returncode == 0
