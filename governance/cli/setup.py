# SPDX-License-Identifier: Apache-2.0
"""Commands that set a company up: `init`, `doctor` and `db`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from governance.cli import output
from governance.settings import Settings

db = typer.Typer(no_args_is_help=True, help="The governance database.")


class Language(StrEnum):
    """Languages that the product speaks."""

    JA = "ja"
    EN = "en"


NewDirectory = Annotated[Path, typer.Argument(help="New or empty directory for the policy.")]
Chosen = Annotated[Language, typer.Option(help="Language of the comments.")]


def add_to(app: typer.Typer) -> None:
    """Hang these commands into the command line."""
    app.add_typer(db, name="db")
    app.command()(init)
    app.command()(doctor)


@db.command()
def upgrade(*, as_json: output.AsJson = False) -> None:
    """Create the schema or bring it up to this version; safe to run twice."""
    from governance.store import database

    revision = database.upgrade(database.connect(Settings().database_url))
    if as_json:
        output.document({"schema": revision})
    else:
        typer.echo(f"the governance database has schema {revision}")


@db.command()
def status(*, as_json: output.AsJson = False) -> None:
    """Tell which schema the database has and which one this version needs; exit 1 if they differ."""
    from governance.store import database

    found, needed = database.status(database.connect(Settings().database_url))
    if as_json:
        output.document({"found": found, "needed": needed})
    else:
        typer.echo(f"schema found: {found or 'none'}, needed: {needed}")
    if found != needed:
        raise typer.Exit(1)


@db.command()
def roles(
    *,
    owner: Annotated[str, typer.Option(help="Owns everything; nobody logs in as it.")] = "governance_owner",
    app: Annotated[str, typer.Option(help="Appends and reads: what the product's account is a member of.")] = (
        "governance_app"
    ),
    auditor: Annotated[str, typer.Option(help="Reads.")] = "governance_auditor",
    as_json: output.AsJson = False,
) -> None:
    """Give PostgreSQL an owner, an app and an auditor role; after each upgrade, as an account that may create roles."""
    from governance.store import database
    from governance.store import roles as database_roles

    wanted = database_roles.Roles(owner, app, auditor)
    granted = database_roles.grant(database.connect(Settings().database_url), wanted)
    if as_json:
        output.document(granted)
    else:
        typer.echo(f"{granted.owner} owns the database; make accounts members of {granted.app} or {granted.auditor}")


def init(
    directory: NewDirectory,
    *,
    language: Chosen = Language.JA,
    as_json: output.AsJson = False,
) -> None:
    """Write a commented starter policy, ready for `governance policy check`."""
    from governance.steps import setup

    written = setup.write_starter(Settings().template_dir, directory, language.value)
    if as_json:
        output.document([str(path) for path in written])
        return
    typer.echo("\n".join(map(str, written)))
    typer.echo(f"now set GOVERNANCE_POLICY_DIR={directory.resolve()} and run `governance policy check`")


def doctor(*, as_json: output.AsJson = False) -> None:
    """Tell what is reachable, missing or wrong, with the remedy for each; exit 1 if anything is."""
    from governance.steps import setup

    found = setup.examine(Settings())
    rows = [{"what": e.what, "state": "ok" if e.ok else "wrong", "detail": e.detail, "remedy": e.remedy} for e in found]
    output.rows(rows, ("what", "state", "detail", "remedy"), as_json=as_json, empty="nothing to examine")
    if not all(e.ok for e in found):
        raise typer.Exit(1)
