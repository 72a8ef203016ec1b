# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from governance.core.airflow_roles import (
    APPROVE,
    ASK_WAIVER,
    DECIDE_WAIVER,
    EDIT,
    MENU,
    ORDER_HOLD,
    READ,
    ROLES,
    TAKE_NOTE,
    Permission,
    changes,
)

FORMS = ("gate_review", "waiver_request", "emergency_hold")
WRITES = {
    "Governance Viewer": set(),
    "Model Owner": {"can_create DAG Run:waiver_request", "can_edit DAG:waiver_request"},
    "Approver": {"can_edit DAG:gate_review", "can_edit DAG:waiver_request", "can_edit HITL Detail"},
    "CAIO": {"can_create DAG Run:emergency_hold", "can_edit HITL Detail", *(f"can_edit DAG:{dag}" for dag in FORMS)},
    "Auditor": set(),
}


def test_beyond_reading_each_role_has_what_it_is_for_and_nothing_else() -> None:
    own = {"can_edit My Password", "can_edit My Profile"}
    told = {
        role.name: {f"{one.action} {one.resource}" for one in role.permissions if one.action not in {READ, MENU}}
        for role in ROLES
    }
    assert told == {name: writes | own for name, writes in WRITES.items()}


def test_a_form_needs_the_right_of_the_dag_that_asks_for_the_same() -> None:
    needed = {"ask": ASK_WAIVER, "decide": DECIDE_WAIVER, "approve": APPROVE, "order": ORDER_HOLD, "note": TAKE_NOTE}
    given = {role.name: {name for name, one in needed.items() if one.given_by(role)} for role in ROLES}
    assert given == {
        "Governance Viewer": set(),
        "Model Owner": {"ask"},
        "Approver": {"decide", "approve", "note"},
        "CAIO": {"decide", "approve", "order", "note"},
        "Auditor": set(),
    }


def test_no_role_clashes_with_one_that_airflow_resets() -> None:
    assert {role.name for role in ROLES}.isdisjoint({"Admin", "Op", "User", "Viewer", "Public"})


def test_what_is_as_it_should_be_is_left_alone() -> None:
    assert not any(changes({role.name: role.permissions for role in ROLES}, FORMS))


def test_a_role_gets_what_it_lacks_loses_what_is_not_ours_and_waits_for_dags() -> None:
    extra = Permission(EDIT, "Task Instances")
    change = next(one for one in changes({"Approver": frozenset({extra})}, ("gate_review",)) if not one.is_new)
    assert change.remove == {extra}
    assert {one.dag for one in change.waiting} == {"waiver_request"}
    assert Permission(EDIT, "DAG:gate_review") in change.add
    assert change.add | change.waiting == change.role.permissions
