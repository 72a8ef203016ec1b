# SPDX-License-Identifier: Apache-2.0
"""Where model versions come from: the runs and logged models behind them, hundreds to a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from governance.core.terms import DatasetInput
from governance.sources.mlflow_fields import Fields, location
from governance.sources.mlflow_rest import Connection, pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from governance.core.terms import ModelVersion

# Ids stand inside a filter expression: what does not look like an id is never asked for.
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LOGGED_MODEL = re.compile(r"models:/(m-[A-Za-z0-9_-]{1,64})/?")


@dataclass(frozen=True, slots=True)
class PageSizes:
    """Entries per request: the most that MLflow takes, or what its databases bear."""

    models: int = 1_000
    versions: int = 10_000
    runs: int = 500
    """MLflow's parser gives up on filters of some thousand ids."""
    names: int = 500
    experiments: int = 5_000


@dataclass(frozen=True, slots=True)
class Origin:
    """A run or a logged model."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[DatasetInput, ...] = ()
    run_id: str | None = None
    """The run that a logged model came from."""

    @property
    def is_empty(self) -> bool:
        """True for a run that recorded nothing: MLflow 3 lets the logged model carry it all."""
        return not (self.metrics or self.params or self.datasets)


@dataclass(frozen=True, slots=True)
class Origins:
    """Runs and logged models by id."""

    runs: Mapping[str, Origin]
    logged: Mapping[str, Origin]


@dataclass(frozen=True, slots=True)
class _Reach:
    connection: Connection
    sizes: PageSizes
    experiments: Sequence[str]


_NOTHING = Origin()


def origins(connection: Connection, versions: Iterable[ModelVersion], sizes: PageSizes) -> Origins:
    """Read the runs of `versions`, and the logged models of those whose run is missing or tells nothing.

    A run that was deleted for good, or that our account may not see, is simply not among them.
    """
    versions = tuple(versions)
    wanted = {version.run_id for version in versions if version.run_id}
    if not wanted and not any(map(_logged_id, versions)):
        return Origins({}, {})
    reach = _Reach(connection, sizes, _experiments(connection, sizes.experiments))
    runs = _runs(reach, wanted)
    bare = {_logged_id(version) for version in versions if runs.get(version.run_id or "", _NOTHING).is_empty}
    logged = _logged(reach, {each for each in bare if each})
    sources = {model.run_id for model in logged.values() if model.run_id}
    return Origins(runs | _runs(reach, sources - runs.keys()), logged)


def unsettled(connection: Connection, run_ids: Iterable[str], since: datetime, sizes: PageSizes) -> set[str]:
    """Return which of the runs have not ended, or ended after `since`: those may tell other numbers than before."""
    wanted = _askable(run_ids)
    if not wanted:
        return set()
    reach = _Reach(connection, sizes, _experiments(connection, sizes.experiments))
    ended = f"attributes.end_time > {int(since.timestamp() * 1_000)}"
    return {
        entry.inner("info").key("run_id")
        for condition in ("attributes.status = 'RUNNING'", ended)
        for entry in _by_id(reach, "runs", "attributes.run_id", wanted, {"run_view_type": "ALL"}, condition)
    }


def with_origin(version: ModelVersion, told: Origins) -> ModelVersion:
    """Return the version with what its run and logged model tell.

    Of equal names the one nearest to the version counts: its own tag, then the logged model's, then the run's.
    """
    model = told.logged.get(_logged_id(version) or "", _NOTHING)
    run_id = version.run_id or model.run_id
    run = told.runs.get(run_id or "", _NOTHING)
    return replace(
        version,
        run_id=run_id,
        metrics={**run.metrics, **model.metrics},
        params={**run.params, **model.params},
        tags={**run.tags, **model.tags, **version.tags},
        datasets=run.datasets,
    )


def _logged_id(version: ModelVersion) -> str | None:
    match = _LOGGED_MODEL.fullmatch(version.source)
    return match[1] if match else None


def _experiments(connection: Connection, size: int) -> list[str]:
    """List every experiment, deleted ones too: MLflow searches runs within named experiments only."""
    query = {"view_type": "ALL"}
    return [
        experiment.key("experiment_id")
        for page in pages(connection, "POST", "experiments/search", query, size)
        for experiment in page.each("experiments")
    ]


def _runs(reach: _Reach, ids: Iterable[str]) -> dict[str, Origin]:
    entries = _by_id(reach, "runs", "attributes.run_id", _askable(ids), {"run_view_type": "ALL"})
    return {entry.inner("info").key("run_id"): _run(entry) for entry in entries}


def _askable(ids: Iterable[str]) -> list[str]:
    return [each for each in ids if _RUN_ID.fullmatch(each)]


def _logged(reach: _Reach, ids: Iterable[str]) -> dict[str, Origin]:
    entries = _by_id(reach, "logged-models", "model_id", ids, {})
    return {entry.inner("info").key("model_id"): _logged_model(entry) for entry in entries}


def _by_id(
    reach: _Reach, what: str, attribute: str, ids: Iterable[str], query: Mapping[str, str], condition: str = ""
) -> Iterator[Fields]:
    size = reach.sizes.runs
    for some in chunks(sorted(ids), size):
        wanted = {**query, "filter": f"{one_of(attribute, some)}{f' AND {condition}' if condition else ''}"}
        for experiments in chunks(reach.experiments, reach.sizes.experiments):
            asked = {**wanted, "experiment_ids": experiments}
            for page in pages(reach.connection, "POST", f"{what}/search", asked, size):
                yield from page.each("models" if what == "logged-models" else what)


def one_of(attribute: str, values: Iterable[str]) -> str:
    """Return a filter of MLflow's; nothing but what was seen to be harmless may get here."""
    return f"{attribute} IN ({', '.join(repr(each) for each in values)})"


def chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield the items in pieces of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _run(entry: Fields) -> Origin:
    data = entry.inner("data")
    inputs = entry.inner("inputs").each("dataset_inputs")
    return Origin(
        _metrics(data), data.pairs("params"), data.pairs("tags"), tuple(sorted(map(_dataset, inputs), key=_order))
    )


def _logged_model(entry: Fields) -> Origin:
    info, data = entry.inner("info"), entry.inner("data")
    return Origin(_metrics(data), data.pairs("params"), info.pairs("tags"), run_id=info.text("source_run_id") or None)


def _metrics(data: Fields) -> dict[str, float]:
    """Return the newest value of each metric; a logged model tells one per dataset and step."""
    told = [(each.key("key"), each.count("timestamp"), each.count("step"), each) for each in data.each("metrics")]
    return {key: each.number("value") for key, _, _, each in sorted(told, key=lambda metric: metric[:3])}


def _dataset(entry: Fields) -> DatasetInput:
    dataset = entry.inner("dataset")
    return DatasetInput(
        context=entry.pairs("tags").get("mlflow.data.context", ""),
        name=dataset.text("name"),
        digest=dataset.text("digest"),
        source=location(dataset.text("source")),
    )


def _order(dataset: DatasetInput) -> tuple[str, str, str, str]:
    return dataset.context, dataset.name, dataset.digest, dataset.source
