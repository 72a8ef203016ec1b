# SPDX-License-Identifier: Apache-2.0
"""What Airflow has to know of the product in every process: its timetable, and where its web app hangs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

from governance.orchestration import CommitteeTimetable, hint_registry_changed

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send


async def web(scope: Scope, receive: Receive, send: Send) -> None:
    """The web app; built at its first request, because a plugin is loaded by schedulers and workers, too."""
    await web_app()(scope, receive, send)


@cache
def web_app() -> FastAPI:
    """Every route of the product, with the settings of this process."""
    from governance.settings import Settings  # noqa: PLC0415 - as above
    from governance.web import hooks  # noqa: PLC0415 - as above

    return hooks.build(Settings().mlflow_webhook_secret, hint_registry_changed)


class GovernancePlugin(AirflowPlugin):
    """Registers the committee's timetable, and mounts the web app below /governance."""

    name = "governance"
    timetables = [CommitteeTimetable]  # noqa: RUF012 - Airflow reads a class attribute
    fastapi_apps = [{"app": web, "url_prefix": "/governance", "name": "Governance"}]  # noqa: RUF012 - as above
