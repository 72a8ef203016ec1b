# SPDX-License-Identifier: Apache-2.0
"""Models that MLflow's own login protects: who may do what with them, and copies of versions that get there.

Needs `mlflow server --app-name basic-auth`. Rights are asked for as MLflow's check itself computes them (roles, grants on
all models and the default included), so what is told here is what counts there.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from governance.core import twins
from governance.core.protection import Right
from governance.errors import SourceError
from governance.sources.mlflow_answer import NotThereError
from governance.sources.mlflow_lists import version_of, versions_of
from governance.sources.mlflow_rest import API_3, ask, connect, tell
from governance.sources.mlflow_runs import PageSizes

if TYPE_CHECKING:
    from governance.core.protection import Grant
    from governance.core.terms import ModelVersion, VersionKey
    from governance.settings import Settings
    from governance.sources.mlflow_fields import Fields
    from governance.sources.mlflow_lists import Versions
    from governance.sources.mlflow_rest import Connection

_OURS: Final = ("governance.", "mlflow.prompt.")
"""Tags that no owner may write for us, and those by which MLflow hides a version from its search."""
_KIND: Final = "registered_model"


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


def copy(settings: Settings, approved: ModelVersion, target: str) -> ModelVersion:
    """As `copy_model_version`, on a line of its own."""
    with connect(settings) as connection:
        return copy_model_version(connection, approved, target)


def copy_model_version(connection: Connection, approved: ModelVersion, target: str) -> ModelVersion:
    """Copy a version into another model, as `MlflowClient.copy_model_version` does; asked again, it is the same copy.

    Run, logged model, description and tags go with it, but for tags that are ours to write. The target must exist: who
    promotes does not decide which models are protected. What counts as the copy is not what its tag says, but what
    MLflow answers: the version as its source, and the same place of artifacts. Of several the first one is it.

    Raises:
        SourceError: MLflow refuses, knows no such version or target, or the number was given to another version since.
        SourceUnavailableError: it did not answer; whether it copied shows when asked again.
    """
    told = ask(connection, "GET", "model-versions/get", _asked(approved.key)).inner("model_version")
    if twins.birth(version_of(told)) != twins.birth(approved):
        raise SourceError(
            f"{approved.key} is another version by now than the one that was approved.",
            hint="It was deleted and its number given anew: run `governance sync`, and take the new one to the gates.",
        )
    found = _copies(connection, approved.key, target)
    if not found:
        tell(connection, "POST", "model-versions/create", _copy(told, twins.named(approved.key), target))
        found = _copies(connection, approved.key, target)
    if not found:
        raise SourceError(f"MLflow at {connection.host} made no true copy of {approved.key} in {target}.")
    return found[min(found)]


def _copies(connection: Connection, origin: VersionKey, target: str) -> Versions:
    named, where = twins.named(origin), _artifacts(connection, origin)
    return {
        key: version
        for key, version in versions_of(connection, [target], PageSizes()).items()
        if key.model == target
        and (version.tags.get(twins.COPIED_FROM), version.source) == (named, f"models:/{named}")
        and _artifacts(connection, key) == where
    }


def _artifacts(connection: Connection, key: VersionKey) -> str:
    return ask(connection, "GET", "model-versions/get-download-uri", _asked(key)).key("artifact_uri")


def _asked(key: VersionKey) -> dict[str, str]:
    return {"name": key.model, "version": str(key.version)}


def _copy(version: Fields, origin: str, target: str) -> dict[str, object]:
    tags = {name: value for name, value in version.pairs("tags").items() if not name.startswith(_OURS)}
    told = {name: version.token(name) for name in ("run_id", "run_link", "description", "model_id")}
    return {
        "name": target,
        "source": f"models:/{origin}",
        "tags": [{"key": name, "value": value} for name, value in sorted({**tags, twins.COPIED_FROM: origin}.items())],
        **{name: value for name, value in told.items() if value},
    }
