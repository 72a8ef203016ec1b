# SPDX-License-Identifier: Apache-2.0
"""Sample committee packs, small, large, empty and hostile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from governance.core.committee import (
    Ask,
    CheckTally,
    DecisionAsked,
    GateLine,
    InventoryLine,
    KpiLine,
    Pack,
    RiskLine,
    Unknown,
)
from governance.core.terms import (
    GateDecision,
    GateVerdict,
    KpiValue,
    Light,
    Observation,
    Reason,
    Risk,
    Verdict,
    VersionKey,
    Words,
)
from governance.policy import KpiTarget, RiskTier, Text

AT: Final = datetime(2026, 10, 31, 14, 59, 59, tzinfo=UTC)
HOSTILE: Final = (
    "<script>alert(1)</script>",
    "=1+1",
    "model-🚀",
    "\u202egnp.exe\u202c",
    "x" * 5000,
    "与信審査モデル。" * 40,
    '#eval("1") $x$ *bold* #read("/etc/passwd")',
    "nul\0 \ud800 \ue000 \ufffe",
    "ーー" * 100,
    ")" * 300,
)
"""Names that MLflow lets anybody register."""


STALE: Final = Words("最終実施 2026-08-01、期限 30 日", "last run 2026-08-01, older than 30 days")
UNFAIR: Final = Words(
    "偏り: 選択率の比 0.71、下限 0.80: 不合格", "bias: selection-rate ratio is 0.71, must be >= 0.80: fail"
)
UNDECIDED: Final = Words("champion: G3 の判定なし", "champion: G3 no decision")


def text(ja: str, en: str) -> Text:
    return Text(ja=ja, en=en)


CREDIT: Final = text("与信審査", "Credit scoring")
OWNER: Final = text("佐藤 花子", "Hanako Sato")


def observation(verdict: Verdict = Verdict.FAIL) -> Observation:
    return Observation("selection_rate_ratio", "age_group: <=25 vs >25", 0.712, 0.63, 0.79, 0.8, ">=", 1000, verdict)


def blocked_reasons() -> tuple[Reason, ...]:
    return (
        Reason("bias", Verdict.FAIL, observation=observation(), at=AT - timedelta(days=3)),
        Reason("performance", Verdict.STALE, STALE, at=AT - timedelta(days=91)),
        Reason("documentation", Verdict.NOT_RUN),
        Reason("data_quality", Verdict.PASS, Words("表を読まない", "no table is read"), blocks=False, exempt=True),
    )


def gate(number: int, *, blocked: bool, model: str = "credit-scoring") -> GateLine:
    decision = GateDecision(
        VersionKey(model, number),
        "G3",
        RiskTier.HIGH if blocked else RiskTier.LIMITED,
        GateVerdict.BLOCK if blocked else GateVerdict.PASS,
        blocked_reasons() if blocked else (),
        "p" * 64,
        "f" * 64,
        evidence={"bias": "r1"},
        at=AT - timedelta(days=number % 20),
    )
    return GateLine(CREDIT, OWNER, decision, ("champion",) if number % 2 else ())


def risk(number: int, subject: str = "credit-scoring v1") -> RiskLine:
    likelihood, impact = 1 + number % 5, 1 + number * 3 // 2 % 5
    score = likelihood * impact
    light = Light.RED if score > 9 else Light.AMBER if score >= 6 else Light.GREEN
    assessed = Risk(
        subject=subject,
        rule="bias",
        use_case="credit",
        likelihood=likelihood,
        impact=impact,
        cause=UNFAIR,
        is_open=True,
        owner="sato",
        opened_at=AT,
        due_on=date(2026, 11, 1 + number % 28),
    )
    name = text("不公平な取り扱い", "Unfair treatment")
    treatment = text(
        "学習データを見直し、再学習して再判定を受ける", "Review the training data, retrain, and return to the gate"
    )
    return RiskLine(assessed, name, treatment, CREDIT, OWNER, light)


def decision(number: int, subject: str = "credit-scoring v1") -> DecisionAsked:
    asks = tuple(Ask)
    ask = asks[number % len(asks)]
    reason = UNDECIDED if ask is Ask.HOLD_OR_ACCEPT_CHAMPION else UNFAIR
    return DecisionAsked(
        number, ask, subject, CREDIT, reason, date(2026, 11, 12), score=15 if ask is Ask.TREAT_RISK else 0
    )


def kpis() -> tuple[KpiLine, ...]:
    share = KpiTarget(
        name=text("ゲート通過率", "Share of versions past the gate"),
        formula=text("通過した版 ÷ ゲート対象の版", "Versions passed / versions at the gate"),
        unit="share", better="up", target=0.95, green=0.95, amber=0.8,
    )  # fmt: skip
    count = KpiTarget(
        name=text("未登録モデル", "Models without a use case"),
        formula=text("ユースケースのないモデルの数", "Number of models without a use case"),
        unit="count", better="down", target=0, green=0, amber=2,
    )  # fmt: skip
    info = count.model_copy(update={"better": "info", "name": text("登録モデル数", "Registered models")})
    return (
        KpiLine("K-G01", share, KpiValue("K-G01", 0.925, Light.AMBER, 37, 40), KpiValue("K-G01", 0.9, Light.AMBER, 36, 40)),
        KpiLine("K-G02", count, KpiValue("K-G02", 3, Light.RED, 3), None),
        KpiLine("K-G03", info, KpiValue("K-G03", 1234, Light.GREY, 1234), KpiValue("K-G03", 1200, Light.GREY)),
        KpiLine("K-G04", share, KpiValue("K-G04", None, Light.GREEN, detail=Words("MLflow が一度も取得されていない", "MLflow was never read")), None),
        KpiLine("K-G05", share, KpiValue("K-G05", 1.0, Light.GREEN, 40, 40), None),
    )  # fmt: skip


def empty() -> Pack:
    return Pack(
        company=text("青葉銀行株式会社", "Aoba Bank, Ltd."),
        classification=text("社外秘", "Confidential"),
        period="2026-10",
        as_of=AT,
        known_at=AT + timedelta(days=2),
        interim=False,
        revision=1,
        time_zone="Asia/Tokyo",
        meeting_on=date(2026, 11, 12),
        policy_digest="3f9a1c2b" * 8,
        inventory_at=None,
        decisions=(),
        inventory=(),
        tallies=(),
        gates=(),
        risks=(),
        appetite=9,
        amber=6,
        kpis=(),
        unknowns=(),
    )


def sample(gates: int = 3, risks: int = 4, decisions: int = 3) -> Pack:
    tallies = {Verdict.PASS: 30, Verdict.FAIL: 4, Verdict.STALE: 2, Verdict.INSUFFICIENT: 1}
    return replace(
        empty(),
        interim=True,
        inventory_at=AT - timedelta(hours=5),
        decisions=tuple(decision(n) for n in range(1, decisions + 1)),
        inventory=(
            InventoryLine(CREDIT, RiskTier.HIGH, OWNER, ("credit-scoring", "credit-limit")),
            InventoryLine(text("社内ヘルプデスク", "Internal helpdesk"), RiskTier.LOW, None, ()),
        ),
        tallies=(
            CheckTally("bias", text("偏り", "Bias"), tallies),
            CheckTally("documentation", text("文書", "Documentation"), {Verdict.PASS: 37}),
        ),
        gates=tuple(gate(n, blocked=n % 3 != 2) for n in range(1, gates + 1)),
        risks=tuple(risk(n, f"credit-scoring v{n}") for n in range(risks)),
        kpis=kpis(),
        unknowns=(
            Unknown("credit-scoring v1", Words("性能: 期限切れ", "performance: stale"), AT - timedelta(days=91)),
            Unknown("credit-scoring v1", Words("G3: 判定なし", "G3: no decision"), None),
        ),
    )


def hostile() -> Pack:
    """Every place that shows a foreign name shows each hostile one."""
    return replace(
        sample(),
        gates=tuple(_hostile_gate(n, name) for n, name in enumerate(HOSTILE)),
        decisions=tuple(replace(decision(n, name), reason=Words(name, name)) for n, name in enumerate(HOSTILE)),
        risks=tuple(risk(n, name) for n, name in enumerate(HOSTILE)),
        unknowns=tuple(Unknown(name, Words(name, name), None) for name in HOSTILE),
        inventory=(InventoryLine(CREDIT, RiskTier.HIGH, OWNER, HOSTILE),),
    )


def _hostile_gate(number: int, name: str) -> GateLine:
    line = gate(number, blocked=True, model=name)
    seen = replace(observation(), slice=name)
    reasons = (
        Reason("bias", Verdict.FAIL, Words(name, name), seen),
        Reason(name, Verdict.ERROR, Words(name, name)),
        *blocked_reasons(),
    )
    return replace(line, decision=replace(line.decision, reasons=reasons), aliases=(name,))
