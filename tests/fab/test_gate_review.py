# SPDX-License-Identifier: Apache-2.0
"""Approval and hold under a real Airflow with FAB's login: what an attacker does there opens nothing, and is recorded."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from governance.core.terms import GateVerdict, UseCaseKey, Verdict
from governance.steps import alias_guard, gate_review, oversight, promotion, waiver_request
from governance.store import oversight as facts
from tests.airflow_server import World, working
from tests.factories import shipped
from tests.integration.mlflow_server import mlflow_server
from tests.integration.releases import WHY, release

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.in_order]

MODEL = "lending"
PEOPLE = {"sato": "CAIO", "suzuki": "Approver", "takahashi": "Approver", "tanaka": "Model Owner", "mallory": "Admin"}


class Reviewed(World):
    def refusals(self) -> list[tuple[str, str, str]]:
        with self.there.rt.reading() as session:
            found = facts.refusals(session, self.there.rt.current(session))
            return [(refusal.action, refusal.person, refusal.why) for refusal in found]

    def responses(self) -> list[tuple[str, int, str]]:
        with self.there.rt.reading() as session:
            found = facts.responses(session, self.there.rt.current(session))
        return [(r.seat, r.subject.version, r.person) for r in found]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewed]:
    home = tmp_path_factory.mktemp("review")
    dags = ("gate_review", "emergency_hold", "waiver_request")
    with (
        mlflow_server(tmp_path_factory.mktemp("mlflow")) as uri,
        release(home, uri, MODEL) as there,
        working(home, there, PEOPLE, *dags) as found,
    ):
        yield Reviewed(found.airflow, there, found.admin)


def _answer(world: Reviewed, who: str, run: str, index: int, said: str, reason: str) -> int:
    path = f"dags/gate_review/dagRuns/{run}/taskInstances/ask/{index}/hitlDetails"
    body = {"chosen_options": [said], "params_input": {"reason": reason}}
    return world.ask(who, "PATCH", path, json=body).status_code


def _mark(world: Reviewed, run: str, index: int) -> int:
    path = f"dags/gate_review/dagRuns/{run}/taskInstances/ask/{index}"
    return world.ask("mallory", "PATCH", path, json={"new_state": "success"}).status_code


def _waiting(world: Reviewed, run: str) -> dict[str, int]:
    """Label -> map index of the tasks that wait for an answer."""
    return {
        task["rendered_map_index"]: index
        for (name, index), task in world.tasks("gate_review", run).items()
        if name == "ask" and task["state"] == "awaiting_input"
    }


def _is_told(world: Reviewed, why: str) -> bool:
    return any(why in said for _, _, said in world.refusals())


def test_what_an_attacker_does_in_airflow_opens_no_gate_and_is_recorded(world: Reviewed) -> None:
    # Switched on, the schedule starts it.
    world.until("it runs", lambda: bool(world.runs("gate_review")))
    [run] = world.runs("gate_review")
    world.until("four seats are asked", lambda: len(_waiting(world, run)) == 4)
    asked = _waiting(world, run)
    risk, caio = asked[f"G4 {MODEL} v2 risk"], asked[f"G4 {MODEL} v2 caio"]
    first, other = asked[f"G4 {MODEL} v1 risk"], asked[f"G4 {MODEL} v1 caio"]
    time.sleep(6)  # an answer within seconds of parking can be lost: the next try asks again

    # Somebody without the permission; somebody with it, but another seat; the right one without a reason.
    assert _answer(world, "tanaka", run, risk, "approve", WHY) == 403
    for who, reason, why in (("takahashi", WHY, "does not hold the seat"), ("suzuki", " ", "no reason")):
        assert _answer(world, who, run, risk, "approve", reason) == 200
        world.until(f"{who} is refused", partial(_is_told, world, why))
        world.until("it is asked again", lambda: risk in _waiting(world, run).values())
        time.sleep(6)
    assert world.responses() == []

    # The right one, and the same one again.
    assert _answer(world, "suzuki", run, risk, "approve", WHY) == 200
    world.until("the answer is recorded", lambda: world.responses() == [("risk", 2, "suzuki")])
    world.until("the task ends", lambda: world.tasks("gate_review", run)["ask", risk]["state"] == "success")
    assert _answer(world, "suzuki", run, risk, "reject", WHY) == 409

    # Marked as success; marked, and an answer forged in XCom.
    assert _mark(world, run, caio) == 200
    assert _mark(world, run, other) == 200
    forged = {"key": "return_value", "value": "f" * 64, "map_index": first}
    entries = f"dags/gate_review/dagRuns/{run}/taskInstances/ask/xcomEntries"
    assert world.ask("mallory", "POST", entries, json=forged).status_code == 201
    assert _mark(world, run, first) == 200

    world.until("the run ends", lambda: world.run_state("gate_review", run) in {"success", "failed"})
    bypassed = [said for action, _, said in world.refusals() if action == "bypass approval"]
    assert len([said for said in bypassed if "ended without an answer" in said]) == 3
    assert len([said for said in bypassed if "no such answer" in said]) == 1

    # Cleared, the answered task asks nobody and loses nothing.
    body = {"dag_run_id": run, "task_ids": [["ask", risk]], "dry_run": False, "only_failed": False}
    assert world.ask("mallory", "POST", "dags/gate_review/clearTaskInstances", json=body).status_code == 200
    world.until("it runs again", lambda: world.tasks("gate_review", run)["ask", risk]["try_number"] >= 4)
    world.until("it ends", lambda: world.tasks("gate_review", run)["ask", risk]["state"] == "success")
    assert world.responses() == [("risk", 2, "suzuki")]

    assert world.there.decision(2).verdict is GateVerdict.PENDING
    assert promotion.promotable(world.there.rt) == []
    alias_guard.guard(world.there.rt)
    assert world.there.aliases().get("champion") != 2


def test_a_waiver_is_asked_for_by_form_in_the_name_of_whoever_filled_it_in(world: Reviewed) -> None:
    world.there.point("champion", 1)  # only what serves, or is to serve, stands at the gate
    world.there.sync()
    world.there.measured(1, "bias", Verdict.FAIL)
    world.there.decide(1)
    until = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    form = {"model": MODEL, "version": 1, "gate": "G4", "check": "bias", "reason": WHY, "control": "by hand"}
    run = world.trigger("tanaka", "waiver_request", **form, until=until)
    world.until("the run ends", lambda: world.run_state("waiver_request", run) in {"success", "failed"})
    [asked] = waiver_request.listing(world.there.rt)
    assert (asked["state"], asked["requested_by"], asked["expires_on"]) == ("requested", "tanaka", until)
    denied = world.ask("tanaka", "POST", "dags/emergency_hold/dagRuns", json={"logical_date": None, "conf": {}})
    assert denied.status_code == 403


def test_the_guard_promotes_what_was_approved_and_nothing_else(world: Reviewed) -> None:
    rt = world.there.rt
    gate_review.answer(rt, gate_review.question(rt, world.there.key(2), "G4", "caio"), "sato", "approve", WHY)
    assert world.there.decision(2).verdict is GateVerdict.PASS
    assert world.ask("mallory", "PATCH", "dags/alias_guard", json={"is_paused": False}).status_code == 200
    world.until("the candidate serves", lambda: world.there.aliases().get("champion") == 2)
    world.until("its run ends", lambda: world.run_state("alias_guard", world.runs("alias_guard")[0]) == "success")
    decision = world.there.decision(2)
    assert world.there.tags(2)["governance.decision"] == decision.id
    assert world.ask("mallory", "PATCH", "dags/alias_guard", json={"is_paused": True}).status_code == 200


def test_an_emergency_hold_is_proven_within_a_minute_although_mlflow_fails_for_half_of_it(world: Reviewed) -> None:
    assert world.there.aliases()["champion"] == 2
    until = time.monotonic() + 30
    world.there.line.broken = lambda _method, _path: time.monotonic() < until
    run = world.trigger("sato", "emergency_hold", target=MODEL, reason="harm was reported", ground="safety")
    world.until("the run ends", lambda: world.run_state("emergency_hold", run) in {"success", "failed"}, 90)
    assert world.run_state("emergency_hold", run) == "success"
    assert "champion" not in world.there.aliases()
    with world.there.rt.reading() as session:
        at = world.there.rt.current(session)
        [hold], done = facts.holds(session, at), facts.actions(session, at)
    seconds = [action.seconds for action in done if action.ground == hold.id]
    assert hold.ordered_by == "sato"
    assert len(seconds) == 1
    assert seconds[0] is not None
    assert seconds[0] <= 60


def test_a_use_case_that_is_held_back_is_red_and_its_seat_answers_in_the_same_form(world: Reviewed) -> None:
    policy = Path(world.airflow.environment["GOVERNANCE_POLICY_DIR"]) / "gates.yaml"
    content = json.loads(policy.read_text(encoding="utf-8"))
    content["gates"]["G0"] = shipped().gates.gates["G0"].model_dump(mode="json")
    policy.write_text(json.dumps(content), encoding="utf-8")
    world.unpause("use_case_gate")
    world.until("it runs", lambda: bool(world.runs("use_case_gate")))
    [run] = world.runs("use_case_gate")
    world.ended("use_case_gate", run)
    red = {
        task["rendered_map_index"] for task in world.tasks("use_case_gate", run).values() if task["state"] == "failed"
    }
    assert "use_case credit-scoring" in red
    assert "use_case product-quality" not in red
    label = "G0 use_case credit-scoring risk"

    def asks() -> list[tuple[str, int]]:
        waiting = {run: _waiting(world, run) for run in world.runs("gate_review")}
        return [(run, asked[label]) for run, asked in waiting.items() if label in asked]

    world.until("its seat is asked", lambda: bool(asks()))
    [(review, index)] = asks()
    time.sleep(6)
    assert _answer(world, "suzuki", review, index, "approve", WHY) == 200
    key = UseCaseKey("credit-scoring")
    decided = partial(oversight.decisions, world.there.rt, key)
    world.until("its gate opens", lambda: [one.verdict for one in decided()] == [GateVerdict.PASS])
