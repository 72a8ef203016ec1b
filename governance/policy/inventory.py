# SPDX-License-Identifier: Apache-2.0
"""How MLflow is read: inventory.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from governance.policy.base import Section, Share


class Inventory(Section):
    """How MLflow is read. File: inventory.yaml, which may be left out."""

    full_sweep_hours: Annotated[int, Field(ge=1, le=168)] = 24
    """After so many hours every run is read again: MLflow leaves no trace of a metric or tag that was added later."""
    confirm_hours: Annotated[int, Field(ge=1, le=168)] = 24
    """After so many hours a reading is recorded although nothing changed, so that its date stays known."""
    max_drop_share: Share = 0.2
    """If a larger share of the models (or versions) is missing at once, somebody has to confirm that it is gone."""
