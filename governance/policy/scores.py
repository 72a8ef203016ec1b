# SPDX-License-Identifier: Apache-2.0
"""How far scores, and errors of predicted numbers, may differ between groups of people (3.3-07b)."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from governance.policy.base import Section, Share


def _is_unset(value: object) -> bool:
    return value is None


_OPTIONAL = Field(default=None, exclude_if=_is_unset)


class ScoreLimits(Section):
    """At most, between a group and the reference group; a measure without a limit is not judged."""

    auc_difference: Share | None = _OPTIONAL
    """Of how well the score ranks people within their group."""
    calibration_gap: Share | None = _OPTIONAL
    """Of mean score less share of favourable labels: a score that means the same for everybody has none."""
    mean_score_difference: Share | None = _OPTIONAL
    """Of the mean scores, whatever the labels say."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.auc_difference is None and self.calibration_gap is None and self.mean_score_difference is None:
            raise ValueError("give a limit for auc_difference, calibration_gap or mean_score_difference")
        return self


class ErrorLimits(Section):
    """Of predicted numbers, between a group and the reference group; a measure without a limit is not judged."""

    error_ratio: Share | None = _OPTIONAL
    """At least: the lower mean absolute error over the higher one."""
    mean_error_difference: Annotated[float, Field(ge=0)] | None = _OPTIONAL
    """At most: of mean prediction less label, in standard deviations of the label within the groups."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.error_ratio is None and self.mean_error_difference is None:
            raise ValueError("give a limit for error_ratio or mean_error_difference")
        return self
