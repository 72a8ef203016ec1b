# SPDX-License-Identifier: Apache-2.0
"""Start workers that append facts until somebody kills them.

usage: worker.py DATABASE_URL DIRECTORY

Each line `NAME START` on standard input forks a worker, whose process id is printed. It appends facts number START,
START + 1 ... through the same calls as every step, tries each again until it is committed, and then notes it in
DIRECTORY/NAME. Forking saves each worker the time to import.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from governance.store import database, facts, ledger
from governance.store.facts import Telling
from governance.store.models import AliasEvent

if TYPE_CHECKING:
    from sqlalchemy import Engine

ALIASES: Final = ("one", "two", "three")
"""Facts of one transaction: all of them are there, or none."""


def append(engine: Engine, name: str, number: int) -> bool:
    """Append the facts of one number; False if they were there already, from a commit that nobody heard of."""
    head = {"subject": name, "model": f"{name}/{number}", "from_version": None, "to_version": number}
    with ledger.writing(engine) as session:
        now = datetime.now(UTC)
        telling = Telling("worker", "faults", now, ledger.moment(session, now))
        rows = [AliasEvent(alias=alias, **head) for alias in ALIASES]
        return bool(facts.record_changed(session, rows, telling, AliasEvent.model == f"{name}/{number}"))


def work(url: str, directory: Path, name: str, start: int) -> None:
    engine = database.connect(SecretStr(url))
    notes = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in itertools.count(start):
        while True:
            try:
                is_new = append(engine, name, number)
                break
            except DBAPIError:  # the server is away
                engine.dispose()
                time.sleep(0.05)
        os.write(notes, f"{number} {'new' if is_new else 'known'}\n".encode())


def main(url: str, directory: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        name, start = line.split()
        if (pid := os.fork()) == 0:
            try:
                work(url, directory, name, int(start))
            finally:
                os._exit(1)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
