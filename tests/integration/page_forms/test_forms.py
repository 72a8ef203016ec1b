# SPDX-License-Identifier: Apache-2.0
"""What people do from the pages: the same facts as from a shell, and every page shows how they stand."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from governance.core import hold_proof
from governance.core.approvals import Answer
from governance.core.terms import GateVerdict, VersionKey
from governance.core.waivers import WaiverState
from governance.store import oversight as oversight_facts
from governance.store.models_oversight import ApprovalRow
from tests.integration.browsing import (
    BLOCKED,
    REASON,
    ROOT,
    WAITING,
    Company,
    answer_form,
    case_form,
    waiver_form,
)
from tests.integration.page_forms.acts import (
    UNTIL,
    ask_waiver,
    order,
    unseen,
    verdict,
)


def test_a_waiver_is_asked_for_granted_and_revoked_and_each_page_shows_how_it_stands(there: Company) -> None:
    shown = there.see(waiver_form(), "tanaka")
    for told in ("2026-12-10", "Megumi Sato", "bias", "renewals at most: 1"):
        assert told.casefold() in shown.text.casefold()
    id_ = ask_waiver(there)
    assert "waiting" in there.see(f"/waivers/{id_}", "tanaka").text
    granted = there.send(f"/waivers/{id_}/grant", "sato", reason="the control is in place")
    assert granted.status_code == 303
    assert verdict(there, BLOCKED) is GateVerdict.PENDING
    report = there.see(f"/models/{BLOCKED.model}/versions/2", "sato").text
    for told in (id_, "an officer decides each case", UNTIL, "granted"):
        assert told.casefold() in report.casefold()
    assert there.send(f"/waivers/{id_}/revoke", "sato", reason="it did not help").status_code == 303
    assert verdict(there, BLOCKED) is GateVerdict.BLOCK
    (waiver,) = there.told()["waivers"]
    assert (waiver.state, waiver.requested_by, waiver.decided_by) == (WaiverState.REVOKED, "tanaka", "sato")
    assert there.refused() == []


def test_an_approval_is_answered_by_both_seats_and_opens_the_gate(there: Company) -> None:
    for seat, who in (("risk", "suzuki"), ("caio", "sato")):
        assert any("approvals/new" in link for link in there.see("/", who).links)
        assert "approvals/new" in " ".join(there.see(f"/models/{WAITING.model}/versions/3", who).links)
        answer = there.send(answer_form(seat), who, answer="approve", reason=REASON)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"{ROOT}/models/credit-scoring/versions/3?lang=en",
        )
    assert verdict(there, WAITING) is GateVerdict.PASS
    said = there.told()["answers"]
    assert {(r.seat, r.person, r.answer, r.reason) for r in said} == {
        ("risk", "suzuki", Answer.APPROVE, REASON),
        ("caio", "sato", Answer.APPROVE, REASON),
    }
    with there.rt.reading() as session:
        at = there.rt.current(session)
        rows = session.scalars(select(ApprovalRow)).all()
        assert at.as_of == there.clock.now
    assert {row.actor for row in rows} == {"sato", "suzuki"}
    assert all(row.source.startswith("page/") for row in rows)
    assert "version=3" not in " ".join(there.see("/", "sato").links)


def test_a_use_case_is_answered_for_from_its_page_and_a_change_to_it_is_named(there: Company) -> None:
    page = "/use-cases/credit-scoring"
    assert f"{ROOT}{page}?lang=en" in there.see("/use-cases", "suzuki").links
    assert any("approvals/use-case" in link for link in there.see("/", "suzuki").links)
    assert not any("approvals/use-case" in link for link in there.see(page, "sato").links)
    shown = there.see(case_form("risk"), "suzuki")
    for told in ("Use case", "use_case purpose: 個人ローンの可否を一次判定する", "Aoi Suzuki"):
        assert told in shown.text
    answer = there.send("", "suzuki", shown=shown, answer="approve", reason=REASON)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ROOT}{page}?lang=en")
    after = there.see(page, "sato")
    assert "approved by suzuki (risk: approve)" in after.text
    assert any("approvals/use-case" in link and "gate=G1" in link for link in after.links)
    assert "Hold this use case" in after.text
    late = there.see(case_form("risk", gate="G1"), "suzuki")
    content = there.rt.policy.model_dump(mode="json")
    content["use_cases"]["use_cases"]["credit-scoring"] |= {"audience": "internal", "tier": "high"}
    changed = type(there.rt.policy).model_validate(content, strict=False)
    there.serving._runtime = replace(there.rt, policy=changed)
    refused = there.send("", "suzuki", shown=late, answer="approve", reason=REASON)
    assert refused.status_code == 409
    assert "use_case audience: customers -&gt; internal" in refused.text


def test_a_use_case_that_nobody_knows_is_not_found(small: Company) -> None:
    for path in ("/use-cases/nobody", "/approvals/use-case?use_case=nobody&gate=G0&seat=risk"):
        assert small.ask(path, "suzuki").status_code == 404, path


def test_a_hold_closes_the_gates_at_once_and_is_not_proven_before_mlflow_says_so(there: Company) -> None:
    id_ = order(there)
    assert there.enforced == [(id_, "sato")]
    assert verdict(there, VersionKey("credit-scoring", 1)) is GateVerdict.BLOCK
    page = there.see(f"/holds/{id_}", "sato").text
    assert "Not proven" in page
    assert "within 5 minutes" in page
    there.runs[id_] = "running"
    assert "The run of the DAG emergency_hold: running" in there.see(f"/holds/{id_}", "sato").text
    assert "Not proven" in there.see("/models/credit-scoring/versions/1", "sato").text
    unreviewed = there.send(f"/holds/{id_}/release", "sato", conditions="retrained on corrected labels")
    assert unreviewed.status_code == 409
    assert "review first" in unreviewed.text
    assert f"/holds/{id_}" in " ".join(there.see("/", "ito").links)
    assert there.send(f"/holds/{id_}/review", "ito", finding="justified").status_code == 303
    assert f"/holds/{id_}" not in " ".join(there.see("/", "ito").links)
    assert there.send(f"/holds/{id_}/release", "sato", conditions="retrained").status_code == 303
    (hold,) = there.told()["holds"]
    assert (hold.review, hold.conditions, hold.released_by) == ("justified", "retrained", "sato")


def test_a_hold_whose_enforcement_cannot_be_asked_for_stands_all_the_same(small: Company) -> None:
    def down(_hold: str, _login: str) -> None:
        raise RuntimeError("Airflow's database is down")

    object.__setattr__(small.app.state.forms.access, "enforce", down)
    id_ = order(small)
    assert "Not proven" in small.see(f"/holds/{id_}", "sato").text
    assert [hold.id for hold in small.told()["holds"]] == [id_]


def test_a_hold_of_what_holds_no_protected_alias_says_so(small: Company) -> None:
    id_ = order(small, scope="version", target="credit-scoring/3")
    assert "Not proven" in small.see(f"/holds/{id_}", "sato").text
    (hold,) = small.told()["holds"]
    with small.rt.writing() as session:
        telling = small.rt.telling(session)
        looked = hold_proof.look(hold, "credit-scoring", (), now=telling.at)
        assert looked is not None
        oversight_facts.record_action(session, looked, telling)
    assert "Nothing to take away" in small.see(f"/holds/{id_}", "sato").text


def test_an_escalation_waits_for_its_seat_until_somebody_takes_note(there: Company) -> None:
    order(there)
    (mine,) = [id_ for id_, rule, _seat in there.told()["escalations"] if rule == "E-10"]
    assert f"{ROOT}/escalations/{mine}?lang=en" in there.see("/", "sato").links
    assert mine not in " ".join(there.see("/", "suzuki").links)
    shown = there.see(f"/escalations/{mine}", "sato")
    for _ in range(2):
        assert there.send("", "sato", shown=shown, note="the board is told").status_code == 303
    assert mine not in " ".join(there.see("/", "sato").links)
    assert there.told()["noted"] == [("sato", "the board is told")]
    assert "the board is told" in there.see(f"/escalations/{mine}", "sato").text
    other = there.send("", "suzuki/Approver", shown=unseen(f"/escalations/{mine}", "suzuki"), note="me too")
    assert other.status_code == 403
    assert there.refused()[-1][:2] == ("acknowledge E-10", "suzuki")
