# SPDX-License-Identifier: Apache-2.0
"""How many subjects share a task of the orchestrator: one where there are few, several where tasks would cost more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")
ALONE: Final = 40
"""Up to so many subjects have a task each, which carries their name."""
MAPPED: Final = 1024
"""Airflow refuses to map more tasks than this (`max_map_length`)."""


def plan(subjects: Sequence[T], size: int, *, alone: int = ALONE, mapped: int = MAPPED) -> list[list[T]]:
    """Every subject once, in order: alone where there are few, else `size` together, more if batches were too many."""
    count = len(subjects)
    each = 1 if count <= min(alone, mapped) else max(size, -(-count // mapped))
    return [list(subjects[start : start + each]) for start in range(0, count, each)]


def label(subjects: Sequence[object]) -> str:
    """The first subject, and how many more."""
    more = f" … +{len(subjects) - 1}" if len(subjects) > 1 else ""
    return f"{subjects[0]}{more}"
