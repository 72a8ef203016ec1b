# SPDX-License-Identifier: Apache-2.0
"""Starting processes of one stack, finding them again, and ending every one of them but never another.

A pid says nothing after its process ended, so no pid file is trusted. What counts is a marker in the
environment that each process of the stack inherits and that nothing else carries.
"""

import json
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from include.demo.environment import MARKER
from include.demo.errors import DemoError
from include.demo.layout import Layout
from include.demo.signals import undisturbed

_PROC = Path("/proc")


def start(
    layout: Layout, name: str, command: Sequence[str], environment: Mapping[str, str], *, keep_output: bool = False
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own; with `keep_output`, its answer goes to a file apart from its log."""
    log = log_file(layout, name)
    log.write_bytes(b"")  # what an earlier start said must not be taken for this one's
    with log.open("ab") as errors, output_file(layout, name).open("wb") if keep_output else log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=layout.root,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    (layout.pids / f"{name}.pid").write_text(f"{process.pid}\n", encoding="ascii")
    return process


def log_file(layout: Layout, name: str) -> Path:
    """Where a process writes what it does."""
    return layout.logs / f"{name}.log"


def output_file(layout: Layout, name: str) -> Path:
    """Where a process writes what it was asked for."""
    return layout.logs / f"{name}.out"


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a log, or nothing when there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, lines)).rstrip()
    except (FileNotFoundError, IsADirectoryError):
        return ""


def complaints(path: Path) -> str:
    """Return what a task's log (JSON lines) says went wrong."""
    said = []
    for line in tail(path, 200).splitlines():
        with suppress(ValueError, AttributeError):
            said += [f"{each['exc_type']}: {each['exc_value']}" for each in json.loads(line).get("error_detail") or ()]
    return "\n".join(said)


def running(layout: Layout) -> dict[str, int]:
    """Return the named processes that live and are ours."""
    living = ours(layout.root)
    recorded = {file.stem: _number(file) for file in sorted(layout.pids.glob("*.pid"))}
    return {name: pid for name, pid in recorded.items() if pid in living}


def ours(root: Path) -> set[int]:
    """Return every living process of the stack, strays included."""
    mark = f"{MARKER}={root}"
    found = _marked_in_proc(os.fsencode(mark)) if _PROC.is_dir() else _marked_by_ps(mark)
    return found - {os.getpid()}


def stop(layout: Layout, *, patience: float = 20.0) -> int:
    """End the whole stack and return how many processes that were.

    Raises:
        DemoError: A process outlived SIGKILL.
    """
    count = len(ours(layout.root))
    with undisturbed():
        _signal(layout.root, signal.SIGTERM)
        if not _gone(layout.root, patience) and not _killed(layout.root):
            raise DemoError(f"processes {sorted(ours(layout.root))} of {layout.root} do not end")
    for file in layout.pids.glob("*.pid"):
        file.unlink(missing_ok=True)
    return count


def _signal(root: Path, number: signal.Signals) -> None:
    """Signal each process group that a process of ours leads, then each process of ours outside of those."""
    living = ours(root)
    leaders = {pid for pid in living if _group(pid) == pid}
    for pid in leaders:
        _send(-pid, number)
    for pid in living:
        if _group(pid) not in leaders:
            _send(pid, number)


def _killed(root: Path) -> bool:
    for _ in range(10):
        _signal(root, signal.SIGKILL)
        if _gone(root, 1.0):
            return True
    return False


def _gone(root: Path, patience: float) -> bool:
    """Wait until two looks in a row find nothing: the first may fall between a fork and its exec."""
    deadline = time.monotonic() + patience
    looks = 0
    while looks < 2 and time.monotonic() < deadline:  # noqa: PLR2004
        looks = 0 if ours(root) else looks + 1
        time.sleep(0.1)
    return looks == 2  # noqa: PLR2004


def _send(target: int, number: signal.Signals) -> None:
    try:
        os.kill(target, number)
    except (ProcessLookupError, PermissionError):
        return  # it ended by itself


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _number(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (ValueError, FileNotFoundError):
        return 0


def _marked_in_proc(mark: bytes) -> set[int]:
    return {int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit() and mark in _environ(entry)}


def _environ(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return []  # another user's, or gone


def _marked_by_ps(mark: str) -> set[int]:
    listing = subprocess.run(
        ["/bin/ps", "-A", "-E", "-ww", "-o", "pid=,command="], capture_output=True, text=True, check=False
    )
    rows = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return {int(row[0]) for row in rows if len(row) > 1 and f" {mark} " in f"{row[1]} "}
