# SPDX-License-Identifier: Apache-2.0
"""Who may look and who may write: what the host of the pages has to bring, because the pages know no login of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from governance.core.airflow_roles import Needed


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


def _nobody(_user: Any, _needed: Needed) -> bool:  # noqa: ANN401 - the host's
    return False


def _not_asked(_hold: str, _login: str) -> None:
    """Nobody to ask: the next pass of the guard enforces it."""


def _unknown(_hold: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Access:
    """FastAPI dependencies that refuse whoever may not look, and what the host knows of its tasks.

    A host that says nothing about writing lets nobody write.
    """

    page: Callable[..., Any]
    """Of every page."""
    task: Callable[..., Any]
    """Of a task instance's page; reads the path parameter `dag_id`."""
    user: Callable[..., Any]
    """Gives a `User`."""
    task_run: Callable[[str, str, str, int], TaskRun | None]
    """DAG, run, task and map index (-1: not mapped) -> the task instance; None if it is gone."""
    may: Callable[[Any, Needed], bool] = _nobody
    """Whether the host lets a `User` do what a form needs."""
    key: bytes = b""
    """Signs what forms carry; the same in every process that serves them. Empty: forms are closed."""
    enforce: Callable[[str, str], None] = _not_asked
    """Asks the host to take the aliases of a hold away, in whose name; may raise, returns before it is done."""
    enforcing: Callable[[str], str | None] = _unknown
    """How far the host has come with that; None if it does not know."""
