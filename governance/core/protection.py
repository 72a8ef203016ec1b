# SPDX-License-Identifier: Apache-2.0
"""How MLflow's own login keeps model owners off a protected alias (3.2-01b, X-01).

MLflow permits per registered model, never per alias: whoever may edit a model may set any alias of it. So what serves is
a model of its own, `prod.NAME`: its owner reads it, the gate's account alone manages it, and a version gets there as a
copy of one that the gate let pass. Owners go on to edit NAME as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from governance.policy import Policy


class Right(StrEnum):
    """What MLflow lets an account do with a registered model, least first; DENY and no grant come to the same here."""

    NO_PERMISSIONS = "NO_PERMISSIONS"
    DENY = "DENY"
    READ = "READ"
    USE = "USE"
    EDIT = "EDIT"
    MANAGE = "MANAGE"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Right).index(self)


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """A model that serves under protection, and where it comes from."""

    name: str
    protected: str
    owner: str | None
    """Its owner's account in MLflow; None: the policy names nobody."""


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """An account gets this right on a model; `had` is what counted before."""

    model: str
    account: str
    right: Right
    had: Right


@dataclass(frozen=True, slots=True, order=True)
class Hole:
    """An account that can still set aliases of a protected model, by something other than a grant on it."""

    model: str
    account: str
    right: Right


Rights = dict[tuple[str, str], Right]
"""(Model, account) -> what counts, whatever it comes from; a model that does not exist yet is not in here."""


def wanted(policy: Policy, prefix: str) -> tuple[Wanted, ...]:
    """Return the models that the use cases name; where several name one, the first with an owner tells who that is."""
    owners: dict[str, str | None] = {}
    for _, case in sorted(policy.use_cases.use_cases.items()):
        for name in case.models:
            owners[name] = owners.get(name) or case.owner
    return tuple(Wanted(name, prefix + name, owner) for name, owner in sorted(owners.items()))


def grants(models: tuple[Wanted, ...], rights: Rights, accounts: frozenset[str], gate: str) -> tuple[Grant, ...]:
    """Return what is to be granted: nothing where what counts is right already. Administrators are not among accounts."""
    return tuple(
        Grant(model, account, right, rights.get((model, account), Right.NO_PERMISSIONS))
        for one in models
        for model, account, right in _targets(one, rights, accounts, gate)
    )


def _targets(
    one: Wanted, rights: Mapping[tuple[str, str], Right], accounts: frozenset[str], gate: str
) -> Iterator[tuple[str, str, Right]]:
    def has(model: str, account: str) -> Right:
        return rights.get((model, account), Right.NO_PERMISSIONS)

    # Also on NAME, which people go on to load: MLflow lets EDIT set an alias, and only MANAGE take one away.
    for model in (one.protected, one.name):
        if has(model, gate) is not Right.MANAGE:
            yield model, gate, Right.MANAGE
    if one.owner in accounts - {gate} and has(one.name, one.owner).rank < Right.EDIT.rank:
        yield one.name, one.owner, Right.EDIT
    for account in sorted(accounts - {gate}):
        if has(one.protected, account).rank > Right.READ.rank or (
            account == one.owner and has(one.protected, account).rank < Right.READ.rank
        ):
            yield one.protected, account, Right.READ


def holes(models: tuple[Wanted, ...], rights: Rights, accounts: frozenset[str], gate: str) -> tuple[Hole, ...]:
    """Return who can still change a protected model: asked after the grants, a role or a grant on all models is why."""
    return tuple(
        Hole(one.protected, account, right)
        for one in models
        for account in sorted(accounts - {gate})
        if (right := rights.get((one.protected, account), Right.NO_PERMISSIONS)).rank > Right.USE.rank
    )
