# SPDX-License-Identifier: Apache-2.0
"""Set MLflow's login up so that nobody but the gate sets a protected alias, or tell what that would change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.core import protection as rules
from governance.core.protection import Grant, Hole, Wanted
from governance.errors import PolicyError
from governance.sources import mlflow_rest
from governance.sources import protected_models as mlflow

if TYPE_CHECKING:
    from governance.core.protection import Rights
    from governance.policy import Policy
    from governance.settings import Settings
    from governance.sources.mlflow_rest import Connection


@dataclass(frozen=True, slots=True)
class Protection:
    """What was done, or would be, and what it cannot do."""

    created: tuple[str, ...]
    grants: tuple[Grant, ...]
    holes: tuple[Hole, ...]
    """What is left open by roles or grants on all models, which belong to somebody else; a dry run cannot tell."""
    unknown_owners: tuple[Wanted, ...]
    """Models whose owner has no account in MLflow."""
    administrators: tuple[str, ...]
    """Accounts that no grant limits."""

    @property
    def is_whole(self) -> bool:
        """True when the gate's account alone, and administrators, can set a protected alias."""
        return not self.holes


def protect(
    settings: Settings, policy: Policy, gate: str, *, prefix: str | None = None, dry_run: bool = False
) -> Protection:
    """Give each model of the use cases a protected twin that `gate` manages and others read; twice changes nothing.

    Twins are named by `protected_prefix` of the policy, because promotion goes by that; another `prefix` can be tried
    out in a dry run only.

    Raises:
        PolicyError: there is no such account, or it is an administrator's; or the policy names no such prefix.
        SourceError: MLflow refuses us, or has no login of its own.
        SourceUnavailableError: it did not answer.
    """
    models = rules.wanted(policy, _prefix(policy, prefix, dry_run=dry_run))
    with mlflow_rest.connect(settings) as connection:
        there = mlflow.accounts(connection)
        _require_ordinary(gate, there)
        missing = tuple(one.protected for one in models if not mlflow.exists(connection, one.protected))
        planned = rules.grants(models, _rights(connection, models, there), there.ordinary, gate)
        if not dry_run:
            _apply(connection, models, missing, planned)
        left = () if dry_run else rules.holes(models, _rights(connection, models, there), there.ordinary, gate)
        unknown = tuple(one for one in models if one.owner not in there.ordinary)
    return Protection(missing, planned, left, unknown, tuple(sorted(there.administrators)))


def _prefix(policy: Policy, asked: str | None, *, dry_run: bool) -> str:
    said = policy.gates.protected_prefix
    if asked is not None and (dry_run or asked == said):
        return asked
    if asked is None and said is not None:
        return said
    raise PolicyError(
        "gates.yaml names no protected_prefix" if said is None else f"gates.yaml names protected_prefix {said}",
        hint=f"Promotion goes by the policy: write `protected_prefix: {asked or 'prod.'}` there, or try --dry-run.",
    )


def _require_ordinary(gate: str, there: mlflow.Accounts) -> None:
    if gate in there.administrators:
        raise PolicyError(
            f"{gate} is an administrator of MLflow; the gate needs an account that may do no more than it has to.",
            hint="Name an ordinary account with --gate-account.",
        )
    if gate not in there.ordinary:
        raise PolicyError(
            f"MLflow knows no account {gate}.",
            hint="Create it first (docs/how-to/protect-aliases.md), or name another one with --gate-account.",
        )


def _rights(connection: Connection, models: tuple[Wanted, ...], there: mlflow.Accounts) -> Rights:
    return {
        (name, account): mlflow.right(connection, name, account)
        for one in models
        for name in (one.name, one.protected)
        for account in sorted(there.ordinary)
    }


def _apply(
    connection: Connection, models: tuple[Wanted, ...], missing: tuple[str, ...], planned: tuple[Grant, ...]
) -> None:
    for one in models:
        if one.protected in missing:
            mlflow.create(connection, one.protected, f"{one.name}: serves what the gate let pass")
    for grant in planned:
        mlflow.grant(connection, grant)
