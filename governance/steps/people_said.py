# SPDX-License-Identifier: Apache-2.0
"""Read what forms show before somebody decides: the thing itself, the policy's limits, and who may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from governance.core import approvals, inventory, subjects, tiers
from governance.core.gate_decisions import Decided, HoldLine, WaiverLine, decided, names, waiver_line
from governance.core.labels import GROUNDS
from governance.core.terms import NOTHING, ModelVersion, Subject, UseCaseKey, VersionKey, Words
from governance.core.wording import label, reason_line
from governance.errors import NotFoundError
from governance.steps import escalations, hold_enforcement, oversight
from governance.store import gates as gate_facts
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.core.holds import Hold
    from governance.core.terms import GateDecision
    from governance.core.waivers import Waiver
    from governance.policy import Policy
    from governance.runtime import Runtime

T = TypeVar("T", "Waiver", "Hold")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a form shows above its fields, and what it fills in."""

    about: tuple[tuple[Words, Words], ...] = ()
    lines: tuple[Words, ...] = ()
    """Reasons and limits, one by one."""
    warning: Words = NOTHING
    preset: Mapping[str, str] = field(default_factory=dict)
    days: tuple[str, str] = ("", "")
    """The first and the last day that a date may be."""
    back: tuple[object, ...] = ()
    """The page that it is about."""
    is_closed: bool = False
    """There is nothing to send."""


def said(text: str) -> Words:
    """What somebody wrote, the same in both languages."""
    return Words(text, text)


def subject(told: Mapping[str, str]) -> Subject:
    """What a form is about, as its address says."""
    return UseCaseKey(told["use_case"]) if "use_case" in told else VersionKey(told["model"], int(told["version"]))


def _of(rt: Runtime, key: Subject, gate: str) -> tuple[GateDecision[Any], Decided]:
    """The recorded decision of a gate, with what people said about it.

    Raises:
        NotFoundError: the gate has not decided on it, or it is gone.
    """
    _slug, case = subjects.use_case_of(key, rt.policy)
    with rt.reading() as session:
        at = rt.current(session)
        standing = oversight.read_for(session, at, key)
    decision, candidate = standing.recorded.get((key, gate)), oversight.candidate(rt, standing, key)
    if decision is None or candidate is None:
        raise NotFoundError(f"{gate} has not decided on {key}", hint="Look for it in the list of gates.")
    version = candidate if isinstance(candidate, ModelVersion) else None
    return decision, decided(decision, version, case, standing.said, (), rt.policy, at.as_of)


def before_waiver(rt: Runtime, told: Mapping[str, str]) -> Seen:
    """What closes the gate, until when it may be waived, and who grants it.

    Raises:
        NotFoundError: no such gate, or the check is none that the policy lets be waived there.
    """
    key = VersionKey(told["model"], int(told["version"]))
    decision, people = _of(rt, key, told["gate"])
    offered = next((one for one in people.waivable if one.check == told["check"]), None)
    back = page_of(key)
    about = (
        *_about(key, told["gate"]),
        (Words("チェック", "Check"), offered.name if offered else said(told["check"])),
    )
    if offered is None:
        why = Words(
            "このチェックは今は適用除外にできない: ゲートを閉じていない、申請済み、または方針が認めない",
            "this check cannot be waived now: it does not close the gate, it is asked for already, or the policy forbids it",
        )
        return Seen(about, warning=why, back=back, is_closed=True)
    granted_by = _named(rt.policy, offered.decide)
    limits = (
        Words(f"最も遅い最終日: {offered.latest}", f"the latest last day is {offered.latest}"),
        Words(
            f"認めるのは役職 {offered.seat} ({granted_by.ja})", f"the seat {offered.seat} grants it ({granted_by.en})"
        ),
        Words(f"更新は {rt.policy.waivers.renewals} 回まで", f"renewals at most: {rt.policy.waivers.renewals}"),
    )
    closing = tuple(
        Words(reason_line(reason, "ja"), reason_line(reason, "en"))
        for reason in decision.reasons
        if reason.check == told["check"]
    )
    days = (offered.first.isoformat(), offered.latest.isoformat())
    return Seen(about, (*closing, *limits), preset={"until": days[1]}, days=days, back=back)


def _about(key: Subject, gate: str) -> tuple[tuple[Words, Words], ...]:
    at = Words("ゲート", "Gate"), said(gate)
    if isinstance(key, UseCaseKey):
        return (Words("ユースケース", "Use case"), said(key.use_case)), at
    return (Words("モデルバージョン", "Model version"), said(str(key))), at


