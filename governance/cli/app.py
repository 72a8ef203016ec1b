# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: its commands, its exit codes, its way of showing errors."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

import typer
from pydantic import ValidationError

from governance.cli import airflow, checks, evidence, exports, facts, gates, mlflow, output, policy, setup, use_cases
from governance.errors import GovernanceError, PolicyError
from governance.settings import Settings

EXIT_FINDING: Final = 1
EXIT_USAGE: Final = 2
EXIT_RETRYABLE: Final = 75

app = typer.Typer(
    name="governance",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="AI governance from a shell: the same steps that the DAGs run.\n\n"
    "Exit codes: 0 ok, 1 finding or failure, 2 usage or policy, 75 try again later.",
)
facts.add_to(app)
checks.add_to(app)
gates.add_to(app)
use_cases.add_to(app)
evidence.add_to(app)
exports.add_to(app, facts.inventory)
policy.add_to(app)
setup.add_to(app)
airflow.add_to(app)
mlflow.add_to(app)


def main() -> None:
    """Run the command line; errors are told in two lines, what happened and what to do."""
    try:
        app()
    except GovernanceError as error:
        _end(error)
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        _end(_wrong_settings(error))


def _end(error: GovernanceError) -> NoReturn:
    output.lines(f"error: {error}", err=True)
    sys.exit(_exit_code(error))


def _wrong_settings(error: ValidationError) -> PolicyError:
    """Name the variables, never their values: some are secrets."""
    wrong = (
        f"GOVERNANCE_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)
    )
    return PolicyError("\n".join(wrong), hint="Correct these variables of the environment.")


def _exit_code(error: GovernanceError) -> int:
    if error.retryable:
        return EXIT_RETRYABLE
    return EXIT_USAGE if isinstance(error, PolicyError) else EXIT_FINDING
