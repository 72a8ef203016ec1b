# SPDX-License-Identifier: Apache-2.0
"""The roles of Airflow's FAB login, read and written by Airflow's own command line.

Never by its tables: they are Airflow's, and its command keeps an audit entry of each change.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from governance.core.airflow_roles import Permission
from governance.errors import SourceError, SourceUnavailableError

if TYPE_CHECKING:
    from governance.core.airflow_roles import Change, Permissions

FAB: Final = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
_SECONDS: Final = 300
_LAST: Final = 500


def require_fab() -> None:
    """See that Airflow's logins are FAB's.

    Raises:
        SourceError: they are not, and then there are no roles to set up.
    """
    manager = (_airflow("config", "get-value", "core", "auth_manager").split() or [""])[-1]
    if manager != FAB:
        raise SourceError(
            f"Airflow's logins are kept by {manager or 'nothing'}, which knows no roles of ours.",
            hint=f"Set AIRFLOW__CORE__AUTH_MANAGER={FAB} here and in every component of Airflow.",
        )


def prepare() -> None:
    """Let Airflow make what can be permitted, also on each DAG that it has parsed."""
    _airflow("sync-perm", "--include-dags")


def roles() -> dict[str, Permissions]:
    """Return every role but FAB's own with what it may do."""
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "roles.json"
        _airflow("roles", "export", str(file))
        return _read(file)


def dags() -> frozenset[str]:
    """Return the DAGs that Airflow has parsed."""
    told = _airflow("dags", "list", "--output", "json")
    start = told.find("[{")  # Airflow prints warnings before its answer
    try:
        listed: list[dict[str, str]] = json.JSONDecoder().raw_decode(told, start)[0] if start >= 0 else []
        return frozenset(row["dag_id"] for row in listed)
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable("the list of DAGs") from error


def apply(change: Change) -> None:
    """Make a role what it is meant to be; what is taken away goes first."""
    name = change.role.name
    if change.is_new:
        _airflow("roles", "create", name)
    for subcommand, permissions in (("del-perms", change.remove), ("add-perms", change.add)):
        for action, of_action in groupby(sorted(permissions), key=lambda permission: permission.action):
            resources = [permission.resource for permission in of_action]
            _airflow("roles", subcommand, name, "--action", action, "--resource", *resources)


def _read(file: Path) -> dict[str, Permissions]:
    try:
        listed: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        found: dict[str, set[Permission]] = {}
        for row in listed:
            actions = filter(None, row["action"].split(","))
            found.setdefault(row["name"], set()).update(Permission(action, row["resource"]) for action in actions)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable("its roles") from error
    return {name: frozenset(permissions) for name, permissions in found.items()}


def _airflow(*words: str) -> str:
    """Run Airflow's command of this environment and return what it printed."""
    try:
        told = subprocess.run(  # noqa: S603 - our own words, no shell
            [sys.executable, "-m", "airflow", *words],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceUnavailableError(
            f"`airflow {' '.join(words[:2])}` did not end within {_SECONDS} s.", hint="Does Airflow's database answer?"
        ) from error
    if told.returncode:
        raise SourceError(
            f"`airflow {' '.join(words[:3])}` failed with exit status {told.returncode}: {_last(told.stdout, told.stderr)}",
            hint="Run this where Airflow runs, with its AIRFLOW__* settings, after `airflow db migrate`.",
        )
    return told.stdout


def _last(*outputs: str) -> str:
    """Return the end of what a command said; its settings are in none of it."""
    return " ".join(" ".join(outputs).split())[-_LAST:]


def _unreadable(what: str) -> SourceError:
    return SourceError(f"Airflow told {what} in a way we do not read.", hint="Is this Airflow 3.3 with FAB 3?")
