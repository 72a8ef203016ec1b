# SPDX-License-Identifier: Apache-2.0
"""A process that is killed while it moves an alias: the next pass ends what it began, once, and nobody is told twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from governance.core.alias_guard import ActionKind, ActionState
from governance.core.holds import HoldScope
from governance.steps import alias_guard, emergency_hold, hold_enforcement, promotion
from governance.store import oversight as facts
from tests.integration.releases import Release, release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from governance.core.alias_guard import AliasAction

ROOT = Path(__file__).resolve().parents[2]
WHEN = ("before", "after")


@contextmanager
def workers(there: Release) -> Iterator[Callable[[str], None]]:
    """Start a worker, wait until it stands in the middle, and kill it."""
    settings = there.rt.settings
    told = [settings.database_url.get_secret_value(), settings.mlflow_uri, settings.evidence_url, there.model]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.oversight.alias_worker", *told],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None

    def kill(line: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        os.kill(int(process.stdout.readline()), signal.SIGKILL)

    try:
        yield kill
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def actions(there: Release, kind: ActionKind) -> list[AliasAction]:
    with there.rt.reading() as session:
        return [a for a in facts.actions(session, there.rt.current(session)) if a.kind is kind]


def escalations(there: Release) -> list[tuple[str, str]]:
    with there.rt.reading() as session:
        return [(e.rule, e.ground) for e in facts.escalations(session, there.rt.current(session))]


def ended_once(there: Release, kind: ActionKind, to_version: int | None) -> None:
    """Begun by whoever was killed, ended by the next pass, and that was all."""
    [action] = actions(there, kind)
    assert (action.state, action.attempts) == (ActionState.DONE, 2)
    assert action.proof["after"] == to_version
    assert there.aliases().get("champion") == to_version


@pytest.mark.parametrize("when", WHEN)
def test_a_promotion_a_reversal_and_an_enforcement_that_are_killed_are_ended_by_the_next_pass(
    tmp_path: Path, mlflow: str, when: str
) -> None:
    with release(tmp_path, mlflow, f"killed-{when}") as there, workers(there) as kill:
        there.approve(1)
        there.point("champion", 2)

        kill(f"revert {when}")
        assert [a.state for a in actions(there, ActionKind.REVERT)] == [ActionState.BEGUN]
        assert there.aliases()["champion"] == (2 if when == "before" else 1)
        for _ in range(2):
            alias_guard.guard(there.rt)
        ended_once(there, ActionKind.REVERT, 1)
        assert [rule for rule, _ground in escalations(there)] == ["E-05"]

        there.approve(2)
        kill(f"promote {when}")
        assert [a.state for a in actions(there, ActionKind.PROMOTE)] == [ActionState.BEGUN]
        for pending in ([there.key(2)], []):
            alias_guard.guard(there.rt)
            assert promotion.promotable(there.rt) == pending
            for key in pending:
                promotion.promote(there.rt, key)
        ended_once(there, ActionKind.PROMOTE, 2)

        hold = emergency_hold.place(
            there.rt, HoldScope.MODEL, there.model, ground="safety", reason="harm", login="sato", emergency=True
        )
        kill(f"enforce {when} {hold.id}")
        assert [a.state for a in actions(there, ActionKind.ENFORCE)] == [ActionState.BEGUN]
        assert emergency_hold.listing(there.rt)[0]["missing"] == [f"{there.model}@champion"]
        for _ in range(2):
            assert alias_guard.guard(there.rt)["unproven"] == []
        ended_once(there, ActionKind.ENFORCE, None)
        assert hold_enforcement.enforce(there.rt, hold.id).removed == (f"{there.model}@champion (v2)",)
        assert sorted(rule for rule, _ground in escalations(there)) == ["E-05", "E-10", "E-11"]
