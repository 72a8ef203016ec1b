# SPDX-License-Identifier: Apache-2.0
"""The words the demo company is written in: a table, a plan for a version, what came out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

SEED = 20260201
LABEL, PREDICTION, SCORE, ROW_ID = "label", "prediction", "score", "row_id"


@dataclass(frozen=True, slots=True)
class Sensitive:
    """A column that must not decide, with the group at risk and the one it is held to."""

    column: str
    at_risk: str | int
    reference: str | int


@dataclass(frozen=True, slots=True)
class Built:
    """One trained model with the rows it learnt from and the rows it was judged on."""

    estimator: Any
    features: tuple[str, ...]
    training: pd.DataFrame
    evaluation: pd.DataFrame | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    importance: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one version shall be: its name, number and alias, and how to build it."""

    model: str
    version: int
    build: Callable[[], Built]
    alias: str | None = None
    sensitive: tuple[Sensitive, ...] = ()
    evaluated: bool = True
    in_warehouse: bool = False

    @property
    def title(self) -> str:
        """Name the version as people say it."""
        return f"{self.model} v{self.version}"
