# SPDX-License-Identifier: Apache-2.0
"""What people may do from a page: the fields of each form, the right that it needs, and the step that it goes through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from governance.core import airflow_roles as rights
from governance.core.airflow_roles import Needed
from governance.core.labels import GROUNDS
from governance.core.terms import NOTHING, VersionKey, Words
from governance.core.waivers import WaiverState
from governance.runtime import Runtime
from governance.steps import emergency_hold, escalations, gate_review, people_said, waiver_request
from governance.steps.people_said import Seen

Said = Mapping[str, str]
"""What the address and the form say, by field."""
MOST: Final = 2_000
"""Characters of a text that somebody types."""
_LONGEST_NAME: Final = 1_000
_DAY: Final = r"\d{4}-\d{2}-\d{2}"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a form asks, or that its address says."""

    name: str
    label: Words
    kind: str = "text"
    """`fixed` (in the address), `shown` (what the form showed, sent back), `text`, `line`, `day` or `choice`."""
    most: int = MOST
    least: int = 1
    choices: Mapping[str, Words] = field(default_factory=dict)
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """A form: where it is, what it needs, what it asks, and what comes of it."""

    name: str
    path: str
    title: Words
    button: Words
    needs: Needed
    fields: tuple[Field, ...]
    see: Callable[[Runtime, Said], Seen]
    """What is shown above the form."""
    act: Callable[[Runtime, Said, str], str]
    """Take the step in somebody's name; returns the id of what it is about now."""
    done: Callable[[Said, str], tuple[object, ...]]
    """Where the result is to be seen."""
    is_outdated: Callable[[Runtime, Said], Words] = lambda _rt, _said: NOTHING
    """Why a refusal is for what happened meanwhile, and not for who asks."""
    is_limited: bool = False
    """A refusal is for what was typed, and not for who asks."""


def _id(name: str, label: Words, pattern: str) -> Field:
    return Field(name, label, "fixed", 80, pattern=pattern)


_MODEL: Final = Field("model", Words("モデル", "Model"), "fixed", _LONGEST_NAME)
_VERSION: Final = Field("version", Words("バージョン", "Version"), "fixed", 15, pattern=r"[1-9][0-9]{0,13}")
_USE_CASE: Final = Field("use_case", Words("ユースケース", "Use case"), "fixed", 80)
_GATE: Final = Field("gate", Words("ゲート", "Gate"), "fixed", 40)
_CHECK: Final = Field("check", Words("チェック", "Check"), "fixed", 200)
_SEAT: Final = Field("seat", Words("役職", "Seat"), "fixed", 80)
_WAIVER: Final = _id("waiver", Words("適用除外", "Waiver"), r"W-[0-9A-F]{1,64}")
_HOLD: Final = _id("hold", Words("停止", "Hold"), r"H-[0-9A-F]{1,64}")
_ESCALATION: Final = _id("escalation", Words("エスカレーション", "Escalation"), r"[0-9a-f]{64}")
_SHOWN: Final = Field("facts", Words("示された事実", "Facts shown"), "shown", 64, pattern=r"[0-9a-f]{64}")
_REASON: Final = Field(
    "reason", Words("理由 (5 文字以上。証跡として残る)", "Reason (at least 5 characters; kept as evidence)"), least=5
)
_ANSWER: Final = Field(
    "answer",
    Words("回答", "Answer"),
    "choice",
    choices={"approve": Words("承認する", "approve"), "reject": Words("却下する", "reject")},
)
_GROUNDS: Final = {name: Words(*pair) for name, pair in GROUNDS.items()}
_SCOPES: Final = {
    "model": Words("モデル全体", "the whole model"),
    "version": Words("この版だけ (モデル/番号)", "one version (MODEL/NUMBER)"),
    "use_case": Words("ユースケース", "a use case"),
    "vendor": Words("ベンダー", "a vendor"),
}


def _key(said: Said) -> VersionKey:
    return VersionKey(said["model"], int(said["version"]))


def _ask(rt: Runtime, said: Said, login: str) -> str:
    typed = {name: said[name] for name in ("gate", "check", "reason", "control", "until")}
    return waiver_request.request_from_form(rt, _key(said), **typed, login=login).id


def _decide(*, grant: bool) -> Callable[[Runtime, Said, str], str]:
    return lambda rt, said, login: (
        waiver_request.decide(rt, said["waiver"], grant=grant, reason=said["reason"], login=login).id
    )


def _revoke(rt: Runtime, said: Said, login: str) -> str:
    return waiver_request.revoke(rt, said["waiver"], reason=said["reason"], login=login).id


def _settled(*states: WaiverState) -> Callable[[Runtime, Said], Words]:
    """Why a waiver is past deciding on, if it is in none of these states any more."""

    def told(rt: Runtime, said: Said) -> Words:
        now = people_said.waiver(rt, said["waiver"]).state
        return NOTHING if now in states else Words(f"いまの状態: {now.value}", f"it is {now.value} by now")

    return told


def _answer(rt: Runtime, said: Said, login: str) -> str:
    question = gate_review.Question.about(people_said.subject(said), said["gate"], said["seat"], said["facts"])
    return gate_review.answer(rt, question, login, said["answer"], said["reason"])


def _order(rt: Runtime, said: Said, login: str) -> str:
    order = {name: said[name] for name in ("target", "ground", "reason")}
    return emergency_hold.place(rt, said["scope"], **order, login=login, emergency=said["urgency"] == "emergency").id


def _review(rt: Runtime, said: Said, login: str) -> str:
    return emergency_hold.review(rt, said["hold"], finding=said["finding"], login=login).id


