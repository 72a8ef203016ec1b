# SPDX-License-Identifier: Apache-2.0
"""Who may do what in Airflow (3.3-06): five roles for its FAB login, and how to bring what is there to what is wanted.

A role answers for what Airflow itself lets through; whether an answer counts is decided from our own records. FAB asks
for edit on a DAG *and* on the thing inside it, so nobody here gets edit on all DAGs: that would let an approver pause the
guard. Task instances, XComs and runs are written by nobody: marking, clearing and editing stay with Op and Admin.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from governance.core.terms import Words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

READ: Final = "can_read"
EDIT: Final = "can_edit"
CREATE: Final = "can_create"
MENU: Final = "menu_access"

_GATE_REVIEW: Final = "gate_review"
_WAIVER_REQUEST: Final = "waiver_request"
_EMERGENCY_HOLD: Final = "emergency_hold"

_READABLE: Final = (
    *("Assets", "Asset Aliases", "Backfills", "Cluster Activity", "DAGs", "DAG Code", "DAG Dependencies", "DAG Runs"),
    *("DAG Versions", "DAG Warnings", "HITL Detail", "ImportError", "Jobs", "My Password", "My Profile", "Plugins"),
    *("Pools", "Task Instances", "Task Logs", "Website", "XComs"),
)
_MENUS: Final = (
    *("Assets", "Browse", "Cluster Activity", "DAGs", "DAG Dependencies", "DAG Runs", "Docs", "Documentation"),
    *("HITL Detail", "Jobs", "Task Instances"),
)
_LOGS: Final = ("Audit Logs", "All Audit Logs")


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """An action on a resource, by the names FAB gives them."""

    action: str
    resource: str

    @property
    def dag(self) -> str:
        """The one DAG it is about, or an empty text."""
        kind, found, dag = self.resource.partition(":")
        return dag if found and kind in {"DAG", "DAG Run"} else ""


Permissions = frozenset[Permission]


@dataclass(frozen=True, slots=True)
class Role:
    """What somebody with a duty may do in Airflow."""

    name: str
    purpose: Words
    permissions: Permissions


@dataclass(frozen=True, slots=True)
class Change:
    """What brings one role from how it is to how it is meant."""

    role: Role
    is_new: bool
    add: Permissions
    remove: Permissions
    """What somebody gave it beside ours."""
    waiting: Permissions = frozenset()
    """What names a DAG that Airflow has not parsed yet."""

    def __bool__(self) -> bool:
        """True when there is something to do."""
        return self.is_new or bool(self.add or self.remove)


def _of(action: str, *resources: str) -> Permissions:
    return frozenset(Permission(action, resource) for resource in resources)


_VIEW: Final = _of(READ, *_READABLE) | _of(MENU, *_MENUS) | _of(EDIT, "My Password", "My Profile")
_AUDIT: Final = _of(READ, *_LOGS) | _of(MENU, "Audit Logs", "XComs")


def _answers(*dags: str) -> Permissions:
    return _of(EDIT, "HITL Detail", *(f"DAG:{dag}" for dag in dags))


def _triggers(*dags: str) -> Permissions:
    return _of(EDIT, *(f"DAG:{dag}" for dag in dags)) | _of(CREATE, *(f"DAG Run:{dag}" for dag in dags))


ROLES: Final = (
    Role("Governance Viewer", Words("閲覧のみ", "reads"), _VIEW),
    Role(
        "Model Owner",
        Words("閲覧し、適用除外を申請する", "reads, and asks for waivers"),
        _VIEW | _triggers(_WAIVER_REQUEST),
    ),
    Role(
        "Approver",
        Words("閲覧し、承認の問いに答える", "reads, and answers approvals"),
        _VIEW | _answers(_GATE_REVIEW, _WAIVER_REQUEST),
    ),
    Role(
        "CAIO",
        Words(
            "閲覧し、承認の問いに答え、緊急停止を命じ、監査ログを読む",
            "reads, answers approvals, orders emergency holds, and reads the audit log",
        ),
        _VIEW | _AUDIT | _answers(_GATE_REVIEW, _WAIVER_REQUEST, _EMERGENCY_HOLD) | _triggers(_EMERGENCY_HOLD),
    ),
    Role(
        "Auditor",
        Words(
            "監査ログを含めてすべて読み、何も書かない", "reads everything, the audit log included, and writes nothing"
        ),
        _VIEW | _AUDIT,
    ),
)
"""Named apart from FAB's own Admin, Op, User, Viewer and Public, which Airflow resets when it starts."""


class Right(StrEnum):
    """What Airflow lets somebody do with a DAG."""

    TRIGGER = "trigger"
    ANSWER = "answer"
    """A question that one of its tasks asks."""


@dataclass(frozen=True, slots=True, order=True)
class Needed:
    """The right that a form on a page needs: the same as the DAG that asks for the same thing."""

    right: Right
    dag: str

    def given_by(self, role: Role) -> bool:
        """Whether one of our roles has it."""
        wanted = _triggers(self.dag) if self.right is Right.TRIGGER else _answers(self.dag)
        return wanted <= role.permissions


ASK_WAIVER: Final = Needed(Right.TRIGGER, _WAIVER_REQUEST)
DECIDE_WAIVER: Final = Needed(Right.ANSWER, _WAIVER_REQUEST)
APPROVE: Final = Needed(Right.ANSWER, _GATE_REVIEW)
ORDER_HOLD: Final = Needed(Right.TRIGGER, _EMERGENCY_HOLD)
"""And to release it."""
TAKE_NOTE: Final = APPROVE
"""Of an escalation, and what the committee found about a hold: whoever is asked at gates."""


def changes(there: Mapping[str, Permissions], dags: Collection[str]) -> tuple[Change, ...]:
    """Compare each of our roles with what is there; other roles are none of our business."""
    return tuple(_change(role, there.get(role.name), dags) for role in ROLES)


def _change(role: Role, there: Permissions | None, dags: Collection[str]) -> Change:
    has = there or frozenset()
    waiting = frozenset(one for one in role.permissions - has if one.dag and one.dag not in dags)
    return Change(role, there is None, role.permissions - has - waiting, has - role.permissions, waiting)
