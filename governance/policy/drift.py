# SPDX-License-Identifier: Apache-2.0
"""How far data may move away from what a version was approved on (3.3-07b)."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from governance.policy.base import Column, Positive, Section, Share
from governance.policy.evaluation import File, Logged


def _is_unset(value: object) -> bool:
    return not value


class DriftLimits(Section):
    """At most, per column; a measure without a limit is not judged."""

    psi: Annotated[float, Field(gt=0)] | None = 0.2
    """Population stability index."""
    js: Share | None = Field(default=None, exclude_if=_is_unset)
    """Jensen-Shannon distance, base 2."""
    ks: Share | None = Field(default=None, exclude_if=_is_unset)
    """Kolmogorov-Smirnov distance; numeric columns only."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.psi is None and self.js is None and self.ks is None:
            raise ValueError("give a limit for psi, js or ks")
        return self


class Drift(Section):
    """What a drift check compares, and with what."""

    limits: DriftLimits = DriftLimits()
    reference: Annotated[Logged | File, Field(discriminator="kind")] | None = Field(default=None, exclude_if=_is_unset)
    """What to compare with while no version is approved: for example the dataset logged under `training`."""
    columns: tuple[Column, ...] = ()
    """Only these; empty for all columns of numbers, truth values and text but dates and identifiers."""
    exclude: tuple[Column, ...] = ()
    bins: Annotated[int, Field(ge=2, le=50)] = 10
    """Quantiles of the reference."""
    windows: Annotated[int, Field(ge=1, le=24)] = 1
    """So many newest windows in a row have to break a limit before it counts."""
    window_days: Positive | None = Field(default=None, exclude_if=_is_unset)
    """Length of a window; needs `evaluation.time`."""

    @model_validator(mode="after")
    def _windowed(self) -> Self:
        if self.windows > 1 and self.window_days is None:
            raise ValueError("windows needs window_days: how long is a window?")
        return self
