# SPDX-License-Identifier: Apache-2.0
"""Holds on vendors, endpoints that are asked, limits that count from the order, and two people at the same second."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from governance.core.declared import DeclaredSystem, SystemKind
from governance.core.holds import HoldScope
from governance.core.terms import GateVerdict
from governance.errors import (
    ConflictError,
    GovernanceError,
    NotFoundError,
    PolicyError,
    RefusedError,
    SourceUnavailableError,
)
from governance.steps import alias_guard, gate_review, hold_enforcement, waiver_request
from governance.steps import emergency_hold as holds
from governance.store import oversight as facts
from governance.store.declared import record_declared
from tests.integration.databases import on_both
from tests.integration.releases import WHY, Release, at_once, rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.core.holds import Hold

TODAY = datetime.now(ZoneInfo("Asia/Tokyo")).date()


def place(there: Release, scope: HoldScope = HoldScope.MODEL, target: str = "", **changes: Any) -> Hold:
    told: dict[str, Any] = {"ground": "safety", "reason": "harm was reported", "login": "sato"}
    return holds.place(there.rt, scope, target or there.model, **(told | changes))


def escalated(there: Release) -> list[tuple[str, str, str]]:
    with there.rt.reading() as session:
        found = facts.escalations(session, there.rt.current(session))
        return [(e.rule, e.seat, str(e.text["en"])) for e in found]


def declare(there: Release, name: str, vendor: str, use_case: str | None, *, is_present: bool = True) -> None:
    system = DeclaredSystem(name, name, SystemKind.SAAS, "helps", vendor, use_case, is_present=is_present)
    with there.rt.writing() as session:
        record_declared(session, [system], "f" * 64, there.rt.telling(session))


def row(there: Release) -> dict[str, Any]:
    return holds.listing(there.rt)[0]


# --- vendors ------------------------------------------------------------------------------


@on_both
def test_a_hold_on_a_vendor_stops_the_use_case_whose_declared_system_comes_from_it(there: Release) -> None:
    declare(there, "scorer", "Acme Corp", "credit-scoring")
    declare(there, "meeting-notes", "ACME corp", None)
    placed = place(there, HoldScope.VENDOR, "ａｃｍｅ  corp")
    assert placed.target == "ACME corp"
    assert there.decision(1).verdict is GateVerdict.BLOCK
    enforced = hold_enforcement.enforce(there.rt, placed.id)
    assert enforced.removed == (f"{there.model}@champion (v1)",)
    assert enforced.out_of_reach == ("meeting-notes",)
    assert "champion" not in there.aliases()
    assert any("nothing in MLflow stops meeting-notes" in text for _rule, _seat, text in escalated(there))
    assert row(there)["out_of_reach"] == ["meeting-notes"]
    # Whoever gives it back trespasses, as with any hold.
    there.point("champion", 1)
    assert alias_guard.guard(there.rt)["acted"] == {"enforce done": 1}
    assert "champion" not in there.aliases()
    assert row(there)["late"] == ""
    holds.release(there.rt, placed.id, conditions="another vendor took over", login="sato")
    assert there.decision(1).verdict is GateVerdict.PENDING


def test_a_hold_on_a_vendor_that_the_policy_names_stops_its_use_case(there: Release) -> None:
    bought = there.under(rules(there.model, use_cases={"use_cases": {"credit-scoring": {"vendors": ["Acme"]}}}))
    enforced = hold_enforcement.enforce(bought.rt, place(bought, HoldScope.VENDOR, "acme").id)
    assert (enforced.removed, enforced.out_of_reach) == ((f"{there.model}@champion (v1)",), ())
    assert bought.decision(2).verdict is GateVerdict.BLOCK


def test_a_vendor_whose_systems_serve_nothing_in_mlflow_is_held_and_nobody_is_led_to_believe_it_stopped(
    there: Release,
) -> None:
    declare(there, "meeting-notes", "Acme", None)
    placed = place(there, HoldScope.VENDOR, "acme")
    enforced = holds.enforced(there.rt, placed.id)
    assert (enforced["removed"], enforced["seconds"], enforced["out_of_reach"]) == ([], None, ["meeting-notes"])
    assert there.aliases()["champion"] == 1
    assert row(there)["state"] == "live"


def test_a_vendor_that_nobody_knows_or_whose_systems_are_out_of_use_cannot_be_held(there: Release) -> None:
    declare(there, "old-notes", "Acme", "credit-scoring")
    declare(there, "old-notes", "Acme", "credit-scoring", is_present=False)
    for name in ("Acme", "Nobody", " "):
        with pytest.raises(NotFoundError, match="no use case stands on such a vendor") as refused:
            place(there, HoldScope.VENDOR, name)
        assert "use_cases.yaml" in str(refused.value.hint)
    assert holds.listing(there.rt) == []


# --- endpoints ----------------------------------------------------------------------------


class _Serving(BaseHTTPRequestHandler):
    server: Serving

    def do_GET(self) -> None:
        self.server.asked += 1
        answer = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        if answer is None:
            time.sleep(1.5)
            return
        self.send_response(answer)
        self.send_header("location", "/gone")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Serving(ThreadingHTTPServer):
    """Where a model is served; it gives `answers` one after the other, the last for ever; None: no answer in time."""

    daemon_threads = True

    def __init__(self, *answers: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Serving)
        self.answers, self.asked = list(answers), 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


@contextmanager
def served(there: Release, *answers: int | None, hosts: str = "{}") -> Iterator[tuple[Serving, Release]]:
    with Serving(*answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = {there.model: {"url": f"http://{server.host}/ping", "stopped": [404, 410]}}
        allowed = there.rt.settings.model_copy(update={"probe_hosts": hosts.format(server.host)})
        rt = replace(there.rt, settings=allowed, policy=rules(there.model, holds={"endpoints": endpoint}))
        try:
            yield server, replace(there, rt=rt)
        finally:
            server.shutdown()


def wait(_seconds: float) -> None:
    """Wait no time at all."""


def test_an_endpoint_is_asked_until_it_answers_as_it_does_once_stopped(there: Release) -> None:
    with served(there, 200, 302, 500, 410, hosts="other.example, {}") as (server, at):
        placed = place(at)
        enforced = hold_enforcement.enforce(at.rt, placed.id, sleep=wait)
        assert enforced.removed == (f"{there.model}@champion (v1)",)
        assert (enforced.stopped, enforced.in_time) == ((f"{there.model}: HTTP 410",), True)
        assert enforced.seconds is not None
        assert server.asked == 4
        assert hold_enforcement.enforce(at.rt, placed.id, sleep=wait) == enforced
        assert server.asked == 4
        # A trespass later has to be proven again, at the endpoint too.
        there.point("champion", 1)
        alias_guard.guard(at.rt)
        assert row(at)["missing"] == [f"endpoint of {there.model}"]
        assert alias_guard.guard(at.rt)["unproven"] == []
        assert (server.asked, row(at)["missing"]) == (5, [])
    with there.rt.reading() as session:
        [first, _second] = [a for a in facts.actions(session, there.rt.current(session)) if a.kind == "probe"]
    assert (first.proof["status"], first.seconds) == (410, enforced.seconds)
    assert datetime.fromisoformat(first.proof["read_at"]) >= placed.ordered_at


def test_an_endpoint_that_answers_otherwise_or_not_at_all_proves_nothing(
    there: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.sources.endpoints.SECONDS", 0.5)
    with served(there, 200) as (server, at):
        placed = place(at)
        for answer in (200, 301, 403, 500, None):
            server.answers = [answer]
            with pytest.raises(SourceUnavailableError, match=r"is not proven: [Tt]he endpoint"):
                hold_enforcement.enforce(at.rt, placed.id, patience=0)
            assert row(at)["missing"] == [f"endpoint of {there.model}"]
        assert "champion" not in there.aliases()
        there.clock.pass_(minutes=16)
        for _ in range(2):
            assert alias_guard.guard(at.rt)["unproven"] == [placed.id]
        assert row(at)["late"] == "late"
        assert len([text for _rule, _seat, text in escalated(there) if "cannot be proven" in text]) == 1


def test_an_endpoint_on_a_host_that_is_not_allowed_is_never_asked(there: Release) -> None:
    with served(there, 410) as (server, at):
        placed = place(at)
        for hosts in ("", "127.0.0.1", "localhost,serving.example", f"{server.host}.example"):
            settings = at.rt.settings.model_copy(update={"probe_hosts": hosts})
            with pytest.raises(PolicyError, match="may not be asked"):
                hold_enforcement.enforce(replace(at.rt, settings=settings), placed.id)
        assert server.asked == 0
        assert "champion" not in there.aliases()
        assert row(at)["missing"] == [f"endpoint of {there.model}"]
        assert any("may not be asked" in text for _rule, _seat, text in escalated(there))


def test_an_endpoint_that_serves_another_version_lawfully_is_not_to_stop(there: Release) -> None:
    there.point("champion", 2)
    with served(there, 200) as (server, at):
        enforced = hold_enforcement.enforce(at.rt, place(at, HoldScope.VERSION, f"{there.model}/1").id)
        assert (enforced.removed, enforced.stopped, server.asked) == ((), (), 0)
        assert row(at)["missing"] == []
        with pytest.raises(SourceUnavailableError):
            hold_enforcement.enforce(at.rt, place(at, HoldScope.VERSION, f"{there.model}/2").id, patience=0)


# --- the limit ----------------------------------------------------------------------------


def test_the_limit_counts_from_the_order_and_is_told_once_however_often_it_is_tried(there: Release) -> None:
    placed = place(there)
    there.line.broken = lambda _method, _path: True
    there.clock.pass_(minutes=16)
    waited: list[float] = []
    for _ in range(2):
        with pytest.raises(SourceUnavailableError, match="is not proven"):
            hold_enforcement.enforce(there.rt, placed.id, sleep=waited.append)
    assert waited == []
    assert (row(there)["late"], row(there)["missing"]) == ("late", [there.model])
    assert len([text for _rule, _seat, text in escalated(there) if "cannot be proven" in text]) == 1
    there.line.broken = lambda _method, _path: False
    enforced = hold_enforcement.enforce(there.rt, placed.id, sleep=waited.append)
    assert (enforced.removed, enforced.in_time) == ((f"{there.model}@champion (v1)",), False)
    assert (row(there)["late"], row(there)["missing"]) == ("late", [])


def test_that_nothing_held_an_alias_is_proven_too(there: Release) -> None:
    placed = place(there, HoldScope.VERSION, f"{there.model}/2")
    assert row(there)["missing"] == [there.model]
    enforced = hold_enforcement.enforce(there.rt, placed.id)
    assert (enforced.removed, enforced.seconds, enforced.in_time) == ((), None, True)
    there.clock.pass_(days=1)
    assert (row(there)["late"], row(there)["missing"]) == ("", [])


def test_a_released_hold_takes_nothing_away_any_more(there: Release) -> None:
    placed = place(there)
    holds.release(there.rt, placed.id, conditions="a false alarm", login="sato")
    assert hold_enforcement.enforce(there.rt, placed.id).removed == ()
    assert there.aliases()["champion"] == 1


def test_one_model_that_fails_keeps_no_other_in_service(there: Release) -> None:
    other = f"{there.model}-other"
    there.register(1, other)
    there.point("champion", 1, other)
    there.sync()
    both = {"use_cases": {"credit-scoring": {"models": [there.model, other]}}}
    at = there.under(rules(there.model, use_cases=both))
    there.line.broken = lambda method, path: method == "GET" and path.endswith(f"name={there.model}")
    with pytest.raises(SourceUnavailableError, match="is not proven"):
        hold_enforcement.enforce(at.rt, place(at, HoldScope.USE_CASE, "credit-scoring").id, patience=0)
    assert there.aliases()["champion"] == 1
    assert there.aliases(other) == {}
    there.mlflow("DELETE", "registered-models/delete", name=other)


# --- at the same second -------------------------------------------------------------------


@on_both
def test_of_a_review_and_a_release_at_the_same_second_neither_is_lost(there: Release) -> None:
    placed = place(there)  # not an emergency: it may be released unreviewed
    ended = at_once(
        lambda: holds.review(there.rt, placed.id, finding="justified", login="ito"),
        lambda: holds.release(there.rt, placed.id, conditions="retrained", login="sato"),
    )
    assert not any(isinstance(one, GovernanceError) for one in ended)
    [hold] = hold_enforcement.known(there.rt).holds.values()
    assert (hold.review, hold.conditions) == ("justified", "retrained")


@on_both
def test_of_two_releases_or_two_findings_at_the_same_second_one_counts_and_one_is_refused(there: Release) -> None:
    placed = place(there, emergency=True)
    findings = ("justified", "not justified")
    acts = [lambda said=said: holds.review(there.rt, placed.id, finding=said, login="ito") for said in findings]
    [refused] = [one for one in at_once(*acts) if isinstance(one, GovernanceError)]
    assert "reviewed already" in str(refused)
    said = ("retrained", "none: a false alarm")
    releases = [lambda told=told: holds.release(there.rt, placed.id, conditions=told, login="sato") for told in said]
    ended = at_once(*releases)
    [refused] = [one for one in ended if isinstance(one, GovernanceError)]
    [kept] = [one for one in ended if not isinstance(one, GovernanceError)]
    assert isinstance(refused, RefusedError)
    assert f"released already (sato: {kept.conditions})" in str(refused)
    [hold] = hold_enforcement.known(there.rt).holds.values()
    assert hold == kept
    assert hold.review in findings
    # The same again says nothing new, and is not refused.
    assert holds.release(there.rt, placed.id, conditions=kept.conditions, login="sato") == kept


@on_both
def test_the_same_order_at_the_same_second_is_one_hold_and_of_two_decisions_on_a_waiver_one_counts(
    there: Release,
) -> None:
    there.blocked()
    asked = there.waive(9)
    decide = [
        lambda grant=grant: waiver_request.decide(there.rt, asked.id, grant=grant, reason=WHY, login="sato")
        for grant in (True, False)
    ]
    ended = at_once(*decide)
    [failed] = [one for one in ended if isinstance(one, GovernanceError)]
    assert isinstance(failed, ConflictError | RefusedError)
    [kept] = [one for one in ended if not isinstance(one, GovernanceError)]
    assert [one["state"] for one in waiver_request.listing(there.rt)] == [kept.state]
    first, second = at_once(lambda: place(there), lambda: place(there))
    assert first == second
    assert len(holds.listing(there.rt)) == 1
    assert len([rule for rule, _seat, _text in escalated(there) if rule == "E-10"]) == 1


@on_both
def test_of_two_different_waivers_asked_for_at_the_same_second_one_is_refused_and_the_limit_holds(
    there: Release,
) -> None:
    there.blocked()
    there.grant(there.waive(1))
    ended = at_once(*(lambda days=days: there.waive(days) for days in range(2, 6)))
    [renewal] = [one for one in ended if not isinstance(one, GovernanceError)]
    refused = [one for one in ended if isinstance(one, GovernanceError)]
    assert all(isinstance(one, RefusedError) and "already waiting for an answer" in str(one) for one in refused)
    there.grant(renewal)
    with pytest.raises(RefusedError, match="which is the limit"):
        there.waive(9)
    assert len(waiver_request.listing(there.rt)) == 2


@on_both
def test_of_two_answers_for_one_seat_at_the_same_second_one_counts_and_one_is_refused(there: Release) -> None:
    question = gate_review.question(there.rt, there.key(2), "G4", "risk")
    said = ("approve", "reject")
    ended = at_once(*(lambda said=one: gate_review.answer(there.rt, question, "suzuki", said, WHY) for one in said))
    [refused] = [one for one in ended if isinstance(one, GovernanceError)]
    [kept] = [one for one in ended if not isinstance(one, GovernanceError)]
    with there.rt.reading() as session:
        [given] = facts.responses(session, there.rt.current(session))
    assert isinstance(refused, RefusedError)
    assert f"risk has already said {given.answer}" in str(refused)
    assert given.id == kept


def test_an_order_after_a_release_within_the_same_minute_is_an_order(there: Release) -> None:
    first = place(there)
    holds.release(there.rt, first.id, conditions="a false alarm", login="sato")
    second = place(there)
    assert second.id != first.id
    assert second.is_live


# --- seats --------------------------------------------------------------------------------


def without(there: Release, *left: str, **people: Any) -> Release:
    """The same company after these people left."""
    gone = {person: {"left_on": TODAY.isoformat()} for person in left}
    return there.under(rules(there.model, people={"people": gone, **people}))


def test_a_seat_that_nobody_holds_is_told_once_to_the_caio_and_the_caios_own_to_the_secretary(there: Release) -> None:
    vacant = without(there, "suzuki")
    for _ in range(2):
        assert {q.seat for q in gate_review.ask(vacant.rt)} == {"caio"}
    told = [(seat, text) for rule, seat, text in escalated(there) if rule == "E-26"]
    assert sorted(told) == [("caio", f"G4 {there.model} v{n}: nobody holds the seat risk") for n in (1, 2)]
    gate_review.ask(without(there, "sato").rt)
    told = [(seat, text) for rule, seat, text in escalated(there) if rule == "E-26" and "risk" not in text]
    assert sorted(told) == [("secretary", f"G4 {there.model} v{n}: nobody holds the seat caio") for n in (1, 2)]


def test_a_seat_that_somebody_stands_in_for_is_asked_and_not_called_vacant(there: Release) -> None:
    stands_in = {"seat": "risk", "to": "takahashi", "since": TODAY.isoformat(), "until": TODAY.isoformat()}
    at = without(there, "suzuki", delegations=[stands_in])
    assert {q.seat for q in gate_review.ask(at.rt)} == {"risk", "caio"}
    assert [rule for rule, _seat, _text in escalated(there) if rule == "E-26"] == []
    there.clock.pass_(days=1)
    question = gate_review.question(at.rt, there.key(2), "G4", "risk")
    with pytest.raises(RefusedError, match="nobody holds the seat risk today"):
        gate_review.answer(at.rt, question, "takahashi", "approve", WHY)


def test_an_approver_who_left_while_the_question_was_open_is_refused_by_that_reason_and_recorded(
    there: Release,
) -> None:
    [question] = [q for q in gate_review.ask(there.rt) if (q.seat, q.version) == ("risk", 2)]
    later = without(there, "suzuki")
    with pytest.raises(RefusedError, match=f"suzuki left on {TODAY}"):
        gate_review.answer(later.rt, question, "suzuki", "approve", WHY)
    with there.rt.reading() as session:
        [refused] = facts.refusals(session, there.rt.current(session))
    assert (refused.action, refused.person) == ("approve G4", "suzuki")
    assert f"suzuki left on {TODAY}" in refused.why
