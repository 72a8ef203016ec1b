# SPDX-License-Identifier: Apache-2.0
"""How verdicts combine: the worst one counts, and unknown is never green (design section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from governance.core.terms import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

WORST_FIRST: Final = (
    Verdict.ERROR,
    Verdict.FAIL,
    Verdict.STALE,
    Verdict.NOT_RUN,
    Verdict.INSUFFICIENT,
    Verdict.WARN,
    Verdict.PASS,
)
"""The one order of verdicts."""


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of `verdicts`; `not_run` if there are none, because nobody looked."""
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.NOT_RUN)
