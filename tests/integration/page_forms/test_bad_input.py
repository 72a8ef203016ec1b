# SPDX-License-Identifier: Apache-2.0
"""What is unknown, missing, too long, hostile or no form at all; and a database that fails in the middle."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from sqlalchemy.exc import OperationalError

from governance.core.holds import HoldScope
from governance.core.terms import VersionKey
from governance.errors import SourceUnavailableError
from governance.steps import oversight
from governance.store import oversight as oversight_facts
from governance.web.deeds import MOST
from tests.integration.browsing import (
    HOSTILE,
    JAPANESE,
    Company,
    Shown,
    answer_form,
    waiver_form,
)
from tests.integration.page_forms.acts import (
    ASKED,
    HELD,
    order,
    unseen,
)


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
