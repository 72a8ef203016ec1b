# SPDX-License-Identifier: Apache-2.0
"""`governance use-case ...`: the gates that use cases stand at, from intake to build."""

from __future__ import annotations

from typing import Annotated

import typer

from governance.cli import facts, gates, output, shell
from governance.core.terms import UseCaseKey

UseCase = Annotated[str, typer.Argument(help="Name of the use case in use_cases.yaml.")]

commands = typer.Typer(no_args_is_help=True, help="Use cases at their gates.")


def add_to(app: typer.Typer) -> None:
    """Hang these commands into the command line."""
    app.add_typer(commands, name="use-case")


@commands.command("decide")
def decide() -> None:
    """Take every use case to its gates, and record what has changed."""
    from governance.steps import use_case_gate

    rt = shell.runtime()
    closed = use_case_gate.decide(rt)
    output.lines(f"{len(rt.policy.use_cases.use_cases)} use cases; held back: {', '.join(closed) or 'none'}")


@commands.command("list")
def list_(*, as_json: output.AsJson = False) -> None:
    """List how use cases stand at their gates, blocked first."""
    from governance.steps import listings

    columns = ("gate", "use_case", "tier", "verdict", "reasons")
    empty = "no gate has decided on a use case; run `governance use-case decide`"
    output.rows(listings.use_cases(shell.runtime()), columns, as_json=as_json, empty=empty)


@commands.command("show")
def show(use_case: UseCase, *, as_json: output.AsJson = False) -> None:
    """Show how the gates decided on a use case, and why; exit 1 if one is closed."""
    facts.show_decisions(shell.runtime(), UseCaseKey(use_case), as_json=as_json)


def _answering(said: str, what: str) -> None:
    @commands.command(said, help=what)
    def command(
        use_case: UseCase,
        gate: gates.Gate,
        *,
        seat: gates.Seat,
        reason: gates.Reason,
        code: gates.Code = None,
        login: gates.Login = None,
    ) -> None:
        gates.answer(said, UseCaseKey(use_case), gate, seat, reason, code, login)


_answering("approve", "Approve a use case at a gate, for a seat.")
_answering("reject", "Reject a use case at a gate, for a seat.")
