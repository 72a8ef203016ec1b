# SPDX-License-Identifier: Apache-2.0
"""Models that MLflow's own login protects: who may do what with them, and copies of versions that get there.

Needs `mlflow server --app-name basic-auth`. Rights are asked for as MLflow's check itself computes them (roles, grants on
all models and the default included), so what is told here is what counts there.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from governance.core.protection import Right
from governance.core.terms import VersionKey
from governance.errors import SourceError
from governance.sources.mlflow_answer import NotThereError
from governance.sources.mlflow_rest import API_3, ask, pages, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.core.protection import Grant
    from governance.sources.mlflow_fields import Fields
    from governance.sources.mlflow_rest import Connection

COPIED_FROM: Final = "governance.copied_from"
"""Tag of a copy: name and version of what it is a copy of."""

_KIND: Final = "registered_model"
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who can log in to MLflow."""

    ordinary: frozenset[str]
    administrators: frozenset[str]
    """May do everything; no grant limits them."""


def accounts(connection: Connection) -> Accounts:
    """Return who can log in.

    Raises:
        SourceError: the server has no login of its own, or we are no administrator.
    """
    try:
        listed = ask(connection, "GET", "users/list", {}).each("users")
    except NotThereError as error:
        raise SourceError(
            f"MLflow at {connection.host} runs without its own login, so it can protect no model.",
            hint="Start it with `mlflow server --app-name basic-auth`: docs/how-to/protect-aliases.md.",
        ) from error
    names = {user.key("username"): user.flag("is_admin") for user in listed}
    administrators = frozenset(name for name, is_admin in names.items() if is_admin)
    return Accounts(frozenset(names) - administrators, administrators)


def right(connection: Connection, model: str, account: str) -> Right:
    """Return what counts for an account on a model."""
    query = {"username": account, "resource_type": _KIND, "resource_id": model}
    said = ask(connection, "GET", "users/permissions/get", query, api=API_3).key("permission")
    try:
        return Right(said)
    except ValueError as error:
        raise SourceError(
            f"MLflow at {connection.host} names a permission that we do not know: {ascii(said)[:40]}.",
            hint="Is it newer than this version of the product?",
        ) from error


def grant(connection: Connection, wanted: Grant) -> None:
    """Give an account one right on a model, in place of the one that it was given on it before."""
    where = {"username": wanted.account, "resource_type": _KIND, "resource_id": wanted.model}
    with suppress(NotThereError):
        tell(connection, "POST", "users/permissions/revoke", where, api=API_3)
    tell(connection, "POST", "users/permissions/grant", {**where, "permission": wanted.right.value}, api=API_3)


def exists(connection: Connection, model: str) -> bool:
    """Tell whether there is a registered model of this name."""
    try:
        ask(connection, "GET", "registered-models/get", {"name": model})
    except NotThereError:
        return False
    return True


def create(connection: Connection, model: str, description: str) -> None:
    """Register a model without versions; MLflow lets who creates it manage it."""
    tell(connection, "POST", "registered-models/create", {"name": model, "description": description})


def copy_model_version(connection: Connection, key: VersionKey, target: str) -> VersionKey:
    """Copy a version into another model, as `MlflowClient.copy_model_version` does; asked again, it is the same copy.

    Run, logged model, description and tags go with it. The target must exist: who promotes does not decide which models
    are protected. Only this account writes there, so the tag by which a copy is found again can be trusted.

    Raises:
        SourceError: MLflow refuses, or knows no such version or target.
        SourceUnavailableError: it did not answer; whether it copied shows when asked again.
    """
    origin = f"{key.model}/{key.version}"
    for version in _versions(connection, target):
        if version.pairs("tags").get(COPIED_FROM) == origin:
            return VersionKey(target, version.version("version"))
    source = ask(connection, "GET", "model-versions/get", {"name": key.model, "version": str(key.version)})
    told = tell(connection, "POST", "model-versions/create", _copy(source.inner("model_version"), origin, target))
    return VersionKey(target, told.inner("model_version").version("version"))


def _versions(connection: Connection, model: str) -> Iterator[Fields]:
    quoted = model.replace("'", "''")
    query = {"filter": f"name='{quoted}'"}
    for page in pages(connection, "GET", "model-versions/search", query, _PAGE):
        yield from (version for version in page.each("model_versions") if version.token("name") == model)


def _copy(version: Fields, origin: str, target: str) -> dict[str, object]:
    tags = {**version.pairs("tags"), COPIED_FROM: origin}
    named = {name: version.token(name) for name in ("run_id", "run_link", "description", "model_id")}
    return {
        "name": target,
        "source": f"models:/{origin}",
        "tags": [{"key": name, "value": value} for name, value in sorted(tags.items())],
        **{name: value for name, value in named.items() if value},
    }
