# SPDX-License-Identifier: Apache-2.0
"""When Airflow builds a committee pack, and which month it covers."""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING

import pytest
import time_machine

if TYPE_CHECKING:
    from collections.abc import Generator

    from governance.orchestration import CommitteeTimetable


@pytest.fixture(scope="module")
def timetable(tmp_path_factory: pytest.TempPathFactory) -> Generator[CommitteeTimetable]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", os.environ.get("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow"))))
        from governance import orchestration
        from governance.policy import Meeting

        yield orchestration.CommitteeTimetable(
            Meeting(business_day=8, pack_lead_business_days=5),
            "Asia/Tokyo",
            closed=(date(2026, 11, 3), date(2026, 11, 23), date(2027, 1, 1), date(2027, 1, 11)),
            yearly=((12, 29), (12, 30), (12, 31), (1, 2), (1, 3)),
        )


def info(
    timetable: CommitteeTimetable, *, last: str | None = None, earliest: str = "2026-01-01", catchup: bool = False
) -> tuple[str, str] | None:
    """The next run as (interval start, run after), both in Tokyo."""
    import pendulum
    from airflow.timetables.base import DataInterval, TimeRestriction

    start = pendulum.parse(last, tz="Asia/Tokyo") if last else None
    interval = DataInterval(start, start.add(months=1)) if isinstance(start, pendulum.DateTime) else None
    moment = pendulum.parse(earliest, tz="Asia/Tokyo")
    assert isinstance(moment, pendulum.DateTime)
    found = timetable.next_dagrun_info(
        last_automated_data_interval=interval,
        restriction=TimeRestriction(earliest=moment, latest=None, catchup=catchup),
    )
    if found is None or found.data_interval is None:
        return None
    local = [moment.in_timezone("Asia/Tokyo") for moment in (found.data_interval.start, found.run_after)]
    return local[0].to_date_string(), local[1].to_datetime_string()


@time_machine.travel("2026-11-24T00:00:00Z", tick=False)
def test_a_dag_that_never_ran_starts_with_the_next_pack_and_not_with_one_it_knows_nothing_about(
    timetable: CommitteeTimetable,
) -> None:
    assert info(timetable) == ("2026-11-01", "2026-12-03 09:00:00")


@time_machine.travel("2026-11-24T00:00:00Z", tick=False)
def test_after_a_run_the_next_month_follows(timetable: CommitteeTimetable) -> None:
    assert info(timetable, last="2026-10-01") == ("2026-11-01", "2026-12-03 09:00:00")


@time_machine.travel("2027-01-20T00:00:00Z", tick=False)
def test_a_pause_leaves_out_all_overdue_packs_but_the_newest(timetable: CommitteeTimetable) -> None:
    assert info(timetable, last="2026-08-01") == ("2026-12-01", "2027-01-06 09:00:00")


@time_machine.travel("2027-01-20T00:00:00Z", tick=False)
def test_catching_up_leaves_out_nothing(timetable: CommitteeTimetable) -> None:
    assert info(timetable, last="2026-08-01", catchup=True) == ("2026-09-01", "2026-10-05 09:00:00")
    assert info(timetable, earliest="2026-10-15", catchup=True) == ("2026-10-01", "2026-11-05 09:00:00")


def test_a_backfill_from_the_first_to_the_last_of_a_month_is_that_month_alone(timetable: CommitteeTimetable) -> None:
    import pendulum
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(pendulum.datetime(2026, 10, 1), pendulum.datetime(2026, 10, 31), catchup=True)
    first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert first is not None
    assert first.data_interval is not None
    assert first.data_interval.start.in_timezone("Asia/Tokyo").to_date_string() == "2026-10-01"
    assert timetable.next_dagrun_info(last_automated_data_interval=first.data_interval, restriction=restriction) is None


def test_a_manual_run_covers_the_month_before(timetable: CommitteeTimetable) -> None:
    import pendulum

    interval = timetable.infer_manual_data_interval(run_after=pendulum.datetime(2026, 5, 31, 15))
    assert interval.start.in_timezone("Asia/Tokyo").to_date_string() == "2026-05-01"
