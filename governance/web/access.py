# SPDX-License-Identifier: Apache-2.0
"""Who may look: what the host of the pages has to bring, because the pages know no login of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class User(Protocol):
    """Somebody who is logged in."""

    def get_name(self) -> str:
        """By what name the host knows them."""


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task instance as far as its host remembers it."""

    label: str | None
    """What its mapped instance is called, for example `credit-scoring v3`."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    """Of the run that it belongs to."""


@dataclass(frozen=True, slots=True)
class Access:
    """FastAPI dependencies that refuse whoever may not look, and what the host knows of its tasks."""

    page: Callable[..., Any]
    """Of every page."""
    task: Callable[..., Any]
    """Of a task instance's page; reads the path parameter `dag_id`."""
    user: Callable[..., Any]
    """Gives a `User`."""
    task_run: Callable[[str, str, str, int], TaskRun | None]
    """DAG, run, task and map index (-1: not mapped) -> the task instance; None if it is gone."""
