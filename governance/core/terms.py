# SPDX-License-Identifier: Apache-2.0
"""The words of the field, as types: a fact does not change, it is superseded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, Protocol

from typing_extensions import TypeVar

from governance.policy import RiskTier


class Verdict(StrEnum):
    """How a check ended. `stale` is computed from age, the rest is recorded."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    INSUFFICIENT = "insufficient"
    NOT_RUN = "not_run"
    STALE = "stale"
    FAIL = "fail"
    ERROR = "error"


class GateVerdict(StrEnum):
    """What a gate decided."""

    PASS = "pass"  # noqa: S105 - not a password
    PENDING = "pending"
    """The evidence is there; people have yet to approve it."""
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Words:
    """The same thing said in the product's two languages."""

    ja: str = ""
    en: str = ""

    def __bool__(self) -> bool:
        """False when nothing is said."""
        return bool(self.ja or self.en)

    def in_(self, language: str) -> str:
        """What is said in `language` ("ja" or "en")."""
        return self.ja if language == "ja" else self.en

    def then(self, more: Words) -> Words:
        """This and `more`, one after the other; silence adds nothing."""
        if not (self and more):
            return self or more
        return Words(f"{self.ja}。{more.ja}", f"{self.en}; {more.en}")


NOTHING = Words()


@dataclass(frozen=True, slots=True, order=True)
class VersionKey:
    """One version of one registered model."""

    model: str
    version: int

    def __str__(self) -> str:
        """Name it as people do: `credit-scoring v3`."""
        return f"{self.model} v{self.version}"


@dataclass(frozen=True, slots=True, order=True)
class UseCaseKey:
    """One use case of the policy."""

    use_case: str

    def __str__(self) -> str:
        """Name it as holds and risks do, so that no model of that name is meant: `use_case loan-screening`."""
        return f"use_case {self.use_case}"


Subject = VersionKey | UseCaseKey
"""What stands at a gate."""
K = TypeVar("K", bound=Subject, default=VersionKey)
K_co = TypeVar("K_co", bound=Subject, covariant=True)


