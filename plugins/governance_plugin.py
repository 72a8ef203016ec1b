# SPDX-License-Identifier: Apache-2.0
"""What Airflow has to know of the product in every process: its timetable."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from governance.orchestration import CommitteeTimetable


class GovernancePlugin(AirflowPlugin):
    """Registers the committee's timetable."""

    name = "governance"
    timetables = [CommitteeTimetable]  # noqa: RUF012 - Airflow reads a class attribute
