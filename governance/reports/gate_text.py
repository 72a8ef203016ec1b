# SPDX-License-Identifier: Apache-2.0
"""A gate report as text for a terminal: the same content, in the same order, as on its page."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from governance.core import wording
from governance.core.gate_changes import ChangeKind
from governance.core.gate_pictures import Expectations, Forest, Histogram, Trend
from governance.core.gate_report import verdict_word
from governance.core.terms import Verdict, Words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from governance.core.gate_changes import Change
    from governance.core.gate_decisions import Decided
    from governance.core.gate_pictures import Picture
    from governance.core.gate_report import CheckPart, Contact, GateReport, Line
    from governance.core.twins import CopyReport

_SHORT: Final = 12
_DIGEST: Final = 64
KINDS: Final = {
    ChangeKind.VERSION: Words("モデルバージョン", "model version"),
    ChangeKind.VERDICT: Words("チェックの結果", "verdict of the check"),
    ChangeKind.DATA: Words("評価データ(ダイジェスト)", "evaluation data (digest)"),
    ChangeKind.DATASET: Words("記録されたデータセット", "logged dataset"),
    ChangeKind.LIMIT: Words("限度", "limit"),
    ChangeKind.DEFINITION: Words("チェックの定義(ダイジェスト)", "definition of the check (digest)"),
    ChangeKind.POLICY: Words("ポリシー(ダイジェスト)", "policy (digest)"),
    ChangeKind.CODE: Words("コードのバージョン", "code version"),
}


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language and one time zone."""

    language: str
    zone: ZoneInfo

    def say(self, ja: str, en: str) -> str:
        """Our own words."""
        return ja if self.language == "ja" else en

    def words(self, words: Words) -> str:
        """What a fact says."""
        return words.in_(self.language)

    def moment(self, at: datetime | None) -> str:
        """A moment in the company's time, to the minute."""
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M %Z}" if at else self.say("不明", "unknown")

    def age(self, age: timedelta | None) -> str:
        """How old a result is."""
        if age is None:
            return "–"
        if age.days < 1:
            hours = max(0, int(age.total_seconds() // 3600))
            return self.say(f"{hours} 時間", f"{hours} h")
        return self.say(f"{age.days} 日", f"{age.days} d")

    def kind(self, change: Change) -> str:
        """What has changed."""
        head = self.words(KINDS[change.kind])
        about = wording.check_name(change.about, self.language) if change.about else ""
        measure = wording.observed(change.measure, self.language) if change.measure else ""
        return ": ".join(part for part in (head, about, measure) if part)

    def value(self, change: Change, value: str) -> str:
        """What it was or is."""
        if not value:
            return self.say("なし", "none")
        if change.kind is ChangeKind.VERDICT:
            return wording.label(Verdict(value), self.language)
        return value[:_SHORT] if len(value) == _DIGEST else value

    def contact(self, contact: Contact) -> str:
        """Who, and how to reach them."""
        if not contact.name:
            return self.say("未定", "nobody is named")
        name = self.words(contact.name)
        return f"{name} <{contact.email}>" if contact.email else name


def render(report: GateReport, tongue: Tongue) -> str:
    """The whole report."""
    sections = (
        ("", [tongue.words(report.verdict), *_about(report, tongue)]),
        (tongue.say("理由", "Reasons"), [_line(line, tongue) for line in report.lines]),
        (tongue.say("測定値", "What was measured"), [x for part in report.parts for x in _part(part, tongue)]),
        (_since(report, tongue), _changes(report, tongue)),
        (tongue.say("原因", "Cause"), [_cause(part, tongue) for part in report.parts if part.cause]),
        (tongue.say("対応と担当", "What to do, and who"), list(_people(report, tongue))),
        (tongue.say("停止・適用除外・承認", "Holds, waivers, approvals"), list(_decided(report.decided, tongue))),
        (tongue.say("証跡", "Evidence"), list(_proofs(report, tongue))),
    )
    blocks = ["\n".join(([f"== {head}"] if head else []) + list(lines)) for head, lines in sections if lines]
    return "\n\n".join(blocks)


def render_copy(copy: CopyReport, tongue: Tongue, *, is_decided: bool) -> str:
    """What a protected twin's version is a copy of, and whether it may serve; `is_decided`: its own gates follow."""
    lines = [tongue.words(copy.verdict)]
    if copy.origin is not None and copy.is_decided:
        command = shlex.join(["governance", "gate", "explain", copy.origin.model, str(copy.origin.version)])
        lines.append(f"{tongue.say('写した元のゲート', 'gates of the origin')}: {command}")
    if copy.aliases:
        lines.append(f"{tongue.say('エイリアス', 'aliases')}: {', '.join(copy.aliases)}")
    lines.append(f"{tongue.say('基準日時', 'as of')}: {tongue.moment(copy.as_of)}")
    why = [f"- {tongue.words(reason)}" for reason in copy.against]
    blocks = ["\n".join(lines)]
    if why:
        blocks.append("\n".join([f"== {tongue.say('稼働できない理由', 'Why it may not serve')}", *why]))
    if is_decided:
        blocks.append(own_gates(tongue))
    return "\n\n".join(blocks)


def own_gates(tongue: Tongue) -> str:
    """A twin's version is judged by its origin, whatever was decided on itself."""
    return tongue.say(
        "以下はこの版自身の判定。稼働の可否には数えない",
        "what follows was decided on this version itself; it counts for nothing",
    )


def _about(report: GateReport, tongue: Tongue) -> Iterator[str]:
    tier = wording.label(report.decision.tier, tongue.language)
    yield tongue.say(f"リスク区分: {tier}", f"tier: {tier}")
    if report.use_case:
        yield f"{tongue.say('ユースケース', 'use case')}: {tongue.words(report.use_case)}"
    if report.aliases:
        yield f"{tongue.say('エイリアス', 'aliases')}: {', '.join(report.aliases)}"
    yield f"{tongue.say('判定', 'decided')}: {tongue.moment(report.decision.at)}"
    yield f"{tongue.say('この状態の始まり', 'so since')}: {tongue.moment(report.since)}"


def _line(line: Line, tongue: Tongue) -> str:
    mark = "✗" if line.blocks else "–" if line.exempt else "!" if line.verdict is not Verdict.PASS else "✓"
    head = f"{mark} {tongue.words(line.name)}: {verdict_word(line, tongue.language)}"
    if line.observation is not None:
        head = f"{mark} {tongue.words(line.name)}: {wording.observation_line(line.observation, tongue.language)}"
    elif line.text:
        head += f" ({tongue.words(line.text)})"
    return f"{head} [{tongue.age(line.age)}]" if line.age is not None else head


def _part(part: CheckPart, tongue: Tongue) -> Iterator[str]:
    drawn = [text for picture in part.pictures for text in _picture(picture, tongue)]
    if drawn:
        yield f"{tongue.words(part.name)}:"
        yield from drawn


def _picture(picture: Picture, tongue: Tongue) -> Iterator[str]:
    if isinstance(picture, Forest):
        yield from (f"  {wording.observation_line(seen, tongue.language)}" for seen in picture.bars)
        if picture.more:
            yield tongue.say(f"  他 {picture.more} 件", f"  and {picture.more} more")
    elif isinstance(picture, Expectations):
        yield from _expectations(picture, tongue)
    elif isinstance(picture, Histogram):
        yield from (f"  {wording.observation_line(seen, tongue.language)}" for seen in picture.seen)
    else:
        yield from _trend(picture, tongue)


def _expectations(picture: Expectations, tongue: Tongue) -> Iterator[str]:
    for one in picture.failing:
        yield f"  {wording.observation_line(one.seen, tongue.language)}"
        if one.samples:
            yield f"    {tongue.say('例', 'for example')}: {', '.join(one.samples)}"
    yield tongue.say(f"  満たした期待値: {picture.met} 件", f"  expectations met: {picture.met}")


def _trend(trend: Trend, tongue: Tongue) -> Iterator[str]:
    for point in trend.points:
        line = wording.observation_line(point.seen, tongue.language)
        yield f"  {point.at.astimezone(tongue.zone):%Y-%m-%d} v{point.version} {line}"
    if trend.baseline:
        name = f"v{trend.baseline.version}"
        value = wording.figures(trend.baseline.seen).value
        yield tongue.say(f"  承認済みの基準 {name}: {value}", f"  approved baseline {name}: {value}")


def _since(report: GateReport, tongue: Tongue) -> str:
    if report.past is None:
        return tongue.say("前回の通過からの変化", "Changed since the last pass")
    passage = report.past.passage
    when = f"{passage.subject}, {tongue.moment(passage.at)}"
    return tongue.say(f"前回の通過からの変化({when})", f"Changed since the last pass ({when})")


def _changes(report: GateReport, tongue: Tongue) -> list[str]:
    if report.past is None:
        return [tongue.say("このゲートを通過した版はまだない", "No version of this model has passed this gate before")]
    return [
        f"- {tongue.kind(one)}: {tongue.value(one, one.before)} -> {tongue.value(one, one.after)}"
        for one in report.changes
    ] or [tongue.say("変化なし", "Nothing has changed")]


def _cause(part: CheckPart, tongue: Tongue) -> str:
    return f"- {tongue.words(part.name)}: {tongue.words(part.cause)}"


def _people(report: GateReport, tongue: Tongue) -> Iterator[str]:
    people = report.people
    for part in report.parts:
        if part.remedy:
            yield f"- {tongue.words(part.name)}: {tongue.words(part.remedy)}"
    yield f"{tongue.say('責任者', 'owner')}: {tongue.contact(people.owner)}"
    yield f"{tongue.say('適用除外を認められる人', 'may waive')} ({people.seat.upper()}): {tongue.contact(people.waives)}"
    if people.is_own:
        yield own_model(tongue)
    if people.meets_on:
        yield f"{tongue.say('次の委員会', 'next committee')}: {people.meets_on.isoformat()}"


def _decided(people: Decided, tongue: Tongue) -> Iterator[str]:
    """What people said, and who may say what next."""
    for line in people.holds:
        hold, state = line.hold, wording.label(line.state, tongue.language)
        yield f"- {hold.id} {hold.scope} {hold.target}: {hold.reason} ({state})"
    if not people.holds:
        yield tongue.say("停止命令はない", "no hold is over it")
    for one in people.waivers:
        waiver, state = one.waiver, wording.label(one.state, tongue.language)
        until = tongue.say(f"{waiver.expires_on} まで", f"until {waiver.expires_on}")
        yield f"- {waiver.id} {tongue.words(one.name)}: {state}, {until}: {waiver.control}"
    for free in people.waivable:
        limit = tongue.say(
            f"{free.latest} まで適用除外にできる。認めるのは役職 {free.seat}",
            f"may be waived until {free.latest} at the latest, by the seat {free.seat}",
        )
        yield f"- {tongue.words(free.name)}: {limit}"
    if people.quorum:
        yield from _answers(people, tongue)


def _answers(people: Decided, tongue: Tongue) -> Iterator[str]:
    veto = tongue.say(f"、拒否権 {people.veto}", f", veto {people.veto}") if people.veto else ""
    yield tongue.say(
        f"承認: {people.quorum} 人が必要{veto}。照合コード {people.code}",
        f"approval: {people.quorum} people have to say yes{veto}; code {people.code}",
    )
    if people.changed:
        yield f"{tongue.say('前回の回答後に変わった事実', 'changed since the last answer')}: {'; '.join(people.changed)}"
    waits = tongue.say("回答待ち", "waiting") if people.is_asked else tongue.say("まだ尋ねていない", "not asked yet")
    for line in people.seats:
        given = line.response
        said = f"{given.answer} ({given.person}: {given.reason})" if given else waits
        may = f" [{', '.join(line.answer)}]" if line.answer else ""
        yield f"- {line.seat}: {said}{may}"


def own_model(tongue: Tongue) -> str:
    """Nobody waives for a model of their own."""
    return tongue.say(
        "責任者本人は自分のモデルの適用除外を認められない", "the owner may not waive for a model of their own"
    )


def _proofs(report: GateReport, tongue: Tongue) -> Iterator[str]:
    for proof in report.proofs:
        index = "–" if proof.index is None else str(proof.index)
        sealed = tongue.say("未封印", "not sealed yet") if proof.sealed_at is None else str(proof.sealed_at)
        place = tongue.say(f"台帳 {index}、封印 {sealed}", f"ledger index {index}, sealed at size {sealed}")
        yield f"- {proof.kind} {tongue.words(proof.about)}: {proof.id} ({place})"
    yield f"{tongue.say('ポリシー', 'policy')}: {report.decision.policy_digest}"
    yield f"{tongue.say('コード', 'code')}: {report.code_version or tongue.say('不明', 'unknown')}"
    yield f"{tongue.say('基準日時', 'as of')}: {tongue.moment(report.as_of)}"
