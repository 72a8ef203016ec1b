# SPDX-License-Identifier: Apache-2.0
"""Page one of a committee pack: what it is about, and the month in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governance.core.committee import Pack
    from governance.reports.style import Style


def cover(pack: Pack, style: Style) -> list[list[str]]:
    """What a reader has to know before the first figure."""
    return [
        [style.say("対象期間", "Period"), style.month(pack.period)],
        [style.say("委員会開催日", "Meeting"), style.day(pack.meeting_on)],
        [style.say("基準日時", "Position as of"), style.moment(pack.as_of)],
        [style.say("情報の締切日時", "Known by"), style.moment(pack.known_at)],
        [style.say("インベントリ取得", "Inventory read"), style.moment(pack.inventory_at)],
        [style.say("適用ポリシー", "Policy"), style.digest(pack.policy_digest)],
        [style.say("証跡", "Evidence"), _evidence(pack, style)],
        [style.say("取扱区分", "Classification"), style.name(pack.classification)],
        [style.say("版", "Revision"), style.say(f"第{pack.revision}版", str(pack.revision))],
    ]


def _evidence(pack: Pack, style: Style) -> str:
    """Unknown is never green: what was not compared is not called intact."""
    if pack.seal is None or pack.seal.note is None:
        return style.say("未封印", "Not sealed")
    if pack.seal.intact is None:
        return style.say("封印済み・照合未実施", "Sealed, never compared")
    at = style.iso(pack.seal.verified_at.astimezone(style.zone).date()) if pack.seal.verified_at else ""
    if pack.seal.intact:
        return style.say(f"封印済み・一致({at}照合)", f"Sealed, intact when compared on {at}")
    return style.say(f"不一致を検出({at}照合)", f"MISMATCH found on {at}")


def seal(pack: Pack, style: Style) -> dict[str, Any] | None:
    """What anybody with this paper can hold against the ledger."""
    if pack.seal is None:
        return None
    rows = [
        [style.say("台帳の件数", "Entries in the ledger"), f"{pack.seal.size:,}"],
        [style.say("ルートハッシュ", "Root hash"), pack.seal.root],
        [style.say("検証鍵", "Verifier key"), style.text(pack.seal.verifier_key or style.say("なし", "None"))],
        [style.say("検証プログラムのSHA-256", "SHA-256 of audit_verify.py"), pack.seal.script_digest],
        [style.say("状態", "State"), _evidence(pack, style)],
    ]
    return {"foot": f"{pack.seal.size} · {pack.seal.root}", "rows": rows, "note": pack.seal.note or ""}


def summary(pack: Pack, style: Style) -> dict[str, Any]:
    """Counts of what the later sections list."""
    at_gate, blocked = len(pack.gates), sum(line.decision.blocks for line in pack.gates)
    open_, above = len(pack.risks), sum(line.risk.score > pack.appetite for line in pack.risks)
    passed, unknown, asked = at_gate - blocked, len(pack.unknowns), len(pack.decisions)
    ja = (
        f"ゲート判定の対象は{at_gate:,}版で、通過{passed:,}版、不通過{blocked:,}版です。不明な事項が{unknown:,}件あります。"
        f"未解消のリスクは{open_:,}件で、うち許容水準(スコア{pack.appetite})を超えるものは{above:,}件です。"
        f"ご決定いただく事項は{asked:,}件です。"
    )
    en = (
        f"Model versions at the gate: {at_gate:,}, of which {passed:,} passed and {blocked:,} blocked. "
        f"Unknown matters: {unknown:,}. Open risks: {open_:,}, of which {above:,} above the appetite "
        f"(score {pack.appetite}). Decisions asked of the committee: {asked:,}."
    )
    tiles = [
        _tile(style.say("ゲート対象", "At the gate"), at_gate, "plain"),
        _tile(style.say("通過", "Passed"), passed, "green"),
        _tile(style.say("不通過", "Blocked"), blocked, "red"),
        _tile(style.say("不明", "Unknown"), unknown, "grey"),
        _tile(style.say("未解消リスク", "Open risks"), open_, "plain"),
        _tile(style.say("許容水準超", "Above appetite"), above, "red"),
        _tile(style.say("決定事項", "Decisions"), asked, "plain"),
    ]
    return {"text": style.say(ja, en), "tiles": tiles}


def _tile(name: str, count: int, tone: str) -> dict[str, str]:
    """None of something is neither good nor bad news by colour."""
    return {"label": name, "value": f"{count:,}", "tone": tone if count else "plain"}
