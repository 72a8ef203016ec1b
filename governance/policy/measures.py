# SPDX-License-Identifier: Apache-2.0
"""What the policy tells the families besides data quality and bias: rates, artefacts, documents and their limits.

A setting that a check leaves out does not show in the policy's plain form, so a policy keeps its digest when
the product learns a new setting.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from governance.policy.base import Column, Item, Line, Positive, Section, Share, Slug
from governance.policy.drift import Drift
from governance.policy.scores import ErrorLimits, ScoreLimits
from governance.policy.tables import TableRules

Metric = Annotated[str, StringConstraints(min_length=1, max_length=250)]
TagName = Annotated[str, StringConstraints(pattern=r"^[^\s]{1,250}$")]
OwnFamily = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,62}$")]
"""The name of an entry point of the group `governance.checks`."""
Scalar = str | bool | int | float
"""A parameter of a company's own check."""


class Rate(StrEnum):
    """What answers of a generative model are judged by (K-Q06, K-Q07)."""

    FALSE_OUTPUT = "false_output"
    HARMFUL_OUTPUT = "harmful_output"
    LEAKAGE = "leakage"
    INJECTION_SUCCESS = "injection_success"
    REFUSAL = "refusal"


class RateLimit(Section):
    """The bounds that a rate has to keep, and the logged metrics it is read from."""

    at_most: Share | None = None
    at_least: Share | None = None
    metric: Metric | None = None
    """The logged share; default `<rate>_rate`."""
    n_metric: Metric | None = None
    """The logged number of probes; default `<rate>_n`."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_most is None and self.at_least is None:
            raise ValueError("give at_most, at_least or both")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise ValueError("at_least must not exceed at_most")
        return self


class Among(Section):
    """Only rows whose `column` equals a value are probes for a rate."""

    column: Column
    equals: bool | int | str


class JudgedColumn(Section):
    """The column of the evaluation table that says how an answer was judged."""

    column: Column
    counts: bool | int | str = 1
    """The value that counts towards the rate."""
    otherwise: tuple[bool | int | str, ...] = ()
    """The values that do not; needed where `counts` is a text. Any other value means: not judged."""
    among: Among | None = None

    @model_validator(mode="after")
    def _both_sides(self) -> Self:
        if self.counts not in {0, 1} and not self.otherwise:
            raise ValueError("name under `otherwise` the values that do not count, so that a slip of the pen is seen")
        if self.counts in self.otherwise:
            raise ValueError("a value cannot count and not count")
        return self

    @property
    def against(self) -> frozenset[bool | int | str]:
        """The values that say: judged, and does not count."""
        return frozenset(self.otherwise) or frozenset({1 - int(self.counts)})


class Genai(Section):
    """What judged answers have to keep."""

    rates: dict[Rate, RateLimit] = Field(min_length=1)
    columns: dict[Rate, JudgedColumn] = Field(default={})
    """Rates counted in the evaluation table; all others are read from logged metrics."""

    @model_validator(mode="after")
    def _told(self) -> Self:
        if strays := set(self.columns) - set(self.rates):
            raise ValueError(f"columns without a limit under rates: {', '.join(sorted(strays))}")
        for rate, limit in self.rates.items():
            if rate is not Rate.REFUSAL and limit.at_most is None:
                raise ValueError(f"{rate.value}: give at_most; only refusal may have at_least alone")
        return self


class Explanation(Section):
    """An explanation of the model has to be there, and not be old (K-Q08)."""

    tag: TagName | None = None
    """A tag of the version that says where the explanation lies."""
    dated_by: TagName | None = None
    """The tag with the day it was made (YYYY-MM-DD); default `<tag>_on`."""
    context: Slug | None = None
    """Or a dataset input of the version's run under this context; it is as old as the version."""
    max_age_days: Positive = 365

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.tag is None and self.context is None:
            raise ValueError("give tag, context or both: where is the explanation?")
        return self


class Robustness(Section):
    """How much a perturbation may cost."""

    max_drop: Share
    """At most, of the share that was right without the perturbation, in points of that share."""
    required: tuple[Annotated[str, StringConstraints(pattern=r"^.+\..+$", max_length=200)], ...] = ()
    """`<slice>.<perturbation>` that must have been tried; whatever else was logged is judged too."""


class Headings(Section):
    """What a section may be called."""

    ja: tuple[Line, ...] = ()
    en: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not (self.ja or self.en):
            raise ValueError("give at least one heading in ja or en")
        return self

    @property
    def all(self) -> tuple[str, ...]:
        """Every name, Japanese first."""
        return self.ja + self.en


class Document(Section):
    """A model card, datasheet or impact assessment, and the sections it must have."""

    item: Item
    """The text it is: `description` or `tag:<name>`. A section may also be a tag `<document>.<section>`."""
    sections: dict[Slug, Headings] = Field(min_length=1)
    min_characters: Positive = 10
    """Below this many characters a section counts as empty."""


class Review(Section):
    """Somebody has to have looked at the documents lately."""

    tag: TagName = "reviewed_on"
    max_age_days: Positive = 365


def _is_default(value: object) -> bool:
    return value == Drift()


def _is_unset(value: object) -> bool:
    return not value


class FamilySettings(Section):
    """The part of a check that only one family reads; what is not set does not exist."""

    genai: Genai | None = Field(default=None, exclude_if=_is_unset)
    explanation: Explanation | None = Field(default=None, exclude_if=_is_unset)
    robustness: Robustness | None = Field(default=None, exclude_if=_is_unset)
    drift: Drift = Field(default=Drift(), exclude_if=_is_default)
    table: TableRules | None = Field(default=None, exclude_if=_is_unset)
    """Data quality only: the table as a whole."""
    scores: ScoreLimits | None = Field(default=None, exclude_if=_is_unset)
    """Bias only: limits for the scores behind predictions."""
    errors: ErrorLimits | None = Field(default=None, exclude_if=_is_unset)
    """Bias only: limits for errors of predicted numbers."""
    documents: dict[Slug, Document] = Field(default={}, exclude_if=_is_unset)
    """Documentation only: required sections."""
    reviewed: Review | None = Field(default=None, exclude_if=_is_unset)
    """Documentation only: freshness."""
    parameters: dict[Slug, Scalar] = Field(default={}, exclude_if=_is_unset)
    """A company's own check only: what it is told."""
    uses_table: bool = Field(default=False, exclude_if=_is_unset)
    """A company's own check only: open the evaluation table for it."""