class Candidate(Protocol[K_co]):
    """What a gate decides on."""

    @property
    def key(self) -> K_co:
        """Its name."""

    @property
    def identity(self) -> Mapping[str, str]:
        """What it is, by the names of facts that a decision is bound to; each starts with its `policy.Bound`."""


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A dataset that a run logged: where it lies and what it was for."""

    context: str
    name: str
    digest: str
    source: str
    """URI or path as the model's owner logged it: hostile text."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model version as MLflow tells it, with the run it came from."""

    key: VersionKey
    run_id: str | None = None
    source: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[DatasetInput, ...] = ()
    created_at: datetime | None = None

    @property
    def identity(self) -> Mapping[str, str]:
        """What it is, as a `Candidate`: its run and its data, as the number may be given anew."""
        run = {"run": self.run_id or "-", "run source": self.source, "run at": str(self.created_at or "-")}
        return run | {f"dataset {dataset.context} {dataset.name}": dataset.digest for dataset in self.datasets}


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A registered model as MLflow tells it: its aliases are its current promises."""

    name: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    """Alias -> version."""
    versions: tuple[ModelVersion, ...] = ()
    serving: Mapping[str, int] = field(default_factory=dict)
    """Alias of its protected twin -> the version of this model that serves there as a copy (`core.twins`)."""

    def aliases_of(self, version: int) -> tuple[str, ...]:
        """The aliases that a version holds, by itself or by its copy in the protected twin."""
        held = (*self.aliases.items(), *self.serving.items())
        return tuple(sorted({alias for alias, number in held if number == version}))


@dataclass(frozen=True, slots=True)
class Observation:
    """One number that a check looked at, beside what it has to keep.

    `low` and `high` bound the value at the check's confidence; None where no interval exists.
    """

    name: str
    """For example `selection_rate_ratio`."""
    slice: str = ""
    """The part of the data it is about, for example `sex: female vs male`."""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    comparison: str = ""
    """How value and limit relate when all is well: `>=`, `<=` or `==`."""
    n: int | None = None
    verdict: Verdict = Verdict.NOT_RUN
    detail: Words = NOTHING
    """What a person needs besides the numbers."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """Counts that a check measured: enough to judge again, to compare with, and to add up; never a row."""

    name: str
    """What was counted, for example `cube sex` or `profile amount`; unique within a finding and window."""
    content: Mapping[str, Any]
    """Plain JSON."""
    window: str = ""
    """The part of time it is about: an ISO date, or empty for all rows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How a check ended and everything it saw, before it is recorded."""

    verdict: Verdict
    observations: tuple[Observation, ...] = ()
    n: int | None = None
    """Rows that the check rests on."""
    detail: Words = NOTHING
    data_digest: str = ""
    """What the data were: the same digest means the same rows."""
    cause: Words = NOTHING
    """Why it ended so, as far as the data tell: a short paragraph with numbers."""
    statistics: tuple[Statistic, ...] = field(default=(), compare=False, repr=False)
    """The counts it was judged from; they are facts of their own and are not read back with it."""
    engines: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """What measured it: the library or database product, and its version."""
    files: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """Whole documents behind it, by name; they go to the evidence store and are not read back with it."""


class FileKind(StrEnum):
    """What an evidence file is."""

    GX_RESULT = "gx_result"
    CARD = "card"
    PACK = "pack"
    MINUTES = "minutes"
    DATASHEET = "datasheet"
    INVENTORY = "inventory"
    """A list of declared AI, as it was imported."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A recorded finding of one check on one model version."""

    id: str
    subject: VersionKey
    check: str
    at: datetime
    definition: str
    """Digest of the policy that the check ran under: its limits, the use case, the suite."""
    finding: Finding
    files: Mapping[str, str] = field(default_factory=dict)
    """Evidence files by name: their SHA-256."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a gate said what it said, in numbers an owner can act on."""

    check: str
    verdict: Verdict
    text: Words = NOTHING
    """What there is to say besides the observation."""
    observation: Observation | None = None
    at: datetime | None = None
    blocks: bool = True
    exempt: bool = False
    """Somebody decided that the check does not apply; `text` says why. That is no pass."""
    waiver: str = ""
    """Id of the waiver that lets the check pass for a while."""


@dataclass(frozen=True, slots=True)
class GateDecision(Generic[K]):
    """A gate's verdict with its reasons, and digests of all it rested on."""

    subject: K
    gate: str
    tier: RiskTier
    verdict: GateVerdict
    reasons: tuple[Reason, ...]
    policy_digest: str
    facts_digest: str
    evidence: Mapping[str, str]
    """Check -> id of the result that it rested on."""
    at: datetime
    id: str = ""
    bound: Mapping[str, str] = field(default_factory=dict)
    """What it rests on, by name: the facts under `facts_digest`. Older decisions do not tell."""

    @property
    def blocks(self) -> bool:
        """True unless its subject may go on."""
        return self.verdict is not GateVerdict.PASS


class Light(StrEnum):
    """A traffic light; grey is unknown and counts as amber in roll-ups."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    GREY = "grey"


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk as assessed at a moment (RSK): open while its cause is."""

    subject: str
    """What it is about: `credit-scoring v3` or a model's name."""
    rule: str
    """The rule of risks.yaml it follows, for example `bias`."""
    use_case: str | None
    likelihood: int
    impact: int
    cause: Words
    is_open: bool
    owner: str | None
    opened_at: datetime
    due_on: date
    """The treatment is due by this day, company time."""

    @property
    def score(self) -> int:
        """Likelihood x impact, 1 to 25."""
        return self.likelihood * self.impact


@dataclass(frozen=True, slots=True)
class KpiValue:
    """One KPI at one moment; `value` is None when the facts cannot tell."""

    kpi: str
    value: float | None
    light: Light
    numerator: float | None = None
    denominator: float | None = None
    detail: Words = NOTHING