def page_of(key: Subject) -> tuple[object, ...]:
    """Where a subject has its page, part by part."""
    return (
        ("use-cases", key.use_case) if isinstance(key, UseCaseKey) else ("models", key.model, "versions", key.version)
    )


def _named(policy: Policy, who: Iterable[str]) -> Words:
    found = names(who, policy)
    nobody = Words("いまは誰も認められない", "nobody can now")
    return Words("、".join(one.ja for one in found), ", ".join(one.en for one in found)) if found else nobody


def waiver(rt: Runtime, id_: str) -> WaiverLine:
    """One waiver as it stands, and who may decide on it.

    Raises:
        NotFoundError: there is none of that id.
    """
    with rt.reading() as session:
        at = rt.current(session)
        found = _one("waiver", id_, facts.waivers(session, at))
    _slug, case = inventory.use_case_of(found.subject.model, rt.policy)
    tier = tiers.classify(case, rt.policy.tiers)
    return waiver_line(found, tier, case.owner if case else None, rt.policy, at.as_of)


def before_deciding(rt: Runtime, told: Mapping[str, str]) -> Seen:
    """A waiver with all that was said when it was asked for.

    Raises:
        NotFoundError: there is none of that id.
    """
    line = waiver(rt, told["waiver"])
    return Seen(about_waiver(rt, line), back=("waivers", line.waiver.id))


def about_waiver(rt: Runtime, line: WaiverLine) -> tuple[tuple[Words, Words], ...]:
    """What there is to know about a waiver."""
    one = line.waiver
    state = Words(label(line.state, "ja"), label(line.state, "en"))
    return (
        *_about(one.subject, one.gate),
        (Words("チェック", "Check"), line.name),
        (Words("状態", "State"), state),
        (Words("理由", "Reason"), said(one.reason)),
        (Words("代替措置", "Compensating control"), said(one.control)),
        (Words("最終日", "Last day"), said(one.expires_on.isoformat())),
        (Words("申請した人", "Asked by"), names([one.requested_by], rt.policy)[0]),
        (Words("決裁した人", "Decided by"), names([one.decided_by or ""], rt.policy)[0]),
        (Words("決裁できる人", "May decide"), _named(rt.policy, line.decide or line.revoke)),
    )


def before_answer(rt: Runtime, told: Mapping[str, str]) -> Seen:
    """The decision as the facts stand, with its reasons, the code, and the facts behind it.

    Raises:
        NotFoundError: the gate has not decided on it.
    """
    key, seat = subject(told), told["seat"]
    decision, people = _of(rt, key, told["gate"])
    line = next((one for one in people.seats if one.seat == seat), None)
    bound = tuple(said(f"{name}: {value[:60]}") for name, value in sorted(decision.bound.items()))
    may = Words("この役職には尋ねていない", "this seat is not asked now")
    about = (
        *_about(key, told["gate"]),
        (Words("役職", "Seat"), said(seat)),
        (Words("照合コード", "Code"), said(people.code)),
        (Words("回答できる人", "May answer"), _named(rt.policy, line.answer) if line and line.answer else may),
    )
    reasons = tuple(Words(reason_line(one, "ja"), reason_line(one, "en")) for one in decision.reasons)
    back = page_of(key)
    return Seen(about, (*reasons, *bound), preset={"facts": decision.facts_digest}, back=back)


def changed(rt: Runtime, told: Mapping[str, str]) -> Words:
    """Which facts differ from those that were shown, or that the seat has answered; nothing if neither."""
    key, gate, seat, shown = subject(told), told["gate"], told["seat"], told["facts"]
    with rt.reading() as session:
        at = rt.current(session)
        then = gate_facts.bound_of(session, key, gate, shown)
        standing = oversight.read_for(session, at, key)
    now = {one.gate: one for one in oversight.decide(rt, standing, [key])}.get(gate)
    if now is not None and now.facts_digest != shown:
        differs = "; ".join(approvals.changed(then, now.bound)) if then else ""
        ja, en = f"示された後に変わった事実: {differs or '不明'}", f"changed since it was shown: {differs or 'unknown'}"
        return Words(ja, en)
    given = [r for r in standing.said.responses if (r.subject, r.gate, r.seat) == (key, gate, seat)]
    if any(r.facts_digest == shown for r in given):
        return Words("この役職は回答済み", "this seat has answered already")
    return NOTHING


