# SPDX-License-Identifier: Apache-2.0
"""What the commands share: the runtime of whoever types them, and the moments that their options name."""

from __future__ import annotations

import atexit
import gc
import getpass
from typing import TYPE_CHECKING

from governance.core.calendar import moment

if TYPE_CHECKING:
    from governance.runtime import Asked, Runtime


def runtime() -> Runtime:
    """The runtime of this shell; what it records names its user."""
    from governance import runtime as runtimes

    built = runtimes.build(actor=getpass.getuser(), source="shell")
    gc.freeze()  # what is loaded stays
    gc.enable()
    atexit.register(gc.freeze)  # what is left ends with the process
    atexit.register(built.engine.dispose)  # first: only this or a search for garbage closes what it has open
    return built


def asked(rt: Runtime, as_of: str | None, known_at: str | None) -> Asked:
    """The position on both clocks that the options name."""
    from governance.runtime import Asked

    return Asked(moment(as_of, rt.zone) if as_of else None, moment(known_at, rt.zone) if known_at else None)


def login(named: str | None) -> str:
    """Who speaks: whoever is named, else whoever runs this shell."""
    return named or getpass.getuser()
