# SPDX-License-Identifier: Apache-2.0
"""Who held an alias on a day, and whether a gate stood behind it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.aliases import AliasChange, AliasMove, Holder, Seen, holder, judge
from governance.core.terms import VersionKey
from tests import factories

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL = "credit-scoring"
SEEN = Seen(factories.NOW, None)


def judged(alias: str, to_version: int | None, *decisions: Any, policy: Any = None) -> AliasMove:
    told = {(decision.subject, decision.gate): decision for decision in decisions}
    (move,) = judge([AliasMove(MODEL, alias, 1, to_version)], told, policy or factories.shipped(), SEEN)
    return move


def test_a_protected_alias_is_outside_the_gate_unless_a_decision_lets_its_version_pass() -> None:
    key = VersionKey(MODEL, 2)
    for decisions, id_, outside in (
        ((), None, True),
        ((factories.decision(key, blocks=True, id="no"),), None, True),
        ((factories.decision(VersionKey(MODEL, 1), id="of another"),), None, True),
        ((factories.decision(key, id="yes"),), "yes", False),
    ):
        move = judged("champion", 2, *decisions)
        assert (move.decision, move.outside_gate, move.seen_after) == (id_, outside, factories.NOW)


def test_other_aliases_and_removals_are_not_judged() -> None:
    for move in (judged("mine", 2), judged("champion", None)):
        assert (move.decision, move.outside_gate) == (None, None)


def test_where_two_gates_protect_an_alias_both_have_to_be_open() -> None:
    gate = factories.shipped().model_dump(mode="json")["gates"]["gates"]["G4"]
    policy = factories.policy(gates={"gates": {"G5": gate}})
    first, second = (factories.decision(VersionKey(MODEL, 2), gate=code, id=code) for code in ("G4", "G5"))
    assert judged("champion", 2, first, policy=policy).outside_gate is True
    move = judged("champion", 2, first, second, policy=policy)
    assert (move.decision, move.outside_gate) == ("G5", False)


def test_what_the_last_reading_missed_was_last_seen_by_the_one_before() -> None:
    seen = Seen(factories.NOW, factories.NOW - timedelta(days=1), frozenset({"missed"}))
    assert seen.after("missed") == factories.NOW - timedelta(days=1)
    assert seen.after(MODEL) == factories.NOW


def hour(number: int) -> datetime:
    return factories.NOW + timedelta(hours=number)


def change(to_version: int | None, after: int | None, at: int, alias: str = "champion") -> AliasChange:
    move = AliasMove(MODEL, alias, None, to_version, None if after is None else hour(after))
    return AliasChange(move, hour(at), hour(at))


HISTORY = (change(1, None, 0), change(2, 10, 11), change(None, 20, 24), change(9, 3, 4, alias="other"))


@pytest.mark.parametrize(
    ("at", "version", "possible", "is_certain"),
    [
        (-1, None, (None, 1), False),  # nobody had looked before
        (0, 1, (1,), True),
        (10, 1, (1,), True),
        (10.5, 1, (1, 2), False),
        (11, 2, (2,), True),
        (22, 2, (2, None), False),
        (24, None, (None,), True),
        (30, None, (None,), True),
        (31, None, (None,), False),  # nobody has looked since
    ],
)
def test_who_held_an_alias_on_a_day_is_known_but_for_the_window_of_a_move(
    at: float, version: int | None, possible: tuple[int | None, ...], *, is_certain: bool
) -> None:
    moment = factories.NOW + timedelta(hours=at)
    found = holder(HISTORY, MODEL, "champion", moment, hour(30))
    assert (found.version, found.possible, found.is_certain) == (version, possible, is_certain)


def test_of_an_alias_nobody_ever_read_nothing_is_certain() -> None:
    found = holder((), MODEL, "champion", hour(0), None)
    assert found == Holder(MODEL, "champion", hour(0), None)
    assert not found.is_certain


@st.composite
def truths(draw: st.DrawFn) -> tuple[Sequence[int | None], Sequence[int]]:
    """What the alias pointed at in each hour, and the hours in which somebody looked."""
    truth = draw(st.lists(st.sampled_from((None, 1, 2)), min_size=1, max_size=20))
    looks = draw(st.sets(st.integers(0, len(truth) - 1), min_size=1))
    return truth, sorted(looks)


@given(truths())
def test_what_is_certain_is_what_the_looks_on_both_sides_saw(told: tuple[Sequence[int | None], Sequence[int]]) -> None:
    truth, looks = told
    history, state, last = [], None, None
    for look in looks:
        if truth[look] != state:
            history.append(change(truth[look], last, look))
        state, last = truth[look], look
    for at in range(len(truth)):
        found = holder(history, MODEL, "champion", hour(at), hour(looks[-1]))
        if at in looks:
            assert (found.version, found.is_certain) == (truth[at], True)
        before = [truth[look] for look in looks if look <= at] or [None]
        after = [truth[look] for look in looks if look >= at]
        assert found.version == before[-1]
        if after and found.is_certain:
            assert after[0] == before[-1]
