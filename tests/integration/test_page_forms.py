# SPDX-License-Identifier: Apache-2.0
"""What people do from the pages: the same facts as from a shell, held to roles, seats, tokens and what was shown."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from governance.core import hold_proof
from governance.core.airflow_roles import ROLES
from governance.core.approvals import Answer
from governance.core.holds import HoldScope
from governance.core.terms import GateVerdict, UseCaseKey, Verdict, VersionKey
from governance.core.waivers import WaiverState
from governance.errors import SourceUnavailableError
from governance.steps import emergency_hold, gate_review, oversight, waiver_request
from governance.store import gates as gate_facts
from governance.store import oversight as oversight_facts
from governance.store.models_oversight import ApprovalRow
from governance.web import tokens
from governance.web.deeds import DEEDS, MOST
from tests.integration import databases
from tests.integration.browsing import (
    ADDRESS,
    BLOCKED,
    HOSTILE,
    JAPANESE,
    KEY,
    REASON,
    ROOT,
    WAITING,
    Company,
    Shown,
    answer_form,
    case_form,
    company,
    filled,
    measured,
    waiver_form,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from pydantic import SecretStr

UNTIL = "2026-11-20"
ASKED = {"reason": "labels arrive in March", "control": "an officer decides each case", "until": UNTIL}
HELD = {
    "scope": "model",
    "target": "credit-scoring",
    "urgency": "emergency",
    "ground": "safety",
    "reason": "harm was reported",
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretStr]:
    with filled("sqlite", tmp_path_factory.mktemp("company")) as url:
        yield url


@pytest.fixture(scope="module", params=databases.KINDS)
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, SecretStr]]:
    with filled(request.param, tmp_path_factory.mktemp("either")) as url:
        yield request.param, url


@pytest.fixture
def there(either: tuple[str, SecretStr], tmp_path: Path) -> Iterator[Company]:
    with company(*either, tmp_path) as found:
        yield found


@pytest.fixture
def small(template: SecretStr, tmp_path: Path) -> Iterator[Company]:
    with company("sqlite", template, tmp_path) as found:
        yield found


def told_of(answer: httpx.Response) -> str:
    """Id of what a form led to."""
    return urlsplit(answer.headers["location"]).path.rpartition("/")[2]


def ask_waiver(there: Company, who: str = "tanaka", **changes: str) -> str:
    answer = there.send(waiver_form(), who, **(ASKED | changes))
    assert answer.status_code == 303, Shown(answer.text).text
    return told_of(answer)


def order(there: Company, **changes: str) -> str:
    answer = there.send("/holds/new", "sato", **(HELD | changes))
    assert answer.status_code == 303, Shown(answer.text).text
    return told_of(answer)


def verdict(there: Company, key: VersionKey) -> GateVerdict:
    with there.rt.reading() as session:
        return gate_facts.decisions_of(session, key, there.rt.current(session))["G4"].verdict


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


def unseen(path: str, who: str) -> Shown:
    """A form as it would be shown, for one that is closed by now."""
    shown = Shown("")
    shown.action = ROOT + path
    shown.fields = {"token": tokens.issue(KEY, tokens.Bound(who, path), time.time())}
    return shown


# --- who may ------------------------------------------------------------------------------

FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "ask_waiver": (waiver_form(), ASKED),
    "grant_waiver": ("/waivers/{waiver}/grant", {"reason": REASON}),
    "reject_waiver": ("/waivers/{waiver}/reject", {"reason": REASON}),
    "revoke_waiver": ("/waivers/{granted}/revoke", {"reason": REASON}),
    "answer": (answer_form("risk"), {"answer": "approve", "reason": REASON}),
    "answer_for_use_case": (case_form("risk", gate="G1"), {"answer": "approve", "reason": REASON}),
    "order_hold": ("/holds/new", HELD),
    "review_hold": ("/holds/{hold}/review", {"finding": "justified"}),
    "release_hold": ("/holds/{hold}/release", {"conditions": "retrained"}),
    "acknowledge": ("/escalations/{escalation}", {"note": "the board is told"}),
}
MAY = {
    "Governance Viewer": set[str](),
    "Model Owner": {"ask_waiver"},
    "Approver": {
        *("grant_waiver", "reject_waiver", "revoke_waiver", "review_hold", "acknowledge"),
        *("answer", "answer_for_use_case"),
    },
    "CAIO": set(FORMS) - {"ask_waiver"},
    "Auditor": set[str](),
    "Admin": set(FORMS),
}
"""What each role lets somebody try; whether they hold the seat is asked after."""


def places(there: Company) -> dict[str, str]:
    """A waiver that waits, one that was granted, a hold, an escalation and an approved intake, told by a shell."""
    key = VersionKey(JAPANESE, 1)
    said: dict[str, Any] = {
        "reason": "why",
        "control": "by hand",
        "expires_on": there.clock.now.date() + timedelta(days=9),
    }
    waits = waiver_request.request(there.rt, key, "G4", "bias", login="tanaka", **said)
    other = waiver_request.request(there.rt, VersionKey(HOSTILE, 1), "G4", "bias", login="tanaka", **said)
    granted = waiver_request.decide(there.rt, other.id, grant=True, reason=REASON, login="sato")
    hold = emergency_hold.place(there.rt, "model", JAPANESE, ground="safety", reason="harm", login="sato")
    intake = gate_review.question(there.rt, UseCaseKey("credit-scoring"), "G0", "risk")
    gate_review.answer(there.rt, intake, "suzuki", "approve", REASON)
    (told,) = [id_ for id_, rule, _seat in there.told()["escalations"] if rule == "E-10"]
    return {"waiver": waits.id, "granted": granted.id, "hold": hold.id, "escalation": told}


def test_the_table_names_every_form_and_every_role() -> None:
    assert set(FORMS) == {deed.name for deed in DEEDS}
    assert set(MAY) == {role.name for role in ROLES} | {"Admin"}


@pytest.mark.parametrize("role", MAY)
def test_each_role_may_do_what_it_is_for_and_the_rest_is_refused_and_recorded(small: Company, role: str) -> None:
    named = places(small)
    who, allowed = f"sato/{role}", MAY[role]
    if role == "Model Owner":
        who = f"tanaka/{role}"
    for name, (path, typed) in FORMS.items():
        address = path.format(**named)
        before = small.told()
        looked = small.ask(address, who).status_code
        answer = small.post(address, who, typed)
        assert looked == (200 if name in allowed else 403), name
        assert answer.status_code == 403, name  # a form without its token, at best
        after = small.told()
        if name in allowed:
            assert after == before, name
            continue
        assert {kind: rows for kind, rows in after.items() if kind != "refusals"} == {
            kind: rows for kind, rows in before.items() if kind != "refusals"
        }
        (new,) = Counter(after["refusals"]) - Counter(before["refusals"])
        assert new[:2] == (name.replace("_", " "), who.partition("/")[0])
        assert "Airflow does not let them" in new[2]


@pytest.mark.parametrize("role", MAY)
def test_nobody_is_offered_what_they_may_not_do(small: Company, role: str) -> None:
    named = places(small)
    order_link, ask_link, answer_link = "/holds/new", "/waivers/new", "/approvals/new"
    who = f"sato/{role}"
    links = " ".join(
        link
        for path in ("/", "/oversight", f"/waivers/{named['waiver']}", f"/waivers/{named['granted']}",
                     f"/holds/{named['hold']}", "/use-cases/credit-scoring", "/models/credit-scoring/versions/2", "/models/credit-scoring/versions/3")
        for link in small.see(path, who).links
    )  # fmt: skip
    offered = {
        "ask_waiver": ask_link in links,
        "grant_waiver": "/grant" in links,
        "reject_waiver": "/reject" in links,
        "revoke_waiver": "/revoke" in links,
        "answer": answer_link in links,
        "answer_for_use_case": "/approvals/use-case" in links,
        "order_hold": order_link in links,
        "release_hold": "/release" in links,
    }
    assert {name for name, is_there in offered.items() if is_there} == MAY[role] - {"review_hold", "acknowledge"}


@pytest.mark.parametrize(
    ("form", "who", "why"),
    [
        ("grant_waiver", "tanaka/Admin", "does not hold the seat"),
        ("grant_waiver", "suzuki/Admin", "does not hold the seat"),
        ("grant_waiver", "stranger/Admin", "is nobody in people.yaml"),
        ("revoke_waiver", "suzuki/Admin", "may revoke it"),
        ("answer", "sato/Admin", "does not hold the seat risk"),
        ("order_hold", "tanaka/Admin", "holds none of the seats"),
        ("release_hold", "suzuki/Admin", "holds none of the seats"),
        ("review_hold", "sato/Admin", "whoever ordered it"),
        ("acknowledge", "suzuki/Admin", "does not hold the seat caio"),
    ],
)
def test_the_role_alone_does_not_do_without_the_seat(small: Company, form: str, who: str, why: str) -> None:
    path, typed = FORMS[form]
    answer = small.send(path.format(**places(small)), who, **typed)
    assert answer.status_code == 403
    assert why in answer.text
    shown = Shown(answer.text)
    assert {name: shown.fields[name] for name in typed} == typed
    assert small.refused()[-1][1] == who.partition("/")[0]


def test_a_host_that_says_nothing_of_writing_lets_nobody_write(small: Company) -> None:
    object.__setattr__(small.app.state.forms.access, "key", b"")
    assert small.ask(waiver_form(), "tanaka/Admin").status_code == 403
    assert small.post(waiver_form(), "tanaka/Admin", ASKED).status_code == 403
    assert small.told()["waivers"] == []


# --- forged, late, twice ------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": ADDRESS},
        {"sec-fetch-site": "", "origin": ADDRESS},
    ],
)
def test_a_form_that_another_site_sends_is_refused_and_nothing_is_recorded(
    small: Company, headers: dict[str, str]
) -> None:
    shown = small.see(waiver_form(), "tanaka")
    before = small.told()
    answer = small.post(shown.action.removeprefix(ROOT), "tanaka", shown.fields | ASKED, **headers)
    assert answer.status_code == 403
    assert small.told() == before


@pytest.mark.parametrize(
    ("headers", "is_foreign"),
    [
        ({}, False),
        ({"origin": "http://airflow"}, False),
        ({"origin": "http://127.0.0.1:8080"}, False),
        ({"origin": "null"}, True),
        ({"origin": "http://[", "host": ""}, True),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "http://airflow.evil.example"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "https://proxied.example"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
    ],
)
def test_where_a_post_comes_from_is_told_by_its_headers(headers: dict[str, str], is_foreign: bool) -> None:  # noqa: FBT001
    told = {"host": "airflow"} | headers
    assert tokens.is_foreign(told, "http://127.0.0.1:8080") is is_foreign


def test_a_token_is_good_for_one_user_one_form_and_two_hours() -> None:
    key, bound = b"k" * 32, tokens.Bound("tanaka", "/waivers/new?model=a")
    token = tokens.issue(key, bound, 1_000)
    assert tokens.nonce(key, token, bound, 1_000 + tokens.LIFETIME) is not None
    assert tokens.nonce(key, token, bound, 1_001 + tokens.LIFETIME) is None
    others = (
        (b"x" * 32, token, bound),
        (b"", token, bound),
        (key, token, tokens.Bound("sato", bound.form)),
        (key, token, tokens.Bound("tanaka", "/waivers/new?model=b")),
        (key, token[:-1] + ("0" if token[-1] != "0" else "1"), bound),
        (key, f"9{token}", bound),
        (key, "", bound),
        (key, "a.b.c.d", bound),
        (key, "ü.ü.ü", bound),
        (key, tokens.issue(key, tokens.Bound("tanaka\n/waivers/new?model=a", ""), 1_000), bound),
    )
    assert [tokens.nonce(*other, 1_000) for other in others] == [None] * len(others)
    assert tokens.nonce(key, token, bound, 1_000) != tokens.nonce(key, tokens.issue(key, bound, 1_000), bound, 1_000)


@pytest.mark.parametrize("wrong", ["", "forged", "another's", "another form's", "expired"])
def test_a_form_without_a_good_token_comes_back_as_typed_and_nothing_is_done(small: Company, wrong: str) -> None:
    shown, key = small.see(waiver_form(), "tanaka"), KEY
    address = shown.action.removeprefix(ROOT).replace("&lang=en", "")
    bad = {
        "": "",
        "forged": "9999999999.0011223344556677." + "0" * 64,
        "another's": tokens.issue(key, tokens.Bound("sato", address), time.time()),
        "another form's": small.see(waiver_form(VersionKey(HOSTILE, 1)), "tanaka").fields["token"],
        "expired": tokens.issue(key, tokens.Bound("tanaka", address), time.time() - tokens.LIFETIME - 1),
    }[wrong]
    answer = small.post(address, "tanaka", ASKED | {"token": bad})
    assert answer.status_code == 403
    assert "too old" in answer.text or "期限が切れた" in answer.text
    again = Shown(answer.text)
    assert {name: again.fields[name] for name in ASKED} == ASKED
    assert small.told()["waivers"] == []
    assert small.send("", "tanaka", shown=again).status_code == 303


def test_a_form_that_is_sent_twice_is_one_fact(there: Company) -> None:
    named = places(there)
    forms = {name: (path.format(**named), typed) for name, (path, typed) in FORMS.items()}
    people = {"ask_waiver": "tanaka", "answer": "suzuki", "answer_for_use_case": "suzuki", "review_hold": "ito"}
    forms.pop("reject_waiver")
    for name, (path, typed) in forms.items():
        who = f"{people.get(name, 'sato')}/Admin"
        shown = there.see(path, who)
        first = there.send("", who, shown=shown, **typed)
        told = there.told()
        size = len(there.told()["refusals"])
        there.clock.pass_(minutes=2)
        second = there.send("", who, shown=shown, **typed)
        assert (first.status_code, second.status_code) == (303, 303), name
        assert first.headers["location"] == second.headers["location"], name
        assert there.told() == told, name
        assert size == len(there.told()["refusals"]), name


def test_a_refused_form_that_is_sent_twice_is_one_refusal(small: Company) -> None:
    named = places(small)
    shown = small.see(f"/waivers/{named['waiver']}/grant", "suzuki")
    for _ in range(2):
        assert small.send("", "suzuki", shown=shown, reason=REASON).status_code == 403
    assert len(small.refused()) == 1
    assert small.send(f"/waivers/{named['waiver']}/grant", "suzuki", reason=REASON).status_code == 403
    assert len(small.refused()) == 2


def test_a_form_sent_twice_at_the_same_instant_is_one_fact(there: Company) -> None:
    shown = there.see("/holds/new", "sato")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: there.send("", "sato", shown=shown, **HELD), range(4)))
    assert {answer.status_code for answer in answers} == {303}
    assert len(there.told()["holds"]) == 1


def test_of_two_people_who_decide_at_the_same_second_one_is_told_that_it_is_decided(there: Company) -> None:
    id_ = ask_waiver(there)
    forms = [there.see(f"/waivers/{id_}/{what}", who) for what, who in (("grant", "sato"), ("reject", "sato/Admin"))]
    start = threading.Barrier(2)

    def send(shown: Shown) -> int:
        start.wait()
        return there.send("", "sato/Admin", shown=shown, reason=REASON).status_code

    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(send, forms))
    assert codes == [303, 409]
    (waiver,) = there.told()["waivers"]
    assert waiver.state in {WaiverState.ACTIVE, WaiverState.REJECTED}


def test_what_was_decided_meanwhile_is_a_conflict_and_says_so(small: Company) -> None:
    id_ = ask_waiver(small)
    shown = small.see(f"/waivers/{id_}/reject", "sato")
    assert small.send(f"/waivers/{id_}/grant", "sato", reason=REASON).status_code == 303
    late = small.send("", "sato", shown=shown, reason=REASON)
    assert late.status_code == 409
    assert "active by now" in late.text


def test_an_answer_to_facts_that_changed_meanwhile_is_refused_with_the_fact(there: Company) -> None:
    shown = there.see(answer_form("risk"), "suzuki")
    there.clock.pass_(minutes=1)
    measured(there.rt, WAITING, "performance", Verdict.FAIL)
    for refresh in (False, True):
        if refresh:
            oversight.refresh(there.rt, WAITING.model)
        answer = there.send("", "suzuki", shown=shown, answer="approve", reason=REASON)
        assert answer.status_code == 409
        told = Shown(answer.text)
        assert "check performance: pass -> fail" in " ".join(told.text.split()).replace("-&gt;", "->")
        assert told.fields["reason"] == REASON
    assert there.told()["answers"] == []
    assert there.refused()[-1][:2] == ("approve G4", "suzuki")


def test_a_code_that_was_never_shown_is_refused(small: Company) -> None:
    shown = small.see(answer_form("risk"), "suzuki")
    for wrong, code in (("0" * 64, 409), ("f" * 63, 422), ("", 422), ("<script>", 422)):
        assert small.send("", "suzuki", shown=shown, answer="approve", reason=REASON, facts=wrong).status_code == code
    assert small.told()["answers"] == []


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        waiver_form(VersionKey("nobody", 1)),
        waiver_form(VersionKey("credit-scoring", 9)),
        waiver_form(gate="G9"),
        waiver_form().replace("version=2", "version=x"),
        waiver_form().replace("version=2", "version=0"),
        waiver_form().replace("version=2", "version=" + "9" * 40),
        waiver_form().replace("version=2", "version="),
        "/waivers/new",
        "/waivers/new?model=" + "x" * 1_001 + "&version=1&gate=G4&check=bias",
        "/waivers/W-0/grant",
        "/waivers/W-0/revoke",
        "/waivers/W-0",
        "/waivers/%00",
        "/waivers/<script>/grant",
        answer_form("risk", VersionKey("nobody", 1)),
        answer_form("risk", gate="G9"),
        "/approvals/new?model=%00&version=1&gate=G4&seat=risk",
        "/holds/H-0",
        "/holds/H-0/review",
        "/holds/H-0/release",
        "/holds/nonsense/release",
        "/escalations/" + "0" * 64,
        "/escalations/x",
    ],
)
def test_what_is_unknown_is_not_found_and_nothing_is_recorded(small: Company, path: str) -> None:
    there = small
    before = there.told()
    looked = there.ask(path, "sato/Admin")
    assert looked.status_code == 404, looked.text
    assert "Traceback" not in looked.text
    shown = unseen(path, "sato")
    typed = (
        ASKED
        | HELD
        | {"answer": "approve", "facts": "0" * 64, "finding": "justified", "conditions": "x" * 9, "note": "noted"}
    )
    sent = there.send("", "sato/Admin", shown=shown, **typed)
    assert sent.status_code in {404, 405} if path.count("/") == 2 else sent.status_code == 404, sent.text
    assert there.told() == before


@pytest.mark.parametrize("check", ["performance", "no-such-check", "approval", HOSTILE])
def test_a_check_that_closes_nothing_is_not_offered(small: Company, check: str) -> None:
    page = small.see(waiver_form(check=check), "tanaka")
    assert page.action == ""
    assert "cannot be waived now" in page.text
    sent = small.send("", "tanaka", shown=unseen(waiver_form(check=check), "tanaka"), **ASKED)
    assert sent.status_code == 404


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "   \n\t "}, "reason"),
        ({"reason": "why"}, "reason"),
        ({"reason": "x" * (MOST + 1)}, "reason"),
        ({"control": ""}, "control"),
        ({"control": "長" * (MOST + 1)}, "control"),
        ({"until": ""}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"until": "2026-1-1"}, "until"),
    ],
)
def test_what_is_missing_too_long_or_no_day_is_marked_and_kept(
    small: Company, typed: dict[str, str], field: str
) -> None:
    answer = small.send(waiver_form(), "tanaka", **(ASKED | typed))
    assert answer.status_code == 422
    assert f'aria-describedby="{field}-wrong"' in answer.text
    shown = Shown(answer.text)
    kept = {name: text for name, text in (ASKED | typed).items() if text.strip()}
    assert {name: shown.fields[name] for name in kept} == kept
    assert small.told()["waivers"] == []


@pytest.mark.parametrize("until", ["2026-11-09", "2026-12-11", "9999-12-31", "2026-02-30", "0000-00-00"])
def test_a_day_that_the_policy_forbids_or_that_is_none_is_refused_in_words(small: Company, until: str) -> None:
    answer = small.send(waiver_form(), "tanaka", **(ASKED | {"until": until}))
    assert answer.status_code == 422
    assert "2026-12-10" in answer.text
    assert small.told()["waivers"] == []


@pytest.mark.parametrize("target", ["nobody", "credit-scoring/9", HOSTILE, "\0", "../../etc"])
def test_a_hold_of_what_nobody_knows_is_not_found_and_nothing_typed_is_lost(there: Company, target: str) -> None:
    scope = "use_case" if target == HOSTILE else "version" if "/" in target else "model"
    answer = there.send("/holds/new", "sato", **(HELD | {"scope": scope, "target": target}))
    assert answer.status_code == 404
    assert Shown(answer.text).fields["reason"] == HELD["reason"]
    assert there.told()["holds"] == []


@pytest.mark.parametrize("model", [HOSTILE, JAPANESE])
def test_hostile_and_japanese_names_and_reasons_are_carried_whole_and_never_become_markup(
    there: Company, model: str
) -> None:
    key = VersionKey(model, 1)
    reason = f"理由 {HOSTILE}\r\nsecond line \0 end"
    answer = there.send(waiver_form(key), "tanaka", **(ASKED | {"reason": reason, "control": HOSTILE}))
    assert answer.status_code == 303
    (waiver,) = there.told()["waivers"]
    assert waiver.subject == key
    assert waiver.reason == f"理由 {HOSTILE}\nsecond line \u2400 end"
    for path in (
        f"/waivers/{waiver.id}",
        f"/waivers/{waiver.id}/grant",
        f"/models/{quote(model, safe='')}/versions/1",
        "/oversight",
        "/",
    ):
        page = there.ask(path, "sato").text
        assert "<script>alert" not in page
        assert "\u202e" not in page
    hold = order(there, target=model, reason=HOSTILE)
    assert "<script>alert" not in there.ask(f"/holds/{hold}", "sato").text


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"{}", "application/json", 415),
        (b"reason=x", "text/plain", 415),
        (b"", "multipart/form-data; boundary=x", 415),
        (b"reason=%ff%fe", "application/x-www-form-urlencoded", 422),
        (b"reason=\xff", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"a=1" for _ in range(99)), "application/x-www-form-urlencoded", 422),
        (b"reason=" + b"x" * 200_000, "application/x-www-form-urlencoded", 413),
        (b"", "application/x-www-form-urlencoded", 403),
    ],
)
def test_a_body_that_is_no_form_is_refused(small: Company, content: bytes, kind: str, code: int) -> None:
    answer = small.ask(waiver_form(), "tanaka", method="POST", content=content, headers={"content-type": kind})
    assert answer.status_code == code
    assert small.told()["waivers"] == []


# --- when the database fails ---------------------------------------------------------------


def test_a_database_that_fails_in_the_middle_gives_the_form_back_as_typed(
    small: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = small.see(waiver_form(), "tanaka")

    def down(*_args: object, **_options: object) -> None:
        raise OperationalError("INSERT", {}, Exception("server closed the connection"))

    with monkeypatch.context() as broken:
        broken.setattr(oversight_facts, "record_waiver", down)
        answer = small.send("", "tanaka", shown=shown, **ASKED)
        assert answer.status_code == 503
        assert "did not answer" in answer.text
        assert {name: Shown(answer.text).fields[name] for name in ASKED} == ASKED
    assert small.told()["waivers"] == []
    assert small.send("", "tanaka", shown=shown, **ASKED).status_code == 303


def test_a_form_is_not_shown_and_not_lost_while_the_database_is_down(
    small: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = small.see(waiver_form(), "tanaka")

    def down() -> None:
        raise SourceUnavailableError("the governance database did not answer", hint="Start it.")

    monkeypatch.setattr(type(small.serving), "runtime", lambda _: down())
    answer = small.send("", "tanaka", shown=shown, **ASKED)
    assert answer.status_code == 503
    assert {name: Shown(answer.text).fields[name] for name in ASKED} == ASKED
    assert small.ask(waiver_form(), "tanaka").status_code == 503


def test_a_hold_that_was_recorded_before_the_database_failed_is_the_same_hold_when_sent_again(
    small: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = small.see("/holds/new", "sato")

    def down(*_args: object, **_options: object) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    with monkeypatch.context() as broken:
        broken.setattr(oversight, "refresh", down)
        assert small.send("", "sato", shown=shown, **HELD).status_code == 503
    small.clock.pass_(minutes=3)
    assert small.send("", "sato", shown=shown, **HELD).status_code == 303
    (hold,) = small.told()["holds"]
    assert small.enforced == [(hold.id, "sato")]
    assert (hold.scope, hold.is_emergency) == (HoldScope.MODEL, True)


def test_what_is_typed_in_one_language_is_answered_in_it(small: Company) -> None:
    shown = small.see(waiver_form(), "tanaka")
    japanese = small.post(waiver_form() + "&lang=ja", "tanaka", shown.fields | ASKED | {"until": "2027-12-31"})
    assert "期限は" in japanese.text
