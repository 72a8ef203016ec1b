# SPDX-License-Identifier: Apache-2.0
"""Make foreign text fit to print: a hostile model name must neither stop a pack nor pose as another name.

PDF/A and PDF/UA refuse to compile with a character that the font does not draw, and a bidirectional
override makes `gnp.exe` read as `exe.png`. What cannot be printed honestly is printed as `[U+202E]`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

LIMIT: Final = 200
"""Characters of a foreign text that are printed."""
BREAK: Final = "\u200b"
"""Zero-width space: a line may be broken here."""

_BLANKS: Final = "\n\r\t"
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that draw nothing."""
_STIFF_KANA: Final = "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ・ーヽヾゝゞ"
_STIFF: Final = rf"(?:[^\s\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]|[{_STIFF_KANA}])"
_LONG_WORD: Final = re.compile(rf"{_STIFF}{{17,}}")
"""Only between ordinary kana, kanji and hangul does a line break by itself."""
_FOOTHOLD: Final = re.compile(r"([_./,:;=@&?]|[^_./,:;=@&?]{10})(?=.)")


def guard(text: str, charset: AbstractSet[int], *, limit: int = LIMIT) -> str:
    """Show any text with the characters of a font, `limit` of them at most.

    Call it once for each text: the break opportunities it adds are themselves foreign to it.
    """
    return _LONG_WORD.sub(
        _with_breaks, _cut((_shown(char, charset) for char in unicodedata.normalize("NFC", text)), limit)
    )


def _shown(char: str, charset: AbstractSet[int]) -> str:
    code = ord(char)
    if char in _BLANKS:
        return " "
    if _selects_variation(code):
        return ""
    if unicodedata.category(char) in _UNPRINTABLE or char in _INVISIBLE or code not in charset:
        return f"[U+{code:04X}]"
    return char


def _selects_variation(code: int) -> bool:
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF  # noqa: PLR2004 - the two blocks of Unicode


def _cut(pieces: Iterable[str], limit: int) -> str:
    """Join whole pieces, the last one an ellipsis when not all fit."""
    kept, length = [""], 0
    for piece in pieces:
        length += len(piece)
        if length > limit:
            return _shortened(kept, limit)
        kept.append(piece)
    return "".join(kept)


def _shortened(kept: list[str], limit: int) -> str:
    text = "".join(kept)
    while len(text) > limit - 1:
        text = text.removesuffix(kept.pop())
    return f"{text}…"


def _with_breaks(word: re.Match[str]) -> str:
    return _FOOTHOLD.sub(rf"\1{BREAK}", word[0])
