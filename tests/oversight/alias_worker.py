# SPDX-License-Identifier: Apache-2.0
"""Begin what moves an alias, and stand still around the write to MLflow until somebody kills the process.

usage: alias_worker.py DATABASE_URL MLFLOW_URI EVIDENCE_URL MODEL

Each line `promote|revert|enforce before|after [HOLD]` on standard input forks a worker, whose process id is printed
once it stands there: `before` nothing is written to MLflow yet, `after` it is and nobody has looked again. Forking
saves each worker the time to import.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any
from unittest import mock

from pydantic import SecretStr

from governance.core.terms import VersionKey
from governance.runtime import Runtime
from governance.settings import Settings
from governance.sources import model_registry_write
from governance.steps import alias_guard, hold_enforcement, promotion
from governance.store import database
from tests.integration.releases import rules


def stand_still() -> None:
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


def work(settings: Settings, model: str, what: str, when: str, *hold: str) -> None:
    write = model_registry_write._point

    def point(*told: Any) -> None:
        if when == "after":
            write(*told)
        stand_still()

    rt = Runtime(settings, rules(model), database.connect(settings.database_url), actor="worker", source="worker")
    with mock.patch.object(model_registry_write, "_point", point):
        match what:
            case "promote":
                promotion.promote(rt, VersionKey(model, 2), "champion")
            case "revert":
                alias_guard.guard(rt)
            case "enforce":
                hold_enforcement.enforce(rt, hold[0])


def main(database_url: str, mlflow_uri: str, evidence_url: str, model: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    settings = Settings(
        database_url=SecretStr(database_url), mlflow_uri=mlflow_uri, evidence_url=evidence_url, language="en"
    )
    for line in sys.stdin:
        if os.fork() == 0:
            try:
                work(settings, model, *line.split())
            finally:
                os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
