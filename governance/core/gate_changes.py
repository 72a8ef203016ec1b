# SPDX-License-Identifier: Apache-2.0
"""What is different from the last time the gate was open: version, data, code, limits, policy, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from governance.core.terms import CheckResult, DatasetInput, Observation, VersionKey
from governance.core.wording import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from governance.core.terms import ModelVersion


class ChangeKind(StrEnum):
    """What can differ between two decisions of a gate."""

    VERSION = "version"
    VERDICT = "verdict"
    DATA = "data"
    """The rows that a check read."""
    DATASET = "dataset"
    """What the run logged."""
    LIMIT = "limit"
    DEFINITION = "definition"
    """Anything that a check runs under, its limits among it."""
    POLICY = "policy"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Passage:
    """A gate decision in outline."""

    id: str
    subject: VersionKey
    at: datetime
    blocks: bool
    policy_digest: str
    code_version: str
    evidence: Mapping[str, str]
    """Check -> id of the result that it rested on."""


@dataclass(frozen=True, slots=True)
class Past:
    """The last time the gate was open: for this version, or else for the one approved before it."""

    passage: Passage
    results: Mapping[str, CheckResult]
    datasets: tuple[DatasetInput, ...]
    is_same_version: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs. What was not there before or is not there now is empty."""

    kind: ChangeKind
    about: str
    """A check, a dataset, or what a limit is about; empty for the whole."""
    before: str
    after: str
    measure: str = ""
    """Of a limit: what it is about."""


def changes(
    past: Past | None, now: Passage, results: Mapping[str, CheckResult], version: ModelVersion | None
) -> tuple[Change, ...]:
    """Everything that differs, what tells most first; nothing to compare with gives nothing."""
    if past is None:
        return ()
    then = past.passage
    whole = (
        Change(ChangeKind.VERSION, "", f"v{then.subject.version}", f"v{now.subject.version}"),
        Change(ChangeKind.POLICY, "", then.policy_digest, now.policy_digest),
        Change(ChangeKind.CODE, "", then.code_version, now.code_version),
    )
    found = [
        *whole[:1],
        *_checks(past.results, results),
        *_datasets(past.datasets, version.datasets if version else ()),
        *whole[1:],
    ]
    order = list(ChangeKind)
    return tuple(sorted((one for one in found if one.before != one.after), key=lambda one: order.index(one.kind)))


def _checks(then: Mapping[str, CheckResult], now: Mapping[str, CheckResult]) -> Iterator[Change]:
    for check in sorted(now):
        before, after = then.get(check), now[check]
        said = before.finding if before else None
        yield Change(ChangeKind.VERDICT, check, said.verdict.value if said else "", after.finding.verdict.value)
        yield Change(ChangeKind.DATA, check, said.data_digest if said else "", after.finding.data_digest)
        yield Change(ChangeKind.DEFINITION, check, before.definition if before else "", after.definition)
        yield from _limits(check, said.observations if said else (), after.finding.observations)


def _limits(check: str, then: Iterable[Observation], now: Iterable[Observation]) -> Iterator[Change]:
    """The limits that both judged by, where each has one per measure."""
    before, after = _by_measure(then), _by_measure(now)
    for measure in sorted(before.keys() & after.keys()):
        yield Change(ChangeKind.LIMIT, check, ", ".join(before[measure]), ", ".join(after[measure]), measure)


def _by_measure(seen: Iterable[Observation]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for one in seen:
        if one.limit is not None:
            found.setdefault(one.name, set()).add(
                figures(Observation("", limit=one.limit, comparison=one.comparison)).limit
            )
    return {measure: sorted(limits) for measure, limits in found.items()}


def _datasets(then: Iterable[DatasetInput], now: Iterable[DatasetInput]) -> Iterator[Change]:
    before, after = _digests(then), _digests(now)
    for context in sorted(before.keys() | after.keys()):
        yield Change(ChangeKind.DATASET, context, before.get(context, ""), after.get(context, ""))


def _digests(datasets: Iterable[DatasetInput]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for one in datasets:
        found.setdefault(one.context, []).append(f"{one.name} {one.digest}".strip())
    return {context: ", ".join(sorted(digests)) for context, digests in found.items()}
