# SPDX-License-Identifier: Apache-2.0
"""A company's own checks: functions of installed packages, found by name, never a reason to fork.

::

    # pyproject.toml of the company's package
    [project.entry-points."governance.checks"]
    carbon_budget = "acme_checks:carbon_budget"

    # acme_checks.py
    def carbon_budget(task: Task) -> Finding: ...

    # checks.yaml
    carbon: {family: carbon_budget, parameters: {kg_at_most: 20}, ...}

Whatever such a function does, it ends in a verdict: an exception is `error` with the exception's type, and a pass
that its own observations contradict is no pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from pydantic import TypeAdapter, ValidationError

from governance.core.evaluation import EvaluationTable
from governance.core.terms import Finding, ModelVersion, RegisteredModel, Verdict, Words
from governance.core.verdicts import combine
from governance.errors import CheckNotRunError, SourceUnavailableError
from governance.policy import Check, Family, UseCase
from governance.policy.measures import Scalar

GROUP: Final = "governance.checks"
_FINDING: Final = TypeAdapter(Finding)


@dataclass(frozen=True, slots=True)
class Task:
    """Everything an own check may look at; public, and only ever added to."""

    version: ModelVersion
    """The version, as MLflow tells it: tags, metrics, parameters, dataset inputs."""
    model: RegisteredModel
    use_case: UseCase
    table: EvaluationTable | None
    """The evaluation table, reachable through group-bys; None unless the policy says `uses_table: true`."""
    parameters: Mapping[str, Scalar]
    """What checks.yaml says under `parameters`."""


OwnCheck = Callable[[Task], Finding]


@dataclass(frozen=True, slots=True)
class Installed:
    """An own check that some installed package offers."""

    name: str
    target: str
    """Module and function, `acme_checks:carbon_budget`."""
    package: str
    """Distribution and version, `acme-checks 1.2.0`."""

    @property
    def is_shadowed(self) -> bool:
        """A family of the product has the same name and counts instead."""
        return self.name in set(Family)


def installed() -> list[Installed]:
    """Every own check of every installed package, by name; none is loaded."""
    return sorted((_installed(entry) for entry in entry_points(group=GROUP)), key=lambda one: (one.name, one.package))


def package_of(family: str) -> str:
    """The package that offers a family: a new version of it is a new definition of the check. Not installed: empty."""
    return ", ".join(one.package for one in installed() if one.name == family)


def measure(check: Check, task: Task) -> Finding:
    """Carry out the own check that `check.family` names.

    Returns:
        What the function found; `error` if it is not installed, offered twice, cannot be loaded, raises, or
        returns anything but a finding.

    Raises:
        SourceUnavailableError: the evaluation data did not answer; trying again may help.
        CheckNotRunError: the table itself makes the check impossible.
    """
    offered = list(entry_points(group=GROUP, name=check.family))
    if len(offered) != 1:
        return _not_one(check.family, offered)
    try:
        function: OwnCheck = offered[0].load()
        finding = function(task)
    except (SourceUnavailableError, CheckNotRunError):
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - code of others: whatever it raises ends in a verdict
        return _broken(
            f"自社チェック {check.family} が例外 {type(error).__name__} で終わった。{offered[0].value} を直す",
            f"the own check {check.family} ended with {type(error).__name__}; mend {offered[0].value}",
        )
    return _accepted(check.family, finding)


def _accepted(family: str, returned: object) -> Finding:
    """The finding, if it is one that can be recorded; the worst of its verdicts counts."""
    finding = _sound(returned)
    if finding is None:
        return _broken(
            f"自社チェック {family} の戻り値が記録できる Finding でない",
            f"what the own check {family} returned is no Finding that can be recorded",
        )
    worst = combine([finding.verdict, *(observation.verdict for observation in finding.observations)])
    return replace(finding, verdict=worst)


def _sound(returned: object) -> Finding | None:
    """What the store can keep and read back, or nothing: nobody has checked the types before."""
    if not isinstance(returned, Finding):
        return None
    try:
        finding = _FINDING.validate_python(asdict(returned))
    except (TypeError, ValidationError):
        return None
    verdicts = {finding.verdict, *(observation.verdict for observation in finding.observations)}
    return None if Verdict.STALE in verdicts or finding.files else finding


def _not_one(family: str, offered: list[EntryPoint]) -> Finding:
    if not offered:
        return _broken(
            f"チェックの種類 {family!r} がない。提供するパッケージを全環境に入れるか、checks.yaml の family を直す",
            f"there is no check family {family!r}; install the package that offers it, "
            "or correct `family` in checks.yaml",
        )
    packages = ", ".join(_installed(entry).package for entry in offered)
    return _broken(
        f"チェックの種類 {family!r} を複数のパッケージが提供している: {packages}。一つだけ残す",
        f"more than one package offers the check family {family!r}: {packages}; keep one",
    )


def _installed(entry: EntryPoint) -> Installed:
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return Installed(entry.name, entry.value, package)


def _broken(ja: str, en: str) -> Finding:
    return Finding(Verdict.ERROR, detail=Words(ja, en))
