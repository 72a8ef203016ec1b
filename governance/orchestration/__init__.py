# SPDX-License-Identifier: Apache-2.0
"""Where Airflow meets the product: assets, defaults, the committee's timetable, error translation."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import pendulum
from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from governance.core import batches, calendar
from governance.core.terms import K, UseCaseKey, VersionKey
from governance.errors import GovernanceError, SourceUnavailableError
from governance.policy import Calendar, Gates, Meeting, load_section
from governance.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from governance.core.calendar import Month
    from governance.runtime import Runtime

T = TypeVar("T")
Batch = list[tuple[str, int]]
"""Versions that share a task, as XCom holds them."""

INVENTORY: Final = Asset(name="inventory", uri="governance://inventory", group="governance")
GATES: Final = Asset(name="gates", uri="governance://gates", group="governance")
RISKS: Final = Asset(name="risks", uri="governance://risks", group="governance")
REGISTRY_HINT: Final = Asset(name="registry_hint", uri="governance://registry-hint", group="governance")
"""Somebody says that MLflow changed. Never what changed: that is read."""

START: Final = pendulum.datetime(2026, 1, 1, tz="UTC")
DEFAULTS: Final[Mapping[str, Any]] = {
    "start_date": START,
    "catchup": False,
    "max_active_runs": 1,
    "default_args": {
        "owner": "ai-governance",
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(minutes=30),
    },
}
"""Arguments that every DAG shares."""


class GateBlockedError(AirflowFailException):
    """A gate is closed: the task is red at once, its message says why, no retry."""


@contextmanager
def task_errors() -> Generator[None]:
    """Translate our errors to Airflow's: those that a retry may help are retried, others fail at once."""
    try:
        yield
    except GovernanceError as error:
        kind = AirflowException if error.retryable else AirflowFailException
        raise kind(str(error)) from error


def at_gates(step: Callable[..., T], *subjects: object) -> T:
    """Take a step at the gates: `step` gets their steps, which load here, the runtime, and its subjects."""
    from governance.steps import gate_batches

    with task_errors():
        return step(gate_batches, runtime(), *subjects)


def runtime(actor: str = "airflow") -> Runtime:
    """The runtime of the running task; what it records names the DAG run, and who told it."""
    from governance import runtime as runtimes

    context = get_current_context()
    run = context["dag_run"]
    return runtimes.build(actor=actor, source=f"{run.dag_id}/{run.run_id}")


def subject(model: str, version: int) -> VersionKey:
    """The version of a mapped task."""
    return labelled(VersionKey(model, version))


def use_case(name: str) -> UseCaseKey:
    """The use case of a mapped task."""
    return labelled(UseCaseKey(name))


def labelled(key: K) -> K:
    """The subject of a mapped task, which is labelled with it before anything can go wrong."""
    context: dict[str, Any] = get_current_context()  # type: ignore[assignment]
    context["subject"] = str(key)
    return key


def subjects(batch: Sequence[tuple[str, int]]) -> list[VersionKey]:
    """The versions of a mapped task that several share, labelled with the first of them."""
    keys = [VersionKey(model, version) for model, version in batch]
    context: dict[str, Any] = get_current_context()  # type: ignore[assignment]
    context["subject"] = batches.label(keys)
    return keys


def require_open(reasons: str) -> None:
    """Turn the task red when `reasons` says why a gate is closed.

    Raises:
        GateBlockedError: with one line per reason.
    """
    if reasons:
        raise GateBlockedError(reasons)


def who_triggered() -> str:
    """The login of whoever started this run by hand; a scheduled run has none."""
    return get_current_context()["dag_run"].triggering_user_name or "nobody"


def ended_as_success(task_id: str) -> list[int]:
    """Map indexes of a task's instances of this run that ended as success, by whatever means."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 - knows the supervisor

    run = get_current_context()["dag_run"]
    found = RuntimeTaskInstance.get_task_states(dag_id=run.dag_id, task_ids=[task_id], run_ids=[run.run_id])
    states = {name: state for by_task in found.values() for name, state in by_task.items()}
    return [int(name.rpartition("_")[2]) for name, state in states.items() if state == "success" and name != task_id]


def answer_patience() -> timedelta:
    """How long a seat is waited for before it is asked again; a decision of the company."""
    section = load_section(Settings().policy_dir, "gates")
    assert isinstance(section, Gates)  # noqa: S101 - what SECTIONS says
    return timedelta(hours=section.asking.remind_after_hours)


def reported_month(context: Mapping[str, Any]) -> str | None:
    """The month to report: the `period` parameter, else the run's data interval, else None."""
    if period := context["params"].get("period"):
        return str(period)
    interval_start = context.get("data_interval_start")
    if interval_start is None:
        return None
    return str(calendar.month_of(interval_start, ZoneInfo(_calendar().time_zone)))


def daily(hour: int) -> CronTriggerTimetable:
    """Every day at that hour, company time."""
    return CronTriggerTimetable(f"0 {hour} * * *", timezone=_calendar().time_zone)


def hourly_or_hinted() -> AssetOrTimeSchedule:
    """Every hour, and as soon as MLflow announces a change."""
    return AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 * * * *", timezone="UTC"), assets=[REGISTRY_HINT])


def hint_registry_changed() -> None:
    """Ask for a reading of MLflow now; for the api-server, the one process that may write to Airflow's database.

    Raises:
        SourceUnavailableError: no DAG waits for the hint yet; trying again may help.
    """
    from airflow.assets.manager import asset_manager  # noqa: PLC0415 - knows Airflow's database
    from airflow.serialization.definitions.assets import SerializedAssetUniqueKey  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    key = SerializedAssetUniqueKey(name=REGISTRY_HINT.name, uri=REGISTRY_HINT.uri)
    with create_session() as session:
        event = asset_manager.register_asset_change(asset=key, extra={"from": "mlflow webhook"}, session=session)
    if event is None:
        raise SourceUnavailableError(
            f"Airflow does not know the asset {REGISTRY_HINT.uri}", hint="Wait until inventory_sync has been parsed."
        )