def _release(rt: Runtime, said: Said, login: str) -> str:
    return emergency_hold.release(rt, said["hold"], conditions=said["conditions"], login=login).id


def _unreviewed(rt: Runtime, said: Said) -> Words:
    hold = people_said.hold(rt, said["hold"]).hold
    owed = hold.is_live and hold.is_emergency and not hold.is_drill and hold.reviewed_at is None
    return Words("先に委員会の審査を記録する", "record the committee's review first") if owed else NOTHING


def _note(rt: Runtime, said: Said, login: str) -> str:
    return escalations.acknowledge(rt, said["escalation"], note=said["note"], login=login).id


def _of_subject(said: Said, _id: str) -> tuple[object, ...]:
    return people_said.page_of(people_said.subject(said))


def _answering(name: str, path: str, *about: Field) -> Deed:
    """The form in which a seat answers about some kind of subject."""
    return Deed(
        name,
        path,
        Words("承認の問いに答える", "Answer an approval"),
        Words("回答する", "Answer"),
        rights.APPROVE,
        (*about, _GATE, _SEAT, _SHOWN, _ANSWER, _REASON),
        people_said.before_answer,
        _answer,
        _of_subject,
        people_said.changed,
    )


def _of_waiver(_said: Said, id_: str) -> tuple[object, ...]:
    return "waivers", id_


def _of_hold(_said: Said, id_: str) -> tuple[object, ...]:
    return "holds", id_


_UNTIL: Final = Field("until", Words("最終日", "Last day"), "day", 10, pattern=_DAY)
_CONTROL: Final = Field(
    "control",
    Words("代替措置 (リスクを抑えるために代わりに行うこと)", "Compensating control (what keeps the risk instead)"),
)
DEEDS: Final = (
    Deed(
        "ask_waiver", "/waivers/new",
        Words("適用除外を申請する", "Ask for a waiver"), Words("申請する", "Ask"),
        rights.ASK_WAIVER, (_MODEL, _VERSION, _GATE, _CHECK, _REASON, _CONTROL, _UNTIL),
        people_said.before_waiver, _ask, _of_waiver, is_limited=True,
    ),
    Deed(
        "grant_waiver", "/waivers/{waiver}/grant",
        Words("適用除外を認める", "Grant a waiver"), Words("認める", "Grant"),
        rights.DECIDE_WAIVER, (_WAIVER, _REASON),
        people_said.before_deciding, _decide(grant=True), _of_waiver, _settled(WaiverState.REQUESTED),
    ),
    Deed(
        "reject_waiver", "/waivers/{waiver}/reject",
        Words("適用除外を却下する", "Reject a waiver"), Words("却下する", "Reject"),
        rights.DECIDE_WAIVER, (_WAIVER, _REASON),
        people_said.before_deciding, _decide(grant=False), _of_waiver, _settled(WaiverState.REQUESTED),
    ),
    Deed(
        "revoke_waiver", "/waivers/{waiver}/revoke",
        Words("適用除外を取り消す", "Revoke a waiver"), Words("取り消す", "Revoke"),
        rights.DECIDE_WAIVER, (_WAIVER, _REASON),
        people_said.before_deciding, _revoke, _of_waiver, _settled(WaiverState.ACTIVE, WaiverState.EXPIRING),
    ),
    _answering("answer", "/approvals/new", _MODEL, _VERSION),
    _answering("answer_for_use_case", "/approvals/use-case", _USE_CASE),
    Deed(
        "order_hold", "/holds/new",
        Words("停止を命じる", "Order a hold"), Words("停止を命じる", "Order the hold"),
        rights.ORDER_HOLD,
        (
            Field("scope", Words("範囲", "Scope"), "choice", choices=_SCOPES),
            Field("target", Words("対象 (モデル、モデル/番号、ユースケース、ベンダー)", "Target (MODEL, MODEL/NUMBER, use case or vendor)"), "line", _LONGEST_NAME),
            Field(
                "urgency", Words("緊急度", "Urgency"), "choice",
                choices={
                    "emergency": Words("緊急 (委員会の審査は後から)", "emergency (reviewed by the committee after)"),
                    "ordinary": Words("通常 (審査済み)", "ordinary (reviewed before)"),
                },
            ),
            Field("ground", Words("根拠", "Ground"), "choice", choices=_GROUNDS),
            _REASON,
        ),
        people_said.before_hold, _order, _of_hold,
    ),
    Deed(
        "review_hold", "/holds/{hold}/review",
        Words("停止の審査結果を記録する", "Record the review of a hold"), Words("記録する", "Record"),
        rights.TAKE_NOTE, (_HOLD, Field("finding", Words("委員会の所見", "What the committee found"), least=5)),
        people_said.before_hold_ends, _review, _of_hold,
    ),
    Deed(
        "release_hold", "/holds/{hold}/release",
        Words("停止を解除する", "Release a hold"), Words("解除する", "Release"),
        rights.ORDER_HOLD, (_HOLD, Field("conditions", Words("解除の条件", "Under what conditions"), least=5)),
        people_said.before_hold_ends, _release, _of_hold, _unreviewed,
    ),
    Deed(
        "acknowledge", "/escalations/{escalation}",
        Words("エスカレーションを確認する", "Take note of an escalation"), Words("確認した", "I have taken note"),
        rights.TAKE_NOTE, (_ESCALATION, Field("note", Words("対応", "What comes of it"), least=5)),
        people_said.before_note, _note, lambda _said, id_: ("escalations", id_),
    ),
)  # fmt: skip
"""Every form, in the order in which its address is looked for."""
BY_NAME: Final = {deed.name: deed for deed in DEEDS}
