# SPDX-License-Identifier: Apache-2.0
"""Run one way of doing something in a process of its own, and tell what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass(frozen=True, slots=True)
class Run:
    """What a process took."""

    compute: float
    """Seconds, without interpreter and imports."""
    process: float
    """Seconds of the whole process."""
    peak: float
    """Megabytes of resident memory, at most."""


def run(module: str, *arguments: str, python: str = sys.executable) -> Run:
    """Run `python -m module arguments` (or a file of that name), which prints one JSON line with `compute`."""
    started = time.perf_counter()
    called = [module] if module.endswith(".py") else ["-m", module]
    with subprocess.Popen([python, *called, *arguments], stdout=subprocess.PIPE, text=True) as process:
        told = process.stdout.read() if process.stdout else ""
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{module} {' '.join(arguments)} ended with {process.returncode}")
    compute = json.loads(told.splitlines()[-1])["compute"]
    return Run(compute, time.perf_counter() - started, usage.ru_maxrss / 1024)


@contextmanager
def telling() -> Generator[None]:
    """Print how long the block took, for the process that asked."""
    started = time.perf_counter()
    yield
    sys.stdout.write(json.dumps({"compute": time.perf_counter() - started}) + "\n")


def line(name: str, one: Run, peer: Run | None = None) -> str:
    """One row of the table: seconds, megabytes, and how many times the peer takes as much."""
    ratio = (
        f"{peer.compute / one.compute:>9.1f}x {peer.process / one.process:>8.1f}x {peer.peak / one.peak:>7.1f}x"
        if peer
        else ""
    )
    return f"{name:<28}{one.compute:>10.3f}{one.process:>10.2f}{one.peak:>9.0f}  {ratio}\n"


HEAD = f"{'':<28}{'compute s':>10}{'process s':>10}{'peak MB':>9}  {'peer/this: compute, process, memory'}\n"
