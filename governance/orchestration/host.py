# SPDX-License-Identifier: Apache-2.0
"""What the pages ask of Airflow when somebody writes: whether they may, a key for the forms, and a hold's enforcement.

For the api-server, the one process that may read and write Airflow's own database.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from governance.core.airflow_roles import ORDER_HOLD, Right
from governance.orchestration import logged_in, page_login, task_login

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.core.airflow_roles import Needed

_RUN: Final = "page__{}"
"""One run per hold, however often it is asked for."""


def for_pages(task_run: Callable[..., Any]) -> tuple[Any, Any, Any, Any, Any, bytes, Any, Any]:
    """What `web.access.Access` holds, in its order."""
    return page_login(), task_login(), logged_in(), task_run, may, form_key(), enforce, enforcing


def may(user: Any, needed: Needed) -> bool:  # noqa: ANN401 - whatever the login gives
    """Whether Airflow lets somebody trigger that DAG, or answer what it asks."""
    from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415 - knows Airflow's database
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails  # noqa: PLC0415 - as above
    from airflow.models.dag import DagModel

    is_trigger = needed.right is Right.TRIGGER
    return get_auth_manager().is_authorized_dag(
        method="POST" if is_trigger else "PUT",
        access_entity=DagAccessEntity.RUN if is_trigger else DagAccessEntity.HITL_DETAIL,
        details=DagDetails(id=needed.dag, team_name=DagModel.get_team_name(needed.dag)),
        user=user,
    )


def form_key() -> bytes:
    """Derived from Airflow's secret, which every api-server of an installation shares; empty if there is none."""
    from airflow.configuration import conf  # noqa: PLC0415 - as above

    secret = conf.get("api", "secret_key", fallback="")
    return hmac.new(secret.encode(), b"governance forms", hashlib.sha256).digest() if secret else b""


def enforce(hold: str, login: str) -> None:
    """Have a worker take the aliases of a hold away, in seconds where one is free."""
    from airflow.api.common.trigger_dag import trigger_dag  # noqa: PLC0415 - as above
    from airflow.exceptions import DagRunAlreadyExists  # noqa: PLC0415 - as above
    from airflow.utils.types import DagRunTriggeredByType  # noqa: PLC0415 - as above

    try:
        trigger_dag(
            ORDER_HOLD.dag,
            triggered_by=DagRunTriggeredByType.UI,
            triggering_user_name=login,
            run_id=_RUN.format(hold),
            conf={"hold": hold},
        )
    except DagRunAlreadyExists:
        return


def enforcing(hold: str) -> str | None:
    """How far that has come: Airflow's word for its run, or None if there is none."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session  # noqa: PLC0415 - as above
    from sqlalchemy import select  # noqa: PLC0415 - as above

    wanted = select(DagRun.state).where(DagRun.dag_id == ORDER_HOLD.dag, DagRun.run_id == _RUN.format(hold))
    with create_session() as session:
        state = session.scalars(wanted).first()
    return str(state) if state else None
