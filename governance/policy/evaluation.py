# SPDX-License-Identifier: Apache-2.0
"""The table that a model version is judged on, where it lies, and the floors its logged metrics have to keep."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from governance.policy.base import Column, Line, Positive, Section, Slug


def _is_unset(value: object) -> bool:
    return value is None


class Logged(Section):
    """The dataset that a version's run logged to MLflow under a context."""

    kind: Literal["logged"]
    context: Slug = "evaluation"


class File(Section):
    """A Parquet or CSV file below the data directory; `{version}` is filled in."""

    kind: Literal["file"]
    path: Line

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.path.startswith(("/", "~")) or ".." in self.path.split("/"):
            raise ValueError("the path must lie below the data directory")
        return self


class Table(Section):
    """A table of the warehouse, whose rows say which version they evaluate."""

    kind: Literal["table"]
    table: Line
    """`name` or `schema.name`."""
    version_column: Column | None = None


class Evaluation(Section):
    """The table that a version is judged on, and what its columns mean."""

    source: Annotated[Logged | File | Table, Field(discriminator="kind")]
    label: Column | None = None
    prediction: Column | None = None
    favourable: int | str = 1
    """The prediction that a person wants to get."""
    sensitive: tuple[Column, ...] = ()
    reference: dict[Column, str | int] = Field(default={})
    """Sensitive column -> the group that others are compared with; default: the largest."""
    score: Column | None = Field(default=None, exclude_if=_is_unset)
    """The score behind the prediction, 0 to 1."""
    weight: Column | None = Field(default=None, exclude_if=_is_unset)
    """How many people a row stands for."""
    time: Column | None = Field(default=None, exclude_if=_is_unset)
    """When a row came about; counts are then kept by day."""
    window_days: Positive | None = Field(default=None, exclude_if=_is_unset)
    """With `time`: only rows of the last so many days, the day of the check included."""

    @model_validator(mode="after")
    def _timed(self) -> Self:
        if self.window_days is not None and self.time is None:
            raise ValueError("window_days needs `time`: the column that says when a row came about")
        return self


class MetricFloor(Section):
    """A logged metric, the bound it has to keep, and how much worse (`max_drop`) than the approved version's it may be."""

    metric: Annotated[str, StringConstraints(min_length=1, max_length=250)]
    at_least: float | None = None
    at_most: float | None = None
    n_metric: Annotated[str, StringConstraints(min_length=1, max_length=250)] | None = None
    """The logged metric that counts the rows; set it only when the metric is a share of rows."""
    max_drop: Annotated[float, Field(ge=0)] | None = Field(default=None, exclude_if=lambda drop: drop is None)

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give either at_least or at_most")
        return self
