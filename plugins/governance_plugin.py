# SPDX-License-Identifier: Apache-2.0
"""What Airflow has to know of the product in every process: its timetable, its pages, and where they hang."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

from governance import orchestration
from governance.orchestration import CommitteeTimetable

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from governance.web.access import TaskRun


async def web(scope: Scope, receive: Receive, send: Send) -> None:
    """The web app; built at its first request, because a plugin is loaded by schedulers and workers, too."""
    await web_app()(scope, receive, send)


@cache
def web_app() -> FastAPI:
    """Every route of the product behind Airflow's login, with the settings of this process."""
    from governance.orchestration import host  # noqa: PLC0415 - as above
    from governance.settings import Settings  # noqa: PLC0415 - as above
    from governance.web import app  # noqa: PLC0415 - as above
    from governance.web.access import Access  # noqa: PLC0415 - as above

    login = Access(*host.for_pages(_task_run))
    return app.build(login, Settings().mlflow_webhook_secret, orchestration.hint_registry_changed)


def _task_run(dag_id: str, run_id: str, task_id: str, map_index: int) -> TaskRun | None:
    from governance.web.access import TaskRun  # noqa: PLC0415 - as above

    told = orchestration.task_run(dag_id, run_id, task_id, map_index)
    return TaskRun(*told) if told else None


# Addresses without a slash in front: Airflow resolves them below the path that it is served from.
_BUNDLE = "governance/gate_report.js"
_TAB = {"name": "Gate report", "bundle_url": _BUNDLE, "destination": "task_instance", "url_route": "gate_report"}
_TABS = {"name": "Gate report tabs", "bundle_url": _BUNDLE, "destination": "base"}
"""Shows nothing: makes room for the tab."""
_NAVIGATION = {"name": "AI governance", "href": "governance/", "destination": "nav", "url_route": "ai_governance"}


class GovernancePlugin(AirflowPlugin):
    """Registers the committee's timetable, mounts the web app below /governance, and shows its pages in the UI."""

    name = "governance"
    timetables = [CommitteeTimetable]  # noqa: RUF012 - Airflow reads a class attribute
    fastapi_apps = [{"app": web, "url_prefix": "/governance", "name": "Governance"}]  # noqa: RUF012 - as above
    external_views = [_NAVIGATION]  # noqa: RUF012 - as above
    react_apps = [_TAB, _TABS]  # noqa: RUF012 - as above
