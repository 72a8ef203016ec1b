# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from governance.core.protection import Hole, Right, Wanted, grants, holes

GATE = "gate"
MODELS = (Wanted("a", "prod.a", "owner"), Wanted("b", "prod.b", None))
ACCOUNTS = frozenset({GATE, "owner", "other"})
PLACES = [(name, account) for one in MODELS for name in (one.name, one.protected) for account in sorted(ACCOUNTS)]
RIGHTS = st.fixed_dictionaries({}, optional={place: st.sampled_from(Right) for place in PLACES})


@given(RIGHTS)
def test_once_granted_the_gate_alone_manages_and_nothing_is_left_to_grant(rights: dict[tuple[str, str], Right]) -> None:
    then = rights | {(one.model, one.account): one.right for one in grants(MODELS, rights, ACCOUNTS, GATE)}
    assert grants(MODELS, then, ACCOUNTS, GATE) == ()
    assert holes(MODELS, then, ACCOUNTS, GATE) == ()
    assert {then["prod.a", GATE], then["prod.b", GATE]} == {Right.MANAGE}
    assert then["prod.a", "owner"] is Right.READ
    assert then["a", "owner"].rank >= Right.EDIT.rank


@given(RIGHTS)
def test_nobody_loses_anything_on_a_model_that_is_not_protected(rights: dict[tuple[str, str], Right]) -> None:
    given_ = grants(MODELS, rights, ACCOUNTS, GATE)
    assert all(one.right.rank > one.had.rank for one in given_ if not one.model.startswith("prod."))


def test_a_right_that_stays_in_spite_of_the_grants_is_a_hole() -> None:
    rights = {("prod.a", "other"): Right.EDIT, ("prod.b", GATE): Right.MANAGE, ("prod.b", "owner"): Right.USE}
    assert holes(MODELS, rights, ACCOUNTS, GATE) == (Hole("prod.a", "other", Right.EDIT),)