def hold(rt: Runtime, id_: str) -> HoldLine:
    """One hold, how far it has come, and who may end it.

    Raises:
        NotFoundError: there is none of that id.
    """
    with rt.reading() as session:
        at = rt.current(session)
        found = _one("hold", id_, facts.holds(session, at))
        return hold_enforcement.lines(rt, session, [found], at)[0]


def _one(what: str, id_: str, known: Iterable[T]) -> T:
    found = next((one for one in known if one.id == id_), None)
    if found is None:
        raise NotFoundError(f"no {what} {id_}", hint="The page of holds and waivers lists them all.")
    return found


def before_hold(rt: Runtime, told: Mapping[str, str]) -> Seen:
    """Who may order a hold, and what comes of it."""
    day = rt.clock().astimezone(rt.zone).date()
    rules, people = rt.policy.holds, rt.policy.people
    at_once = dict.fromkeys(one for seat in rules.emergency_seats for one in people.holders(seat, day))
    ordinary = dict.fromkeys(one for seat in rules.seats for one in people.holders(seat, day))
    fast, slow = _named(rt.policy, at_once), _named(rt.policy, ordinary)
    lines = (
        Words(f"緊急に命じられる人: {fast.ja}", f"may order it in an emergency: {fast.en}"),
        Words(f"審査の後に命じられる人: {slow.ja}", f"may order it after a review: {slow.en}"),
        Words("範囲内のすべてのゲートが直ちに閉じる", "every gate of its scope closes at once"),
        Words(
            f"保護されたエイリアスは MLflow から外され、{rules.enforce_minutes} 分以内に証明される",
            f"protected aliases are taken away in MLflow, to be proven within {rules.enforce_minutes} minutes",
        ),
        Words(
            f"緊急の停止は {rules.review_business_days} 営業日以内に委員会が審査する",
            f"the committee reviews an emergency hold within {rules.review_business_days} business days",
        ),
    )
    preset = {name: told[name] for name in ("scope", "target") if told.get(name)}
    return Seen(lines=lines, preset={"urgency": "emergency", **preset}, back=("oversight",))


def before_hold_ends(rt: Runtime, told: Mapping[str, str]) -> Seen:
    """A hold with all that is known of it.

    Raises:
        NotFoundError: there is none of that id.
    """
    line = hold(rt, told["hold"])
    return Seen(about_hold(rt, line), back=("holds", line.hold.id))


def about_hold(rt: Runtime, line: HoldLine) -> tuple[tuple[Words, Words], ...]:
    """What there is to know about a hold."""
    one = line.hold
    kind = Words("緊急", "emergency") if one.is_emergency else Words("通常", "ordinary")
    ended = (
        Words("継続中", "live") if one.is_live else Words(f"解除済み: {one.conditions}", f"released: {one.conditions}")
    )
    return (
        (Words("範囲", "Scope"), Words(*(f"{label(one.scope, language)} {one.target}" for language in ("ja", "en")))),
        (Words("状態", "State"), ended),
        (Words("種類", "Kind"), Words("訓練", "drill") if one.is_drill else kind),
        (Words("根拠", "Ground"), Words(*GROUNDS.get(one.ground, (one.ground, one.ground)))),
        (Words("理由", "Reason"), said(one.reason)),
        (Words("命じた人", "Ordered by"), names([one.ordered_by], rt.policy)[0]),
        (Words("命令", "Ordered at"), said(f"{one.ordered_at.astimezone(rt.zone):%Y-%m-%d %H:%M %Z}")),
        (Words("委員会の所見", "What the committee found"), said(one.review)),
        (Words("解除できる人", "May release it"), _named(rt.policy, line.release)),
    )


def before_note(rt: Runtime, told: Mapping[str, str]) -> Seen:
    """What was escalated, to whom, and who has taken note.

    Raises:
        NotFoundError: there is none of that id.
    """
    one = escalations.one(rt, told["escalation"])
    about = (
        (Words("規則", "Rule"), said(one.rule)),
        (Words("対象", "Subject"), said(one.subject)),
        (Words("内容", "What it says"), one.text),
        (Words("宛先の役職", "Addressed to"), said(one.seat)),
        (Words("日時", "At"), said(f"{one.at.astimezone(rt.zone):%Y-%m-%d %H:%M %Z}")),
        (Words("確認した人", "Taken note by"), names([one.person], rt.policy)[0]),
        (Words("対応", "What comes of it"), said(one.note)),
    )
    return Seen(about, back=("",), is_closed=bool(one.person))
