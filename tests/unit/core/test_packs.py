# SPDX-License-Identifier: Apache-2.0
"""A pack is the same for the same facts, asks for what is pressing first, and hides nothing unknown."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from hypothesis import given
from hypothesis import strategies as st

from governance.core import inventory, packs
from governance.core.committee import Ask, Unknown
from governance.core.kpis import Position
from governance.core.packs import CutOff, Facts
from governance.core.terms import KpiValue, Light, Observation, Reason, RegisteredModel, Verdict, Words
from governance.policy import RiskTier
from tests.factories import NOW, ROOT, decision, key, passing, policy, registered, risk, shipped

if TYPE_CHECKING:
    from governance.core.committee import Pack
    from governance.core.terms import GateDecision, Risk
    from governance.policy import Policy

CUT_OFF: Final = CutOff("2026-10", NOW - timedelta(days=9), NOW, interim=False, meeting_on=date(2026, 11, 12))
UNCLEAR: Final = (
    *(Reason("bias", Verdict.INSUFFICIENT, at=NOW - timedelta(days=n)) for n in range(4)),
    Reason("performance", Verdict.STALE, at=NOW - timedelta(days=40)),
    Reason("documentation", Verdict.FAIL, at=NOW),
    Reason("data_quality", Verdict.NOT_RUN),
)


def facts(
    models: tuple[RegisteredModel, ...] = (),
    decisions: tuple[GateDecision, ...] = (),
    risks: tuple[Risk, ...] = (),
    **changes: Any,
) -> Facts:
    by_key = {(d.subject, d.gate): d for d in decisions}
    fields: dict[str, Any] = {
        "models": models,
        "decisions": by_key,
        "first_decisions": decisions,
        "results": {key(): passing()},
        "risks": risks,
        "findings": inventory.findings(models, by_key, shipped()),
        "waivers": (),
        "swept_at": NOW,
        "now": NOW,
    }
    value = KpiValue("K-G01", 0.9, Light.RED, 9, 10)
    return Facts(Position(**(fields | changes)), {"K-G01": value}, {}, {"bias": {Verdict.PASS: 3, Verdict.FAIL: 1}})


def assemble(given_facts: Facts, by: Policy | None = None) -> Pack:
    return packs.assemble(CUT_OFF, given_facts, by or shipped())


def busy() -> Facts:
    """A month with everything in it."""
    return facts(
        (
            registered(numbers=(1, 2), aliases={"champion": 1, "production": 1, "candidate": 2}),
            registered("health-support", aliases={"champion": 1}),
            registered("shadow", aliases={"champion": 1}),
            registered("helpdesk-assistant"),
            registered("card-offer", (1, 2), aliases={"candidate": 1}),
        ),
        (
            decision(blocks=True, reasons=UNCLEAR),
            decision(key(number=2)),
            decision(key("health-support"), blocks=True, reasons=UNCLEAR[:1]),
            decision(key("card-offer", 2), blocks=True, tier=RiskTier.LIMITED),
        ),
        (risk(), risk("card-offer v2", impact=2), risk("shadow", "orphan", likelihood=5), risk("a v1", is_open=False)),
    )


@given(st.randoms())
def test_a_pack_does_not_depend_on_the_order_in_which_facts_were_read(random: Any) -> None:
    def shuffled(items: Any) -> list[Any]:
        turned = list(items)
        random.shuffle(turned)
        return turned

    at = busy().position
    turned = replace(
        at,
        models=[
            replace(m, aliases=dict(shuffled(m.aliases.items())), versions=tuple(shuffled(m.versions)))
            for m in shuffled(at.models)
        ],
        decisions=dict(shuffled(at.decisions.items())),
        first_decisions=shuffled(at.first_decisions),
        risks=shuffled(at.risks),
        findings=shuffled(at.findings),
    )
    assert assemble(replace(busy(), position=turned)) == assemble(busy())


def test_a_pack_is_the_same_in_every_process() -> None:
    """Sets of texts come in another order in each process: none may reach the pack."""
    script = "from tests.unit.core.test_packs import assemble, busy; print(repr(assemble(busy())))"
    told = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


def test_page_one_asks_first_about_champions_then_risks_owners_and_orphans() -> None:
    asked = assemble(busy()).decisions
    assert [(d.number, d.ask, d.subject) for d in asked] == [
        (1, Ask.HOLD_OR_ACCEPT_CHAMPION, "credit-scoring v1"),
        (2, Ask.HOLD_OR_ACCEPT_CHAMPION, "credit-scoring v1"),
        (3, Ask.HOLD_OR_ACCEPT_CHAMPION, "health-support v1"),
        (4, Ask.HOLD_OR_ACCEPT_CHAMPION, "shadow v1"),
        (5, Ask.TREAT_RISK, "credit-scoring v1"),
        (6, Ask.NAME_OWNER, "product-quality"),
        (7, Ask.ADOPT_OR_RETIRE, "shadow"),
    ]


def test_a_risk_is_asked_about_only_above_the_appetite_and_the_highest_first() -> None:
    register = (
        risk("a v1", likelihood=3, impact=4),
        risk("b v1", likelihood=5, impact=4),
        risk("c v1", likelihood=3, impact=3),
        risk("d v1", likelihood=5, impact=5, is_open=False),
    )
    asked = [d for d in assemble(facts(risks=register)).decisions if d.ask is Ask.TREAT_RISK]
    assert [(d.subject, d.score, d.due_on) for d in asked] == [
        ("b v1", 20, date(2026, 12, 10)),
        ("a v1", 12, date(2026, 12, 10)),
    ]


def test_a_risk_from_the_inventory_is_asked_about_once_under_its_own_question() -> None:
    at = facts((registered("shadow"),), risks=(risk("shadow", "orphan", likelihood=5),))
    (asked,) = [d for d in assemble(at).decisions if d.subject == "shadow"]
    assert (asked.ask, asked.due_on) == (Ask.ADOPT_OR_RETIRE, CUT_OFF.meeting_on)


def test_everything_that_nobody_can_tell_is_listed_and_nothing_else() -> None:
    unknowns = {(u.subject, u.what.en) for u in assemble(busy()).unknowns}
    assert {what for subject, what in unknowns if subject == "credit-scoring v1"} == {
        "bias: insufficient data",
        "performance: stale",
        "data quality: not run",
        "G5: no decision",
    }
    assert ("helpdesk-assistant v1", "G4: no decision") in unknowns
    assert assemble(facts()).unknowns == ()


def test_an_inventory_that_was_never_read_is_unknown() -> None:
    pack = assemble(facts(swept_at=None))
    assert pack.inventory_at is None
    assert pack.unknowns == (Unknown("MLflow", Words("一度も取得されていない", "never read"), None),)


def test_gates_are_listed_blocked_first_with_their_aliases_and_owner() -> None:
    lines = assemble(busy()).gates
    assert [(str(line.decision.subject), line.decision.blocks, line.aliases) for line in lines] == [
        ("card-offer v2", True, ()),
        ("credit-scoring v1", True, ("champion", "production")),
        ("health-support v1", True, ("champion",)),
        ("credit-scoring v2", False, ("candidate",)),
    ]
    assert lines[1].owner == shipped().people.people["tanaka"].name


def test_open_risks_are_listed_highest_first_and_closed_ones_not() -> None:
    assert [(line.risk.subject, line.risk.score, line.light) for line in assemble(busy()).risks] == [
        ("shadow", 25, Light.RED),
        ("credit-scoring v1", 20, Light.RED),
        ("card-offer v2", 8, Light.AMBER),
    ]


def test_an_open_risk_whose_rule_policy_dropped_is_still_listed() -> None:
    (line,) = assemble(facts(risks=(risk(rule="dropped"),))).risks
    assert (line.name.ja, line.name.en, line.risk.score) == ("dropped", "dropped", 20)


def test_every_check_and_kpi_of_the_policy_has_a_line_though_nothing_was_measured() -> None:
    pack = assemble(replace(facts(), kpis={}, tallies={}))
    assert [tally.check for tally in pack.tallies] == sorted(shipped().checks.checks)
    assert [line.code for line in pack.kpis] == sorted(shipped().kpis.kpis)
    assert {line.value for line in pack.kpis} == {None}


def test_a_pack_names_its_clocks_and_the_policy_it_was_made_under() -> None:
    stricter = policy(risks={"appetite": 4})
    pack = assemble(busy(), stricter)
    assert (pack.period, pack.as_of, pack.known_at, pack.revision) == ("2026-10", CUT_OFF.as_of, CUT_OFF.known_at, 1)
    assert (pack.policy_digest, pack.appetite) == (stricter.digest, 4)


def test_page_one_tells_what_closes_the_gate_of_a_version_that_serves() -> None:
    seen = Observation("auc", value=0.6, limit=0.7, comparison=">=", n=900, verdict=Verdict.FAIL)
    closed = decision(blocks=True, reasons=(*UNCLEAR, Reason("performance", Verdict.FAIL, observation=seen)))
    asked = assemble(facts((registered(aliases={"champion": 1}),), (closed,))).decisions[0]
    assert asked.reason.ja == "champion: G4 不通過。性能: auc 0.60、下限 0.70、n = 900: 不合格(他 7 件)"
    assert (
        asked.reason.en
        == "champion: G4 blocked; performance: auc is 0.60, must be >= 0.70 (n = 900): fail (and 7 more)"
    )
