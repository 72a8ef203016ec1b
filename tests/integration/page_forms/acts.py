# SPDX-License-Identifier: Apache-2.0
"""Every form with what is typed into it, who may send it, and people's usual acts."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from governance.core.terms import GateVerdict, UseCaseKey, VersionKey
from governance.steps import emergency_hold, gate_review, waiver_request
from governance.store import gates as gate_facts
from governance.web import tokens
from tests.integration.browsing import (
    HOSTILE,
    JAPANESE,
    KEY,
    REASON,
    ROOT,
    Company,
    Shown,
    answer_form,
    case_form,
    waiver_form,
)

if TYPE_CHECKING:
    import httpx

UNTIL = "2026-11-20"
ASKED = {"reason": "labels arrive in March", "control": "an officer decides each case", "until": UNTIL}
HELD = {
    "scope": "model",
    "target": "credit-scoring",
    "urgency": "emergency",
    "ground": "safety",
    "reason": "harm was reported",
}


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


def unseen(path: str, who: str) -> Shown:
    """A form as it would be shown, for one that is closed by now."""
    shown = Shown("")
    shown.action = ROOT + path
    shown.fields = {"token": tokens.issue(KEY, tokens.Bound(who, path), time.time())}
    return shown


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
