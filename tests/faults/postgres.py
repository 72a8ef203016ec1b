# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the test's own, which dies whenever the test wants it to."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

_SECONDS: Final = 60


@dataclass
class Server:
    """Runs in `home`, on a port of its own, with fsync on."""

    programs: Path
    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.home, timeout=_SECONDS, **_unprivileged())

    def start(self) -> None:
        command = [str(self.programs / "postgres"), "-D", "data", "-p", str(self.port), "-k", str(self.home)]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-c", "listen_addresses=127.0.0.1"], cwd=self.home, stdout=log, stderr=log, **_unprivileged()
            )
        for _ in range(_SECONDS * 10):
            with suppress(psycopg.OperationalError):
                psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres").close()
                return
            time.sleep(0.1)
        raise TimeoutError((self.home / "log").read_text()[-2000:])

    def kill(self) -> None:
        """SIGKILL to all of its processes at once, as when a machine runs out of memory; nothing is tidied up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)  # no more children
        children = _children(self.process.pid)
        self.process.kill()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        while any(Path(f"/proc/{pid}").exists() and not _is_zombie(pid) for pid in children):
            time.sleep(0.01)
        # A dead server's locks look like a living one's as soon as its process ids are given to others.
        (self.home / "data" / "postmaster.pid").unlink(missing_ok=True)
        for path in self.home.glob(".s.PGSQL.*"):
            path.unlink()


def _children(parent: int) -> list[int]:
    running = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in running if _stat(pid)[1:2] == [str(parent)]]


def _is_zombie(pid: int) -> bool:
    return _stat(pid)[:1] == ["Z"]


def _stat(pid: int) -> list[str]:
    """State, parent and so on; the name before them may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    return (
        {"user": _account(), "group": pwd.getpwnam(_account()).pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    )


def _account() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _programs() -> Path:
    candidates = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr/pgsql").glob("*/bin")]
    if found := shutil.which("initdb"):
        candidates.append(Path(found).resolve().parent)
    for directory in sorted(candidates, reverse=True):
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    pytest.skip("no initdb and postgres on this machine")


@contextmanager
def private_server() -> Generator[Server]:
    programs, home = _programs(), Path(tempfile.mkdtemp(prefix="governance-faults-"))
    try:
        if os.getuid() == 0:
            shutil.chown(home, _account())
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            server = Server(programs, home, found.getsockname()[1])
        server.run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(home, ignore_errors=True)
