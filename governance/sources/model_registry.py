# SPDX-License-Identifier: Apache-2.0
"""All that MLflow tells of its registered models, as one snapshot: whole, or an error.

The lists are read in pages of hundreds and thousands, never model by model, so the number of requests does not follow
the number of models. Where the two lists do not fit each other they are read once more; versions of models that are
unknown even then are newer than the list of models (or hidden from our account) and left to the next sweep, counted in
`Sweep.ignored`.

A sweep that knows what was there before reads every model with its aliases, and of the versions and runs what may have
changed since. MLflow leaves no trace of some things, which only the next full sweep is sure to see: new numbers or tags
on a run that has ended or on a logged model, a changed tag on a version that is neither its model's newest nor among the
last thousand edited, and a tag taken off a version.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from governance.core.inventory import Known, Reading
from governance.sources import mlflow_lists as lists
from governance.sources.mlflow_rest import Connection, ask, connect, server_version
from governance.sources.mlflow_runs import PageSizes, origins, unsettled, with_origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from governance.core.terms import ModelVersion, RegisteredModel, VersionKey
    from governance.settings import Settings

__all__ = ["PageSizes", "Sweep", "ping", "read", "sweep"]

_SIZES: Final = PageSizes()
_SKEW: Final = timedelta(minutes=10)
"""So far MLflow's clock may be from ours."""
_YOUNG: Final = timedelta(days=7)
"""A version is registered while its run goes on: so long after, the run is watched for its end."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A snapshot, and what it cost."""

    reading: Reading
    requests: int
    bytes: int
    seconds: float
    ignored: int = 0
    """Versions left out because their model was not listed."""

    @property
    def models(self) -> tuple[RegisteredModel, ...]:
        """Every registered model by name, with those of its versions that were read."""
        return self.reading.models


@dataclass(frozen=True, slots=True)
class _Names:
    known: Known
    suspects: Collection[str]
    """Models of which a version may have come, changed or gone."""

    @property
    def unsuspected(self) -> set[str]:
        return {model.name for model in self.known.models}.difference(self.suspects)


def read(settings: Settings) -> tuple[RegisteredModel, ...]:
    """Return every registered model by name, with its versions by number.

    Raises:
        SourceError: MLflow answered wrongly or refused; nothing may be concluded from what came before.
        SourceUnavailableError: It did not answer, or not in time.
    """
    return sweep(settings).models


def sweep(settings: Settings, known: Known | None = None, *, sizes: PageSizes = _SIZES) -> Sweep:
    """Read everything or, given what is known, what may have changed; raises as `read` does."""
    started = time.monotonic()
    with connect(settings) as connection:
        reading, ignored = _all(connection, sizes) if known is None else _changed(connection, known, sizes)
    return Sweep(reading, connection.requests, connection.received, time.monotonic() - started, ignored)


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


def _all(connection: Connection, sizes: PageSizes) -> tuple[Reading, int]:
    models, versions = lists.models(connection, sizes), lists.versions(connection, sizes)
    if not _fit(models, versions):
        models, versions = lists.models(connection, sizes), lists.versions(connection, sizes)
    versions = _completed(connection, models, versions, models.by_name)
    by_model = _by_model(_with_origins(connection, versions.values(), sizes))
    ignored = sum(key.model not in models.by_name for key in versions)
    return Reading.whole(tuple(_assemble(models.by_name, by_model, by_model.keys()))), ignored


def _fit(models: lists.Models, versions: lists.Versions) -> bool:
    """Tell whether every version has its model, and every version spoken of was listed."""
    spoken_of = models.latest.keys() | {key for model in models.by_name.values() for key in lists.spoken_of(model)}
    return spoken_of <= versions.keys() and all(key.model in models.by_name for key in versions)


def _completed(
    connection: Connection, models: lists.Models, versions: lists.Versions, names: Iterable[str]
) -> lists.Versions:
    """Return the listed versions of the models named, with those that the list hides, without prompts."""
    wanted = set(names)
    there = {key: version for key, version in models.latest.items() if key.model in wanted} | versions
    spoken_of = {key for name in wanted for key in lists.spoken_of(models.by_name[name])}
    found = lists.singly(connection, spoken_of - there.keys()) | there
    return {key: version for key, version in found.items() if not lists.is_prompt(version)}


