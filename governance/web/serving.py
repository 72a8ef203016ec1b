# SPDX-License-Identifier: Apache-2.0
"""What one serving process keeps between requests: its runtime, the templates, and how all gates stand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from governance import runtime as runtimes
from governance.errors import SourceUnavailableError
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import pages as steps
from governance.steps.pages import Standing

_FRESH_SECONDS: Final = 3600
_PATIENCE_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 3.0
_LOOK: Final = "Check GOVERNANCE_DATABASE_URL and that the server runs."
Signature = tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class Serving:
    """Kept by one process; a policy that was edited is read again, a database that came back is asked again."""

    make: Callable[[Settings], Runtime] = runtimes.build
    settings: Settings = field(default_factory=Settings)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _runtime: Runtime | None = None
    _signature: Signature = ()
    _standing: Standing | None = None
    _read_at: datetime | None = None
    _down: tuple[float, SourceUnavailableError] | None = None
    """Until when nobody tries to connect again, and what is said meanwhile."""

    def runtime(self) -> Runtime:
        """The runtime of this process.

        Raises:
            PolicyError: the policy is missing or wrong.
            StoreError: the schema of the governance database is not the code's.
            SourceUnavailableError: the database does not answer.
        """
        with self._turn():
            signature = self._policy_files()
            if self._runtime is None or signature != self._signature:
                self._forget()
                self._runtime, self._signature = self._made(), signature
            return self._runtime

    @contextmanager
    def _turn(self) -> Generator[None]:
        """One request at a time connects; the others do not queue for a database that hangs.

        The threads are those of Airflow's own API: whoever waits here keeps others from being served.
        """
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            raise SourceUnavailableError("the governance database did not answer in time", hint=_LOOK)
        try:
            yield
        finally:
            self._lock.release()

    def _made(self) -> Runtime:
        if self._down is not None and time.monotonic() < self._down[0]:
            raise self._down[1]
        try:
            return self.make(self.settings)
        except SourceUnavailableError as error:
            self._down = time.monotonic() + _PAUSE_SECONDS, error
            raise

    def standing(self) -> Standing:
        """How all gates stand; what was committed since is read on top, and all of it again once an hour."""
        rt = self.runtime()
        now = rt.clock()
        is_fresh = self._read_at is not None and (now - self._read_at).total_seconds() < _FRESH_SECONDS
        found = steps.standing(rt, self._standing if is_fresh else None)
        self._standing = found
        if not is_fresh:
            self._read_at = now
        return found

    def failed(self) -> None:
        """The database failed: look at its schema again before the next page."""
        if self._lock.acquire(blocking=False):  # whoever holds it is connecting anew anyway
            try:
                self._forget()
            finally:
                self._lock.release()

    def _forget(self) -> None:
        if self._runtime is not None:
            self._runtime.engine.dispose()
        self._runtime = self._standing = self._read_at = None

    def _policy_files(self) -> Signature:
        found = []
        for path in sorted(self.settings.policy_dir.glob("*.yaml")):
            told: Any = path.stat()
            found.append((path.name, told.st_mtime_ns, told.st_size))
        return tuple(found)
