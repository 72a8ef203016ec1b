# SPDX-License-Identifier: Apache-2.0
"""Risks follow their causes: opened, kept, closed, opened anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.core.inventory import FindingKind, InventoryFinding
from governance.core.risks import heat_map, light, reassess
from governance.core.terms import Light, VersionKey, Words
from tests import factories
from tests.factories import NOW

POLICY = factories.shipped()
BLOCKED = factories.decision(VersionKey("credit-scoring", 2), blocks=True)
LATER = NOW + timedelta(days=3)


def test_a_blocking_reason_opens_a_risk_scored_by_the_policy() -> None:
    (risk,) = reassess([BLOCKED], [], [], POLICY, now=NOW)
    assert (risk.subject, risk.rule, risk.owner) == ("credit-scoring v2", "bias", "tanaka")
    assert (risk.likelihood, risk.impact, risk.score) == (4, 5, 20)
    assert risk.cause.ja.startswith("偏り: ")
    assert risk.due_on == NOW.date() + timedelta(days=30)


def test_a_risk_that_stays_keeps_its_dates() -> None:
    first = reassess([BLOCKED], [], [], POLICY, now=NOW)
    assert reassess([BLOCKED], [], first, POLICY, now=LATER) == first


def test_a_risk_without_cause_closes_and_one_that_returns_has_new_dates() -> None:
    first = reassess([BLOCKED], [], [], POLICY, now=NOW)
    (closed,) = reassess([], [], first, POLICY, now=LATER)
    assert not closed.is_open
    (again,) = reassess([BLOCKED], [], [closed], POLICY, now=LATER)
    assert again.is_open
    assert (again.opened_at, again.due_on) == (LATER, LATER.date() + timedelta(days=30))


def test_an_inventory_finding_opens_a_risk_and_one_without_rule_none() -> None:
    words = Words("一言", "a word")
    found = [InventoryFinding(kind, "m v1", None, words) for kind in (FindingKind.ORPHAN, FindingKind.UNSERVED)]
    assert [risk.rule for risk in reassess([], found, [], POLICY, now=NOW)] == ["orphan"]


def test_an_open_gate_opens_nothing() -> None:
    assert reassess([factories.decision()], [], [], POLICY, now=NOW) == ()


@pytest.mark.parametrize(("score", "wanted"), [(4, Light.GREEN), (5, Light.AMBER), (9, Light.AMBER), (10, Light.RED)])
def test_the_appetite_itself_is_accepted(score: int, wanted: Light) -> None:
    assert light(score, POLICY.risks) is wanted


def test_the_heat_map_counts_open_risks_only() -> None:
    (risk,) = reassess([BLOCKED], [], [], POLICY, now=NOW)
    (closed,) = reassess([], [], [risk], POLICY, now=LATER)
    assert heat_map([risk, closed]) == {(4, 5): 1}
