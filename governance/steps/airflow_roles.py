# SPDX-License-Identifier: Apache-2.0
"""Set up the roles of Airflow's login, or tell what that would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import airflow_roles as rules
from governance.sources import airflow_roles as airflow

if TYPE_CHECKING:
    from governance.core.airflow_roles import Change


def set_up(*, dry_run: bool = False) -> tuple[Change, ...]:
    """Bring each of our roles to what it is meant to be; run again, it changes nothing.

    Returns:
        What was changed, or with `dry_run` would be, role by role.

    Raises:
        SourceError: Airflow refuses, or its logins are not FAB's.
        SourceUnavailableError: its database does not answer.
    """
    airflow.require_fab()
    if not dry_run:
        airflow.prepare()
    planned = rules.changes(airflow.roles(), airflow.dags())
    for change in planned:
        if change and not dry_run:
            airflow.apply(change)
    return planned
