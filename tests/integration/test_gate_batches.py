# SPDX-License-Identifier: Apache-2.0
"""Many versions share a task: one that goes wrong stops no other, and no closed gate stays unnamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from governance.core import batches
from governance.core.terms import VersionKey
from governance.errors import EvidenceError, NotFoundError, SeveralError, SourceUnavailableError
from governance.steps import gate_batches, model_gate, oversight
from tests.integration.test_steps import KEY, MODEL, Company, company, model

if TYPE_CHECKING:
    from governance.runtime import Runtime

__all__ = ["company"]
GHOST = VersionKey("nobody", 1)


def test_one_versions_failure_does_not_stop_the_others_of_its_batch(company: Company) -> None:
    with pytest.raises(SeveralError, match="nobody v1 is not in the inventory") as told:
        gate_batches.check(company.rt, [GHOST, KEY])
    assert not told.value.retryable
    assert company.verdicts()
    before = company.counts()["check_result"]
    with pytest.raises(SeveralError):
        gate_batches.check(company.rt, [GHOST, KEY])
    assert company.counts()["check_result"] == before
    with pytest.raises(SeveralError):
        gate_batches.decide(company.rt, [GHOST, KEY])
    assert oversight.decisions(company.rt, KEY)
    with pytest.raises(NotFoundError):
        gate_batches.check(company.rt, [GHOST])


@pytest.mark.parametrize(
    ("error", "again"),
    [(SourceUnavailableError("away"), True), (RuntimeError("odd"), True), (EvidenceError("other"), False)],
)
def test_a_batch_is_tried_again_if_that_may_help_any_of_it(
    company: Company, monkeypatch: pytest.MonkeyPatch, error: Exception, *, again: bool
) -> None:
    real = model_gate.check

    def check(rt: Runtime, key: VersionKey) -> list[str]:
        if key.model == "shaky":
            raise error
        return real(rt, key)

    monkeypatch.setattr(model_gate, "check", check)
    with pytest.raises(SeveralError) as told:
        gate_batches.check(company.rt, [VersionKey("shaky", 1), GHOST, KEY])
    assert told.value.retryable is again
    assert "shaky v1: " in str(told.value)
    assert company.verdicts()


def test_closed_and_undecided_versions_get_a_gate_and_open_ones_none(company: Company) -> None:
    planned: list[gate_batches.Batch] = [[(MODEL, 1)], [("nobody", 1)]]
    assert len(gate_batches.closed(company.rt, planned)) == 2
    company.run()
    assert gate_batches.blocked(company.rt, KEY) == ""
    assert gate_batches.closed(company.rt, planned) == [{"model": "nobody", "version": 1}]
    assert gate_batches.closed(company.rt, []) == []


def test_more_closed_gates_than_airflow_maps_are_named(company: Company) -> None:
    planned: list[gate_batches.Batch] = [[(f"m{number:04}", 1) for number in range(batches.MAPPED + 2)]]
    mapped, rest = gate_batches.closed(company.rt, planned), gate_batches.beyond(company.rt, planned)
    assert len(mapped) == batches.MAPPED
    assert rest.splitlines()[1:] == ["- m1024 v1", "- m1025 v1"]
    assert gate_batches.beyond(company.rt, [planned[0][:-2]]) == ""


def test_few_versions_have_a_task_each(company: Company) -> None:
    company.know(model(), model("other"))
    planned = gate_batches.plan(company.rt)
    assert planned
    assert all(len(batch) == 1 for batch in planned)
