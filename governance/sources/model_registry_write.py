# SPDX-License-Identifier: Apache-2.0
"""Move an alias in MLflow, mark a version, and see what came of it.

MLflow knows no compare-and-set: between the last look and the write somebody else may move the alias. So the holder is
read before and after, and whoever was there before is told.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.errors import SourceError
from governance.sources import mlflow_rest
from governance.sources.mlflow_answer import NotThereError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.settings import Settings
    from governance.sources.mlflow_rest import Connection

_ALIAS = "registered-models/alias"
_ABSENT = "Registered Model with name="


@dataclass(frozen=True, slots=True)
class Moved:
    """Who held an alias before and after; None: nobody."""

    before: int | None
    after: int | None
    is_overtaken: bool = False
    """Somebody else had moved it; it was left alone."""


def aliases(settings: Settings, model: str) -> dict[str, int]:
    """The aliases of a model as MLflow tells them now; none if it does not know the model.

    Raises:
        SourceError: MLflow did not answer, or not with what it promises.
    """
    with mlflow_rest.connect(settings) as connection:
        return _aliases(connection, model)


def move(
    settings: Settings,
    model: str,
    alias: str,
    to_version: int | None,
    *,
    expected: int | None,
    tags: Mapping[int, Mapping[str, str]],
) -> Moved:
    """Point an alias at a version, or at none, unless somebody else than `expected` holds it by now.

    `tags` are set on versions first, so that a version never holds the alias without saying why; where the alias is
    taken away that comes first, and the tags after, as far as MLflow lets us. Done twice, it is done once.

    Raises:
        SourceUnavailableError: MLflow did not answer; whether it moved is not known until it is read again.
        SourceError: MLflow refused, or knows no such version.
    """
    with mlflow_rest.connect(settings) as connection:
        before = _aliases(connection, model).get(alias)
        if before not in {to_version, expected}:
            return Moved(before, before, is_overtaken=True)
        if to_version is not None:
            _mark(connection, model, tags)
        if before != to_version:
            _point(connection, model, alias, to_version)
        after = _aliases(connection, model).get(alias)
        if to_version is None:
            with contextlib.suppress(SourceError):  # a mark that is refused must not keep anything in service
                _mark(connection, model, tags)
        return Moved(before, after)


def _mark(connection: Connection, model: str, tags: Mapping[int, Mapping[str, str]]) -> None:
    for version, marks in tags.items():
        for key, value in marks.items():
            told = {"name": model, "version": str(version), "key": key, "value": value}
            mlflow_rest.ask(connection, "POST", "model-versions/set-tag", told)


def _point(connection: Connection, model: str, alias: str, to_version: int | None) -> None:
    if to_version is None:
        mlflow_rest.ask(connection, "DELETE", _ALIAS, {"name": model, "alias": alias})
    else:
        told = {"name": model, "alias": alias, "version": str(to_version)}
        mlflow_rest.ask(connection, "POST", _ALIAS, told)


def _aliases(connection: Connection, model: str) -> dict[str, int]:
    try:
        answer = mlflow_rest.ask(connection, "GET", "registered-models/get", {"name": model})
    except NotThereError as error:
        # Any proxy may answer 404; only MLflow's own words mean that there is no such model.
        if _ABSENT not in str(error):
            raise
        return {}
    held = answer.inner("registered_model").each("aliases")
    return {alias.key("alias"): alias.version("version") for alias in held}
