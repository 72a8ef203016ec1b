# SPDX-License-Identifier: Apache-2.0
"""Take many versions to their gates in a few tasks: batches to check and decide, then the gates that are closed.

A task of Airflow costs a process, a heartbeat and some writes, whatever it does; a small model's checks cost less.
Measured once with `benchmarks/cycle_airflow.py`, 60 models of 500 rows, four slots on a loaded machine: checking took 83 s
(307 s of tasks) with a task each and 4.9 s (14 s of tasks) with 20 a task; other sizes were not measured.

One version of a batch that goes wrong stops none of the others, and a retry measures only what is still due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import batches
from governance.core.terms import VersionKey, Words
from governance.errors import SeveralError
from governance.steps import model_gate
from governance.store import gates as facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from governance.runtime import Runtime

Named = tuple[str, int]
"""A version as XCom holds it."""
Batch = list[Named]


def plan(rt: Runtime) -> list[Batch]:
    """The versions that are due, in as many batches as there shall be tasks."""
    due = [(str(one["model"]), int(one["version"])) for one in model_gate.plan(rt)]
    return batches.plan(due, rt.settings.gate_batch)


def check(rt: Runtime, keys: Sequence[VersionKey]) -> list[str]:
    """Measure what is due on each version.

    Returns:
        Versions and names of the checks measured.

    Raises:
        SeveralError: some versions went wrong; the others are measured.
    """
    return _each(keys, lambda key: model_gate.check(rt, key))


def decide(rt: Runtime, keys: Sequence[VersionKey]) -> list[str]:
    """Record the decisions on each version.

    Returns:
        Versions and gates decided.

    Raises:
        SeveralError: some versions went wrong; the others are decided.
    """
    return _each(keys, lambda key: model_gate.decide(rt, key))


blocked = model_gate.blocked


def closed(rt: Runtime, planned: Iterable[Batch]) -> list[dict[str, str | int]]:
    """The planned versions whose gate is closed or undecided, as many as Airflow maps tasks; see `beyond`."""
    return [{"model": key.model, "version": key.version} for key in _closed(rt, planned)[: batches.MAPPED]]


def beyond(rt: Runtime, planned: Iterable[Batch]) -> str:
    """The closed versions that `closed` left out, one a line; empty when it left out none."""
    rest = _closed(rt, planned)[batches.MAPPED :]
    if not rest:
        return ""
    said = Words(
        f"ゲートが閉じているバージョンがさらに {len(rest)} 件あり、個別のタスクがありません:",
        f"{len(rest)} more versions have a closed gate, and no task of their own:",
    )
    return "\n".join([said.in_(rt.settings.language), *(f"- {key}" for key in rest)])


def _closed(rt: Runtime, planned: Iterable[Batch]) -> list[VersionKey]:
    keys = [VersionKey(model, version) for batch in planned for model, version in batch]
    with rt.reading() as session:
        decisions = facts.decisions(session, rt.current(session))
    decided = {key for key, _ in decisions}
    blocked = {key for (key, _), decision in decisions.items() if decision.blocks}
    return [key for key in keys if key in blocked or key not in decided]


def _each(keys: Sequence[VersionKey], work: Callable[[VersionKey], list[str]]) -> list[str]:
    done: list[str] = []
    errors: dict[str, Exception] = {}
    for key in keys:
        try:
            done.extend(f"{key}: {name}" for name in work(key))
        except Exception as error:
            if len(keys) == 1:
                raise
            errors[str(key)] = error
    if errors:
        raise SeveralError(errors) from next(iter(errors.values()))
    return done
