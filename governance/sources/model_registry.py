# SPDX-License-Identifier: Apache-2.0
"""All that MLflow tells of its registered models, as one snapshot: whole, or an error.

The lists are read in pages of hundreds and thousands, never model by model, so the number of requests does not follow
the number of models. MLflow's pages are offsets into a list that others change meanwhile. Where the two lists do not
fit each other they are read once more; versions of models that are unknown even then are newer than the list of models
(or hidden from our account) and left to the next sweep, counted in `Sweep.ignored`.

Owners can hide a model, or every version of it, from MLflow's search by tagging one of them as a prompt. So prompts
are read as well, and only what no model can be (a prompt's placeholder for a source) is left out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from governance.core.terms import ModelVersion, RegisteredModel, VersionKey
from governance.sources.mlflow_answer import NotThereError
from governance.sources.mlflow_rest import Connection, ask, connect, pages, server_version
from governance.sources.mlflow_runs import Origins, PageSizes, origins, with_origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from governance.settings import Settings
    from governance.sources.mlflow_fields import Fields

__all__ = ["PageSizes", "Sweep", "ping", "read", "sweep"]

_SIZES = PageSizes()
_PROMPT = "mlflow.prompt.is_prompt"
_PROMPT_SOURCES = frozenset({"dummy-source", "prompt-template"})
_EVERYTHING: tuple[Mapping[str, str], ...] = ({}, {"filter": f"tags.`{_PROMPT}` = 'true'"})
_MOST_SINGLE = 100
"""Versions asked for one by one, in all: only those that an alias names and MLflow hides from its search."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A whole snapshot, and what it cost."""

    models: tuple[RegisteredModel, ...]
    requests: int
    bytes: int
    seconds: float
    ignored: int = 0
    """Versions left out because their model was not listed."""


@dataclass(frozen=True, slots=True)
class _Lists:
    models: Mapping[str, RegisteredModel]
    latest: Mapping[VersionKey, ModelVersion]
    """The newest versions, which MLflow tells with the model and also where it hides them from its search."""
    versions: Mapping[VersionKey, ModelVersion]

    def fit(self) -> bool:
        """Tell whether every version has its model, and every version spoken of was listed."""
        known = all(key.model in self.models for key in self.versions)
        return known and self.latest.keys() <= self.versions.keys() and not list(self.unseen())

    def unseen(self) -> Iterator[VersionKey]:
        """Yield the versions that an alias names and no list has."""
        for model in self.models.values():
            keys = {VersionKey(model.name, number) for number in model.aliases.values()}
            yield from sorted(keys - self.versions.keys() - self.latest.keys())


def read(settings: Settings) -> tuple[RegisteredModel, ...]:
    """Return every registered model by name, with its versions by number.

    Raises:
        SourceError: MLflow answered wrongly or refused; nothing may be concluded from what came before.
        SourceUnavailableError: It did not answer, or not in time.
    """
    return sweep(settings).models


def sweep(settings: Settings, *, sizes: PageSizes = _SIZES) -> Sweep:
    """Read as `read` does, and tell what it cost."""
    started = time.monotonic()
    with connect(settings) as connection:
        lists = _lists(connection, sizes)
        if not lists.fit():
            lists = _lists(connection, sizes)
        versions = {**_single(connection, lists), **lists.latest, **lists.versions}
        versions = {key: version for key, version in versions.items() if not _is_prompt(version)}
        told = origins(connection, versions.values(), sizes)
    models = tuple(_assemble(lists.models, versions, told))
    ignored = sum(key.model not in lists.models for key in versions)
    return Sweep(models, connection.requests, connection.received, time.monotonic() - started, ignored)


def ping(settings: Settings) -> str:
    """Return the server's version after it let us read a model, as `governance doctor` shows it.

    Raises:
        SourceError: It is no tracking server, or refuses us.
        SourceUnavailableError: It did not answer.
    """
    with connect(settings) as connection:
        version = server_version(connection)
        # /version is open to everybody and every host name; what counts is whether we may read.
        ask(connection, "GET", "registered-models/search", {"max_results": 1}).each("registered_models")
    return version


def _lists(connection: Connection, sizes: PageSizes) -> _Lists:
    models: dict[str, RegisteredModel] = {}
    latest: dict[VersionKey, ModelVersion] = {}
    for entry in _search(connection, "registered_models", sizes.models, order="name ASC"):
        model = _model(entry)
        models[model.name] = model
        latest |= _by_key(entry.each("latest_versions"))
    # Oldest first: a version registered meanwhile lands on the last page and moves no other.
    order = "creation_timestamp ASC"
    versions = _by_key(_search(connection, "model_versions", sizes.versions, order=order))
    return _Lists(models, latest, versions)


def _search(connection: Connection, what: str, size: int, *, order: str) -> Iterator[Fields]:
    path = f"{what.replace('_', '-')}/search"
    for wanted in _EVERYTHING:
        for page in pages(connection, "GET", path, {**wanted, "order_by": order}, size):
            yield from page.each(what)


def _single(connection: Connection, lists: _Lists) -> dict[VersionKey, ModelVersion]:
    found: dict[VersionKey, ModelVersion] = {}
    for key in list(lists.unseen())[:_MOST_SINGLE]:
        try:
            told = ask(connection, "GET", "model-versions/get", {"name": key.model, "version": str(key.version)})
        except NotThereError:
            continue
        found |= _by_key([told.inner("model_version")])
    return found


def _by_key(entries: Iterable[Fields]) -> dict[VersionKey, ModelVersion]:
    return {version.key: version for version in map(_version, entries)}


def _model(entry: Fields) -> RegisteredModel:
    return RegisteredModel(
        name=entry.key("name"),
        description=entry.text("description"),
        tags=entry.pairs("tags"),
        aliases=dict(sorted((alias.key("alias"), alias.version("version")) for alias in entry.each("aliases"))),
    )


def _version(entry: Fields) -> ModelVersion:
    return ModelVersion(
        key=VersionKey(entry.key("name"), entry.version("version")),
        run_id=entry.text("run_id") or None,
        source=entry.text("source"),
        description=entry.text("description"),
        tags=entry.pairs("tags"),
        created_at=entry.moment("creation_timestamp"),
    )


def _is_prompt(version: ModelVersion) -> bool:
    """Tell prompts by what cannot be forged: with such a source, nothing can be loaded."""
    return version.tags.get(_PROMPT) == "true" and version.source in _PROMPT_SOURCES


def _assemble(
    models: Mapping[str, RegisteredModel], versions: Mapping[VersionKey, ModelVersion], told: Origins
) -> Iterator[RegisteredModel]:
    by_model: dict[str, list[ModelVersion]] = {}
    for key in sorted(versions):
        by_model.setdefault(key.model, []).append(with_origin(versions[key], told))
    for name in sorted(models):
        if name in by_model or models[name].tags.get(_PROMPT) != "true":
            yield replace(models[name], versions=tuple(by_model.get(name, ())))
