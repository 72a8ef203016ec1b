# SPDX-License-Identifier: Apache-2.0
"""What a table as a whole has to keep: fresh, of the usual size and shape (3.3-07b)."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from governance.policy.base import Column, Positive, Section


class TableRules(Section):
    """Freshness by the clock; volume and schema against the data of the approved version."""

    time: Column | None = None
    """When a row came about."""
    fresh_within_hours: Positive | None = None
    """The newest row may be so old; needs `time`."""
    volume_change: Annotated[float, Field(gt=0)] | None = None
    """The number of rows may change by such a share of the approved version's, up or down."""
    schema_change: bool = False
    """Whether columns may be added, removed or change between numbers, words, times and the rest."""

    @model_validator(mode="after")
    def _timed(self) -> Self:
        if self.fresh_within_hours is not None and self.time is None:
            raise ValueError("fresh_within_hours needs `time`: the column that says when a row came about")
        return self
