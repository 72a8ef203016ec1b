# SPDX-License-Identifier: Apache-2.0
"""MLflow's two lists, of registered models and of their versions, in pages of hundreds and thousands.

MLflow's pages are offsets into a list that others change meanwhile. Owners can hide a model, or every version of it,
from MLflow's search by tagging one of them as a prompt. So prompts are read as well, and only what no model can be
(a prompt's placeholder for a source) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from governance.core.terms import ModelVersion, RegisteredModel, VersionKey
from governance.sources.mlflow_answer import NotThereError
from governance.sources.mlflow_rest import Connection, ask, pages
from governance.sources.mlflow_runs import PageSizes, chunks, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from governance.sources.mlflow_fields import Fields

Versions = dict[VersionKey, ModelVersion]

PROMPT: Final = "mlflow.prompt.is_prompt"
_PROMPT_SOURCES: Final = frozenset({"dummy-source", "prompt-template"})
_EVERYTHING: Final = ("", f"tags.`{PROMPT}` = 'true'")
_HARMLESS: Final = re.compile(r"[\w .-]{1,250}")
_MOST_SINGLE: Final = 100
"""Versions asked for one by one, in all: only those that an alias names and MLflow hides from its search."""
_MOST_NAMES: Final = 2_000
"""Beyond so many models the whole list of versions is cheaper."""


@dataclass(frozen=True, slots=True)
class Models:
    """The list of models, with what it tells besides them."""

    by_name: Mapping[str, RegisteredModel]
    latest: Mapping[VersionKey, ModelVersion]
    """The newest versions, which MLflow tells with the model and also where it hides them from its search."""
    updated: Mapping[str, datetime | None]
    """When a model was edited, or got or lost a version. Tags and aliases leave no trace."""


def models(connection: Connection, sizes: PageSizes) -> Models:
    """Read the list of models."""
    found: dict[str, RegisteredModel] = {}
    latest: Versions = {}
    updated: dict[str, datetime | None] = {}
    for entry in _search(connection, "registered_models", sizes.models, "name ASC"):
        model = _model(entry)
        found[model.name], updated[model.name] = model, entry.moment("last_updated_timestamp")
        latest |= _by_key(entry.each("latest_versions"))
    return Models(found, latest, updated)


def versions(connection: Connection, sizes: PageSizes) -> Versions:
    """Read the whole list of versions, oldest first: one registered meanwhile lands on the last page, moving no other."""
    return _by_key(_search(connection, "model_versions", sizes.versions, "creation_timestamp ASC"))


def versions_since(connection: Connection, since: datetime, sizes: PageSizes) -> Versions:
    """Read the versions registered or edited since a moment; a new tag is no edit to MLflow."""
    found: Versions = {}
    for wanted in _EVERYTHING:
        query = _query(wanted, "last_updated_timestamp DESC")
        for page in pages(connection, "GET", "model-versions/search", query, sizes.models):
            entries = page.each("model_versions")
            found |= _by_key(entries)
            last = entries[-1].moment("last_updated_timestamp") if entries else None
            if last is not None and last < since:
                break
    return {key: version for key, version in found.items() if not is_prompt(version)}


def versions_of(connection: Connection, names: Iterable[str], sizes: PageSizes) -> Versions:
    """Read all versions of some models: by name where names fit into a filter, else from the whole list."""
    wanted = sorted(names)
    if len(wanted) > _MOST_NAMES or not all(_HARMLESS.fullmatch(name) for name in wanted):
        there = set(wanted)
        return {key: version for key, version in versions(connection, sizes).items() if key.model in there}
    found: Versions = {}
    for some in chunks(wanted, sizes.names):
        named = one_of("name", some)
        found |= _by_key(_search(connection, "model_versions", sizes.versions, "creation_timestamp ASC", named))
    return found


def singly(connection: Connection, keys: Iterable[VersionKey]) -> Versions:
    """Read versions that only an alias speaks of, one by one and no more than some; those gone are left out."""
    found: Versions = {}
    for key in sorted(keys)[:_MOST_SINGLE]:
        try:
            told = ask(connection, "GET", "model-versions/get", {"name": key.model, "version": str(key.version)})
        except NotThereError:
            continue
        found |= _by_key([told.inner("model_version")])
    return found


def spoken_of(model: RegisteredModel) -> set[VersionKey]:
    """Return the versions that the model's aliases name."""
    return {VersionKey(model.name, number) for number in model.aliases.values()}


def is_prompt(version: ModelVersion) -> bool:
    """Tell prompts by what cannot be forged: with such a source, nothing can be loaded."""
    return version.tags.get(PROMPT) == "true" and version.source in _PROMPT_SOURCES


def _search(connection: Connection, what: str, size: int, order: str, named: str = "") -> Iterator[Fields]:
    for wanted in _EVERYTHING:
        query = _query(" AND ".join(filter(None, (named, wanted))), order)
        for page in pages(connection, "GET", f"{what.replace('_', '-')}/search", query, size):
            yield from page.each(what)


def _query(wanted: str, order: str) -> dict[str, str]:
    return {"order_by": order, **({"filter": wanted} if wanted else {})}


def _by_key(entries: Iterable[Fields]) -> Versions:
    return {version.key: version for version in map(version_of, entries)}


def _model(entry: Fields) -> RegisteredModel:
    return RegisteredModel(
        name=entry.key("name"),
        description=entry.text("description"),
        tags=entry.pairs("tags"),
        aliases=dict(sorted((alias.key("alias"), alias.version("version")) for alias in entry.each("aliases"))),
    )


def version_of(entry: Fields) -> ModelVersion:
    """Return a version as MLflow tells it, without its run."""
    return ModelVersion(
        key=VersionKey(entry.key("name"), entry.version("version")),
        run_id=entry.text("run_id") or None,
        source=entry.text("source"),
        description=entry.text("description"),
        tags=entry.pairs("tags"),
        created_at=entry.moment("creation_timestamp"),
    )
