# SPDX-License-Identifier: Apache-2.0
"""What every step is given by hand: settings, policy, clock and database."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from governance import policy as policies
from governance.errors import PolicyError
from governance.policy import Policy
from governance.settings import Settings
from governance.store import database, ledger
from governance.store.facts import AsOf, Telling

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy.orm import Session

    from governance.core.calendar import IsOpen


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


@cache
def this_code() -> str:
    """The version of this code that decides: package version, and commit where there is one."""
    try:
        number = version("ai-governance-pipeline")
    except PackageNotFoundError:
        number = "unpackaged"
    return f"{number}+{commit}" if (commit := _commit()) else number


def _commit() -> str:
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return ""
    told = subprocess.run(  # noqa: S603 - a fixed command
        ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - wherever git is
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return told.stdout.strip() if told.returncode == 0 else ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The moments that a reader asks about: how things were, and as far as known when."""

    as_of: datetime | None = None
    known_at: datetime | None = None


NOW: Final = Asked()


@dataclass(frozen=True, slots=True)
class Runtime:
    """Built once per process and passed by hand; tests build one with a fixed clock."""

    settings: Settings
    policy: Policy
    engine: Engine
    clock: Callable[[], datetime] = utc_now
    actor: str = "system"
    source: str = "shell"
    """The DAG run, shell or import that tells what this runtime records."""
    code_version: Callable[[], str] = this_code
    """Asked only when something is recorded: it starts git, and a reader need not wait for that."""
    salt: ledger.Salt = ledger.new_salt
    """What hides the rows behind the ledger's commitments; tests draw known ones."""

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.policy.calendar.time_zone)

    def telling(self, session: Session) -> Telling:
        """Who tells the facts of one transaction, and when."""
        now = self.clock()
        return Telling(self.actor, self.source, now, ledger.moment(session, now))

    def current(self, session: Session) -> AsOf:
        """All that is known now; asked again for the same position, it reads the same."""
        return AsOf(self.clock(), ledger.known_at(session))

    def asked(self, session: Session, asked: Asked) -> AsOf:
        """Where a reader wants to stand on both clocks; unasked, now and with all that is known."""
        now = self.current(session)
        return AsOf(asked.as_of or now.as_of, asked.known_at or now.known_at)

    @contextmanager
    def reading(self) -> Generator[Session]:
        """One snapshot of the facts, whatever is written meanwhile."""
        with database.snapshot(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Generator[Session]:
        """One transaction over facts and ledger: committed at the end, or nothing of it is kept."""
        with ledger.writing(self.engine, self.salt) as session:
            yield session


def build(settings: Settings | None = None, *, actor: str = "system", source: str = "shell") -> Runtime:
    """Load policy first: a bad one stops everything before anything is touched.

    Raises:
        PolicyError: the policy is missing or wrong.
        StoreError: the schema of the governance database is not the code's.
        SourceUnavailableError: the database does not answer.
    """
    settings = settings or Settings()
    policy = policies.load(settings.policy_dir)
    engine = database.connect(settings.database_url)
    database.require_current(engine)
    return Runtime(settings, policy, engine, actor=actor, source=source)


def business_days(policy: Policy) -> IsOpen:
    """Whether a day is a business day: no weekend, public holiday or company holiday.

    Raises:
        PolicyError: nobody knows the public holidays of the policy's country.
    """
    import holidays  # noqa: PLC0415 - only a calendar needs it, and it loads slowly

    try:
        public = holidays.country_holidays(policy.calendar.country)
    except NotImplementedError as error:
        raise PolicyError(
            f"calendar.yaml: country: the public holidays of {policy.calendar.country} are not known",
            hint="Write an ISO 3166 code such as JP; further days off go to closed and closed_dates.",
        ) from error
    yearly = {(day.month, day.day) for day in policy.calendar.closed}
    single = set(policy.calendar.closed_dates)
    saturday = 5

    return lambda day: (
        not (day.weekday() >= saturday or day in public or (day.month, day.day) in yearly or day in single)
    )