def _changed(connection: Connection, known: Known, sizes: PageSizes) -> tuple[Reading, int]:
    since = known.read_at - _SKEW
    before = {version.key: version for model in known.models for version in model.versions}
    models = lists.models(connection, sizes)
    moved = unsettled(connection, _young(before, since), since, sizes)
    told = {**models.latest, **lists.versions_since(connection, since, sizes)}
    suspects = {key.model for key, version in told.items() if _is_news(version, before, moved)}
    suspects |= {key.model for key, version in before.items() if version.run_id in moved}
    suspects |= {*known.doubtful, *_touched(models, before, since)}
    suspects &= models.by_name.keys()
    versions = _completed(connection, models, lists.versions_of(connection, suspects, sizes), suspects)
    news = [version for version in versions.values() if _is_news(version, before, moved)]
    reading = _partial(models, versions, _with_origins(connection, news, sizes), _Names(known, suspects))
    return reading, sum(key.model not in models.by_name for key in told)


def _with_origins(connection: Connection, versions: Collection[ModelVersion], sizes: PageSizes) -> list[ModelVersion]:
    told = origins(connection, versions, sizes)
    return [with_origin(version, told) for version in versions]


def _partial(
    models: lists.Models, versions: Iterable[VersionKey], news: Iterable[ModelVersion], names: _Names
) -> Reading:
    """Put together what a sweep of changes saw: all models, the versions listed, and those of them read anew."""
    numbers: dict[str, set[int]] = {name: set() for name in names.suspects}
    for key in versions:
        if key.model in numbers:  # MLflow on MySQL also finds names that differ in case
            numbers[key.model].add(key.version)
    there = {name for name, some in numbers.items() if some} | names.unsuspected
    seen = tuple(_assemble(models.by_name, _by_model(news), there))
    listed = {model.name: frozenset(numbers[model.name]) for model in seen if model.name in numbers}
    return Reading(seen, listed, is_full=False)


def _young(before: Mapping[VersionKey, ModelVersion], since: datetime) -> set[str]:
    """Return the runs of young versions."""
    after = since - _YOUNG
    return {v.run_id for v in before.values() if v.run_id and v.created_at is not None and v.created_at > after}


def _touched(models: lists.Models, before: Mapping[VersionKey, ModelVersion], since: datetime) -> Iterator[str]:
    """Yield the models that may have got or lost a version; one that does not tell when it changed may have."""
    for name, model in models.by_name.items():
        updated = models.updated[name]
        if updated is None or updated >= since or not lists.spoken_of(model) <= before.keys():
            yield name


def _is_news(version: ModelVersion, known: Mapping[VersionKey, ModelVersion], moved: Collection[str]) -> bool:
    """Tell whether the list shows a version otherwise than we know it, or its run went on."""
    before = known.get(version.key)
    if before is None or before.run_id in moved or version.run_id not in {None, before.run_id}:
        return True
    told = (version.source, version.description, version.created_at)
    # What is known has the tags of the run, too.
    is_known = version.tags.items() <= before.tags.items()
    return not is_known or told != (before.source, before.description, before.created_at)


def _by_model(versions: Iterable[ModelVersion]) -> dict[str, tuple[ModelVersion, ...]]:
    found: dict[str, list[ModelVersion]] = {}
    for version in sorted(versions, key=lambda version: version.key):
        found.setdefault(version.key.model, []).append(version)
    return {name: tuple(some) for name, some in found.items()}


def _assemble(
    models: Mapping[str, RegisteredModel], versions: Mapping[str, tuple[ModelVersion, ...]], there: Collection[str]
) -> Iterator[RegisteredModel]:
    """Yield the models, without those tagged as prompts that have no version among `there`."""
    for name in sorted(models):
        if name in there or models[name].tags.get(lists.PROMPT) != "true":
            yield replace(models[name], versions=versions.get(name, ()))
