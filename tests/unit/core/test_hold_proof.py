# SPDX-License-Identifier: Apache-2.0
"""Whom a hold on a vendor reaches, and how far a hold is proven: begun is not done, and late stays late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from governance.core import gates, hold_proof, holds, vendors
from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.declared import DeclaredSystem, SystemKind
from governance.core.gates import Oversight
from governance.core.holds import Hold, HoldScope
from governance.core.terms import GateVerdict, VersionKey
from governance.policy import Endpoint, RiskTier
from governance.policy import Holds as Policy
from tests import factories
from tests.factories import NOW, key, passing

MODEL = key().model
ORDER = Hold("H-1", HoldScope.MODEL, MODEL, "safety", "harm", "sato", NOW, is_emergency=True)
POLICY = Policy()
SERVED = Policy(endpoints={MODEL: Endpoint(url="https://serving.example/ping", stopped=(410,))})
LIMIT = timedelta(minutes=POLICY.enforce_minutes)


def system(name: str = "chat", vendor: str | None = "Acme", use_case: str | None = "credit-scoring") -> DeclaredSystem:
    return DeclaredSystem(name, name, SystemKind.SAAS, "asks", vendor, use_case)


def bought(*names: str) -> Any:
    return factories.policy(use_cases={"use_cases": {"credit-scoring": {"vendors": list(names)}}})


@pytest.mark.parametrize("written", ["acme corp", "ＡＣＭＥ　Corp", "  Acme \t corp ", "ACME CORP"])
def test_a_vendor_is_the_same_however_its_name_is_written(written: str) -> None:
    assert vendors.key(written) == "acme corp"
    assert vendors.spelling(written, bought("Acme Corp"), ()) == "Acme Corp"


@given(st.text())
def test_the_key_of_a_key_is_the_key(name: str) -> None:
    assert vendors.key(vendors.key(name)) == vendors.key(name)


def test_nothing_is_held_by_a_name_that_comes_to_nothing() -> None:
    assert vendors.of_use_case("credit-scoring", bought(" "), [system(vendor=" ")]) == frozenset()
    assert vendors.spelling(" ", bought(" "), [system(vendor=" ")]) is None


@pytest.mark.parametrize(
    ("policy", "systems", "blocks"),
    [
        (bought("ACME"), (), True),
        (bought(), (system(),), True),
        (bought(), (system(use_case="form-reader"),), False),
        (bought(), (system(use_case=None),), False),
        (bought("Another"), (system(vendor="Another"),), False),
    ],
)
def test_a_hold_on_a_vendor_closes_the_gates_of_each_use_case_that_stands_on_it(
    policy: Any, systems: tuple[DeclaredSystem, ...], *, blocks: bool
) -> None:
    order = replace(ORDER, scope=HoldScope.VENDOR, target="Acme")
    told = Oversight(holds=(order,), slug="credit-scoring", systems=systems)
    [decided] = gates.decide_each(
        ["G4"], factories.version(), factories.use_case(), passing(), policy, told, now=NOW
    )  # fmt: skip
    assert ("hold" in {reason.check for reason in decided.reasons if reason.blocks}) == blocks
    assert (decided.verdict is GateVerdict.BLOCK) >= blocks
    assert ("hold H-1" in decided.bound) == blocks
    assert bool(gates.about(told, key(), "credit-scoring", policy).holds) == blocks
    assert not gates.held(told, VersionKey("orphan", 1), None, policy)


def test_declared_systems_behind_which_no_registered_model_serves_are_named() -> None:
    systems = (system("b-chat", use_case=None), system("scorer"), system("other", vendor="X"), system("a-old"))
    assert vendors.out_of_reach("ACME", bought(), systems, {MODEL}) == ("b-chat",)
    assert vendors.out_of_reach("acme", bought(), systems, set()) == ("a-old", "b-chat", "scorer")


def act(kind: ActionKind, state: ActionState = ActionState.DONE, after: float = 60, **changes: Any) -> AliasAction:
    at = NOW + timedelta(seconds=after)
    made = AliasAction("a", kind, MODEL, "champion", 1, None, "H-1", state, at, after, 1, {"status": 410})
    return replace(made, **changes)


ENFORCE, LOOK, PROBE = ActionKind.ENFORCE, ActionKind.LOOK, ActionKind.PROBE


@pytest.mark.parametrize(
    ("policy", "actions", "missing"),
    [
        (POLICY, [], (MODEL,)),
        (POLICY, [act(LOOK)], ()),
        (POLICY, [act(ENFORCE)], ()),
        (POLICY, [act(ENFORCE, ActionState.BEGUN)], (f"{MODEL}@champion",)),
        (POLICY, [act(ENFORCE, ActionState.FAILED)], (f"{MODEL}@champion",)),
        (POLICY, [act(ENFORCE, ground="H-2")], (MODEL,)),
        (POLICY, [act(ActionKind.PROMOTE)], (MODEL,)),
        (SERVED, [act(ENFORCE)], (f"endpoint of {MODEL}",)),
        (SERVED, [act(ENFORCE), act(PROBE, ActionState.BEGUN, 61)], (f"endpoint of {MODEL}",)),
        (SERVED, [act(ENFORCE), act(PROBE, after=61)], ()),
        (SERVED, [act(ENFORCE), act(PROBE, ActionState.OVERTAKEN, 61)], ()),
        (SERVED, [act(PROBE, after=61), act(ENFORCE, after=62)], (f"endpoint of {MODEL}",)),
    ],
)
def test_what_nobody_has_looked_at_or_only_begun_is_not_proven(
    policy: Policy, actions: list[AliasAction], missing: tuple[str, ...]
) -> None:
    found = hold_proof.of(ORDER, [MODEL], actions, policy, now=NOW + LIMIT)
    assert found.missing == missing
    assert not found.is_late
    assert hold_proof.of(ORDER, [MODEL], actions, policy, now=NOW + 2 * LIMIT).is_late == bool(missing)


@pytest.mark.parametrize(("after", "late"), [(1, False), (900, False), (900.1, True)])
def test_what_was_proven_after_the_limit_is_late_for_ever(after: float, *, late: bool) -> None:
    for kind in (ENFORCE, LOOK, PROBE):
        done = [act(LOOK), act(kind, after=after)]
        for order in (ORDER, replace(ORDER, released_at=NOW + timedelta(days=1))):
            assert hold_proof.of(order, [MODEL], done, POLICY, now=NOW + timedelta(days=9)).is_late is late


def test_a_hold_released_before_its_limit_is_not_late_for_what_was_not_proven() -> None:
    begun = [act(ENFORCE, ActionState.BEGUN)]
    released = replace(ORDER, released_at=NOW + LIMIT / 2)
    assert not hold_proof.of(released, [MODEL], begun, POLICY, now=NOW + 9 * LIMIT).is_late
    assert hold_proof.of(ORDER, [MODEL], begun, POLICY, now=NOW + 9 * LIMIT).is_late


def test_an_alias_that_came_back_is_another_removal_whose_seconds_count_from_then() -> None:
    later = NOW + timedelta(days=1)
    first, since = hold_proof.removal(ORDER, key(), "champion", [], now=later)
    assert since == ORDER.ordered_at
    again, since = hold_proof.removal(ORDER, key(), "champion", [act(ENFORCE)], now=later)
    assert (again.id != first.id, since) == (True, later)
    assert hold_proof.removal(ORDER, key(), "production", [act(ENFORCE)], now=later)[1] == ORDER.ordered_at
    assert hold_proof.removal(ORDER, key(), "champion", [act(LOOK, alias="")], now=later)[1] == later
    assert hold_proof.removal(ORDER, key(), "champion", [act(ENFORCE, ActionState.BEGUN)], now=later)[0] == first


def test_an_endpoint_is_asked_again_once_an_alias_came_back() -> None:
    asked = hold_proof.probe(ORDER, MODEL, [act(ENFORCE)], now=NOW)
    assert asked is not None
    assert asked[1] == ORDER.ordered_at
    assert hold_proof.probe(ORDER, MODEL, [act(ENFORCE), act(PROBE, after=61)], now=NOW) is None
    again = hold_proof.probe(ORDER, MODEL, [act(ENFORCE, after=90), act(PROBE, after=61)], now=NOW)
    assert again is not None
    assert (again[0].id != asked[0].id, again[1]) == (True, NOW + timedelta(seconds=90))


@pytest.mark.parametrize(
    ("url", "stopped"),
    [
        ("ftp://serving.example", [410]),
        ("https://", [410]),
        ("https://who:why@serving.example", [410]),
        ("https://serving.example:port", [410]),
        ("https://serving.example/#part", [410]),
        ("https://serving.example", [200]),
        ("https://serving.example", [302]),
        ("https://serving.example", []),
    ],
)
def test_an_address_that_is_none_or_an_answer_that_proves_nothing_is_no_endpoint(url: str, stopped: list[int]) -> None:
    with pytest.raises(ValidationError):
        Endpoint.model_validate({"url": url, "stopped": stopped}, strict=False)


@pytest.mark.parametrize(
    ("changes", "finding", "by", "why"),
    [
        ({}, "justified", "ito", ""),
        ({}, "justified", "sato", "whoever ordered it"),
        ({}, "justified", None, "nobody of people.yaml"),
        ({}, " ", "ito", "no finding"),
        ({"reviewed_at": NOW, "review": "justified"}, "justified", "ito", ""),
        ({"reviewed_at": NOW, "review": "justified"}, "not justified", "ito", "reviewed already: justified"),
    ],
)
def test_a_finding_is_recorded_once(changes: dict[str, Any], finding: str, by: str | None, why: str) -> None:
    told = holds.refuse_review(replace(ORDER, **changes), by, finding)
    assert why in told.en
    assert bool(told) == bool(why)


def test_a_released_hold_cannot_be_released_under_other_conditions() -> None:
    released = replace(ORDER, reviewed_at=NOW, released_at=NOW, released_by="sato", conditions="retrained")
    told = holds.refuse_release(released, "sato", "none", factories.shipped().people, POLICY, NOW.date())
    assert "released already (sato: retrained)" in told.en


def test_the_tier_of_a_held_use_case_makes_no_difference() -> None:
    order = replace(ORDER, scope=HoldScope.VENDOR, target="acme")
    told = Oversight(holds=(order,), slug="credit-scoring", systems=(system(),))
    for tier in (RiskTier.LOW, RiskTier.HIGH):
        decided = gates.decide(
            "G4", factories.version(), factories.use_case(), tier, passing(), bought(), told, now=NOW
        )  # fmt: skip
        assert decided.blocks
