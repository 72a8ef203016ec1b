# SPDX-License-Identifier: Apache-2.0
"""`governance mlflow ...`: set up MLflow's login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from governance import policy as policies
from governance.cli import output
from governance.settings import Settings

if TYPE_CHECKING:
    from governance.steps.protected_models import Protection

mlflow = typer.Typer(no_args_is_help=True, help="MLflow's login.")


def add_to(app: typer.Typer) -> None:
    """Hang these commands into the command line."""
    app.add_typer(mlflow, name="mlflow")


@mlflow.command()
def protect(
    *,
    gate_account: Annotated[str, typer.Option(help="MLflow account that promotes; no administrator.")] = "governance",
    prefix: Annotated[
        str | None, typer.Option(help="Another prefix than `protected_prefix` of gates.yaml, to try it with --dry-run.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; tell what would be changed.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Give each model a protected twin that owners read and the gate alone promotes to; exit 1 if a way around is left.

    Runs as an administrator of MLflow (GOVERNANCE_MLFLOW_USERNAME and GOVERNANCE_MLFLOW_PASSWORD).
    """
    from governance.steps import protected_models

    settings = Settings()
    policy = policies.load(settings.policy_dir)
    done = protected_models.protect(settings, policy, gate_account, prefix=prefix, dry_run=dry_run)
    if as_json:
        output.document(done)
    else:
        output.lines("\n".join(_told(done, settings.language)))
    if not done.is_whole:
        raise typer.Exit(1)


_TEXTS: Final = {
    "created": {"ja": "登録: {0}", "en": "registers {0}"},
    "grant": {"ja": "権限: {0} に {1} の {2} (現在 {3})", "en": "grants {2} on {1} to {0} (has {3})"},
    "none": {"ja": "変更はありません", "en": "nothing to change"},
    "hole": {
        "ja": "未保護: {0} は役割か全モデルへの権限により {1} に {2} を持つ。MLflow で外してください",
        "en": "open: {0} has {2} on {1} by a role or a grant on all models; take it away in MLflow",
    },
    "owner": {
        "ja": "所有者のアカウントなし: {0} ({1})",
        "en": "no account for the owner of {0} ({1})",
    },
    "nobody": {"ja": "未定", "en": "nobody"},
    "administrators": {"ja": "管理者 (制限されない): {0}", "en": "administrators, whom nothing limits: {0}"},
}


def _told(done: Protection, language: str) -> list[str]:
    def say(text: str, *words: str) -> str:
        return _TEXTS[text][language].format(*words)

    changed = [
        *(say("created", name) for name in done.created),
        *(say("grant", one.account, one.model, one.right, one.had) for one in done.grants),
    ]
    return [
        *(changed or [say("none")]),
        *(say("owner", one.name, one.owner or say("nobody")) for one in done.unknown_owners),
        *(say("hole", one.account, one.model, one.right) for one in done.holes),
        say("administrators", ", ".join(done.administrators)),
    ]