def committee_timetable() -> CommitteeTimetable:
    """The timetable that the policy's calendar describes."""
    import holidays

    policy = _calendar()
    public = holidays.country_holidays(policy.country, years=range(START.year, START.year + 10))
    return CommitteeTimetable(
        meeting=policy.committee,
        time_zone=policy.time_zone,
        closed=tuple(sorted({*public, *policy.closed_dates})),
        yearly=tuple((day.month, day.day) for day in policy.closed),
    )


@cache
def _calendar() -> Calendar:
    """The one policy file that a DAG file needs: a schedule is a decision of the company."""
    section = load_section(Settings().policy_dir, "calendar")
    assert isinstance(section, Calendar)  # noqa: S101 - what SECTIONS says
    return section


class CommitteeTimetable(Timetable):
    """Runs when a month's pack is due: business days before the committee meets; interval: that month.

    Holidays are part of the serialised DAG, so that no scheduler process has to know them.
    """

    description = "Some business days before the committee meets; covers the month that ended"

    def __init__(
        self, meeting: Meeting, time_zone: str, closed: tuple[date, ...] = (), yearly: tuple[tuple[int, int], ...] = ()
    ) -> None:
        self.meeting, self.zone = meeting, ZoneInfo(time_zone)
        self.closed, self.yearly = frozenset(closed), frozenset(yearly)

    def serialize(self) -> dict[str, Any]:
        """JSON for the DAG's stored form."""
        return {
            "meeting": self.meeting.model_dump(mode="json"),
            "time_zone": self.zone.key,
            "closed": sorted(day.isoformat() for day in self.closed),
            "yearly": sorted(list(day) for day in self.yearly),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CommitteeTimetable:
        """Back from the stored form."""
        return cls(
            Meeting.model_validate(data["meeting"]),
            data["time_zone"],
            tuple(date.fromisoformat(day) for day in data["closed"]),
            tuple((month, day) for month, day in data["yearly"]),
        )

    @property
    def summary(self) -> str:
        """What the UI shows as schedule."""
        lead, nth = self.meeting.pack_lead_business_days, self.meeting.business_day
        return f"{lead} business days before business day {nth}, {self.meeting.hour:02d}:00"

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """The month before the one that a manual run is dated in."""
        return self._interval(calendar.month_of(run_after, self.zone).previous)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The month after the last one run; without catch-up, packs already overdue but the newest are left out.

        A DAG that never ran starts with the next pack due, not with a month it knows nothing about.
        """
        month = self._next(last_automated_data_interval, restriction)
        if month is None or (restriction.latest is not None and month.start(self.zone) > restriction.latest):
            return None
        return DagRunInfo(run_after=self._due(month), data_interval=self._interval(month))

    def _next(self, last: DataInterval | None, restriction: TimeRestriction) -> Month | None:
        newest = calendar.newest_due(pendulum.now("UTC"), self.meeting, self._is_open, self.zone)
        if last is not None:
            following = calendar.month_of(last.start, self.zone).next
            return following if restriction.catchup else max(following, newest)
        if restriction.earliest is None:
            return None
        earliest = calendar.month_of(restriction.earliest, self.zone)
        return earliest if restriction.catchup else max(earliest, newest.next)

    def _due(self, month: Month) -> pendulum.DateTime:
        return _pendulum(calendar.pack_due(month, self.meeting, self._is_open, self.zone))

    def _interval(self, month: Month) -> DataInterval:
        return DataInterval(_pendulum(month.start(self.zone)), _pendulum(month.next.start(self.zone)))

    def _is_open(self, day: date) -> bool:
        saturday = 5
        return day.weekday() < saturday and day not in self.closed and (day.month, day.day) not in self.yearly


def _pendulum(moment: datetime) -> pendulum.DateTime:
    return pendulum.instance(moment)


def page_login() -> Callable[..., Any]:
    """Refuses whoever may not see Airflow's own pages; for the api-server."""
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView  # noqa: PLC0415 - FastAPI
    from airflow.api_fastapi.core_api.security import requires_access_view  # noqa: PLC0415 - as above

    return requires_access_view(AccessView.WEBSITE)


def task_login() -> Callable[..., Any]:
    """Refuses whoever may not see the task instances of the DAG that the path names; for the api-server."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity  # noqa: PLC0415 - FastAPI
    from airflow.api_fastapi.core_api.security import requires_access_dag  # noqa: PLC0415 - as above

    return requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)


def logged_in() -> Callable[..., Any]:
    """Gives the user who is logged in; for the api-server."""
    from airflow.api_fastapi.core_api.security import get_user  # noqa: PLC0415 - FastAPI

    return get_user


def task_run(
    dag_id: str, run_id: str, task_id: str, map_index: int
) -> tuple[str | None, datetime | None, datetime | None] | None:
    """What a task instance is called, and when its run started and ended; None if Airflow has forgotten it.

    For the api-server: workers must not read Airflow's database. A run that has not ended has no end.
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session  # noqa: PLC0415 - as above
    from sqlalchemy import select  # noqa: PLC0415 - as above

    columns: tuple[Any, ...] = (TaskInstance.rendered_map_index, DagRun.start_date, DagRun.end_date)
    wanted = (
        select(*columns)
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        .where(TaskInstance.task_id == task_id, TaskInstance.map_index == map_index)
    )
    with create_session() as session:
        row = session.execute(wanted).first()
    return None if row is None else (row[0], row[1], row[2])
