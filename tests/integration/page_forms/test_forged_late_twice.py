# SPDX-License-Identifier: Apache-2.0
"""Forms from elsewhere, too old, sent twice, or about what has changed meanwhile."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from governance.core.terms import Verdict, VersionKey
from governance.core.waivers import WaiverState
from governance.steps import oversight
from governance.web import tokens
from tests.integration.browsing import (
    ADDRESS,
    HOSTILE,
    KEY,
    REASON,
    ROOT,
    WAITING,
    Company,
    Shown,
    answer_form,
    measured,
    waiver_form,
)
from tests.integration.page_forms.acts import (
    ASKED,
    FORMS,
    HELD,
    ask_waiver,
    places,
)


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
