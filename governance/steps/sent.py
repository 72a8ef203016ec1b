# SPDX-License-Identifier: Apache-2.0
"""Whether a form was taken before: a page that is sent twice is one fact, whatever the clock says meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from governance.store import oversight as facts

if TYPE_CHECKING:
    from governance.runtime import Runtime


def before(rt: Runtime, seconds: int) -> str | None:
    """Id of what the form of this runtime's source has told within so many seconds; None if nothing yet."""
    with rt.reading() as session:
        return facts.told_by(session, rt.source, rt.clock() - timedelta(seconds=seconds))
