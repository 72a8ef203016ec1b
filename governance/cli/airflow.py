# SPDX-License-Identifier: Apache-2.0
"""`governance airflow ...`: set up Airflow's login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from governance.cli import output
from governance.settings import Settings

if TYPE_CHECKING:
    from governance.core.airflow_roles import Change, Permissions

airflow = typer.Typer(no_args_is_help=True, help="Airflow's login.")


def add_to(app: typer.Typer) -> None:
    """Hang these commands into the command line."""
    app.add_typer(airflow, name="airflow")


@airflow.command()
def roles(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; tell what would be changed.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Give Airflow's FAB login the roles of governance; exit 1 while a DAG that they name is not parsed yet."""
    from governance.steps import airflow_roles

    changes = airflow_roles.set_up(dry_run=dry_run)
    language = Settings().language
    rows = [_row(change, language, as_json=as_json) for change in changes]
    output.rows(rows, ("role", "may", "added", "removed", "waits_for"), as_json=as_json, empty="")
    if any(change.waiting for change in changes):
        output.lines(_REMEDY[language], err=True)
        raise typer.Exit(1)


_REMEDY = {
    "ja": "waits_for の DAG を Airflow がまだ読んでいません。`airflow dags list` に現れてから、もう一度実行してください。",
    "en": "Airflow has not parsed the DAGs under waits_for yet; run this again once `airflow dags list` shows them.",
}


def _row(change: Change, language: str, *, as_json: bool) -> dict[str, Any]:
    def shown(permissions: Permissions) -> list[str] | int:
        names = [f"{one.action} on {one.resource}" for one in sorted(permissions)]
        return names if as_json or not change.is_new else len(names)

    return {
        "role": change.role.name,
        "may": change.role.purpose.in_(language),
        "is_new": change.is_new,
        "added": shown(change.add),
        "removed": shown(change.remove),
        "waits_for": sorted({one.dag for one in change.waiting}),
    }
