# SPDX-License-Identifier: Apache-2.0
"""`governance policy ...`: check, show and describe the company's policy."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from governance import policy as policies
from governance.cli import output, shell
from governance.settings import Settings

Directory = Annotated[Path | None, typer.Argument(help="Policy directory; default: GOVERNANCE_POLICY_DIR.")]
commands = typer.Typer(no_args_is_help=True, help="Policy as code: what the company decided.")


def add_to(app: typer.Typer) -> None:
    """Hang these commands into the command line."""
    app.add_typer(commands, name="policy")


@commands.command()
def check(directory: Directory = None, *, as_json: output.AsJson = False) -> None:
    """Check every file of the policy and how they fit together."""
    where = directory or Settings().policy_dir
    policy = policies.load(where)
    if as_json:
        output.document({"directory": str(where), "digest": policy.digest})
    else:
        typer.echo(f"{where}: ok, digest {policy.digest}")


@commands.command()
def schema() -> None:
    """Print the JSON Schema of the policy, for editors."""
    output.document(policies.json_schema())


@commands.command()
def show(directory: Directory = None) -> None:
    """Print the policy as it was understood, in JSON."""
    policy = policies.load(directory or Settings().policy_dir)
    output.document({"digest": policy.digest, **policy.model_dump(mode="json")})


@commands.command()
def replay(
    directory: Annotated[Path, typer.Argument(help="Directory of the proposed policy.")],
    *,
    months: Annotated[int, typer.Option(help="How far back.", min=1, max=120)] = 12,
    as_json: output.AsJson = False,
) -> None:
    """List the past decisions that would differ under a proposed policy; nothing is recorded."""
    from governance.steps import policy_replay

    found = policy_replay.replay(shell.runtime(), directory, months)
    if as_json:
        output.document(found)
        return
    kinds = Counter("gone" if row["now"] is None else "differs" if row["differs"] else "same" for row in found)
    columns = ("at", "subject", "gate", "then", "now", "why")
    differing = [row for row in found if row["differs"]]
    output.rows(differing, columns, as_json=False, empty="every past decision would be taken again")
    output.lines(f"{len(found)} decisions: {kinds['same']} the same, {kinds['differs']} differ, {kinds['gone']} cannot")
