# SPDX-License-Identifier: Apache-2.0
"""Hold what the product says to its two languages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from governance.core.terms import Words

JAPANESE: Final = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")


def problems(words: Words) -> list[str]:
    """What is wrong with a text: silent in one language, or speaking the other. Names alone are the same in both."""
    if words.ja == words.en:
        return [] if words else ["silent"]
    found = [f"no Japanese in: {sentence}" for sentence in words.ja.split("。") if not JAPANESE.search(sentence)]
    return found + ([f"Japanese in: {words.en}"] if not words.en or JAPANESE.search(words.en) else [])
