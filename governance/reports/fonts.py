# SPDX-License-Identifier: Apache-2.0
"""Which fonts a pack is set in, and which characters they draw."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from governance.errors import ReportError

_PACKAGES: Final = ("noto_cjk_sans_jp_regular", "noto_cjk_sans_jp_bold")
_SUFFIXES: Final = frozenset({".otf", ".ttf"})
_FAMILY: Final = (16, 1)
"""Name records that hold the family: the typographic one first."""
_HINT: Final = "Install noto-cjk-sans-jp-regular and noto-cjk-sans-jp-bold, or set GOVERNANCE_FONT_DIR to a directory with .otf or .ttf files that draw Japanese."


@dataclass(frozen=True, slots=True)
class Fonts:
    """Fonts as the renderer needs them."""

    directories: tuple[Path, ...]
    families: tuple[str, ...]
    charset: frozenset[int]
    """Code points that every face of a family draws, so that bold never lacks a character."""


def find(font_dir: Path | None) -> Fonts:
    """The fonts of a directory, or of the Noto Sans CJK JP packages.

    Raises:
        ReportError: there are none, or one cannot be read.
    """
    directories = (font_dir,) if font_dir else tuple(_package(name) for name in _PACKAGES)
    files = tuple(path for directory in directories for path in _files(directory))
    families = _read(files)
    charset = frozenset[int]().union(*families.values())
    return Fonts(directories, tuple(sorted(families)), charset)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ReportError(f"The font package {name} is not installed.", hint=_HINT)
    return Path(spec.submodule_search_locations[0])


def _files(directory: Path) -> list[Path]:
    found = (
        sorted(path for path in directory.rglob("*") if path.suffix.lower() in _SUFFIXES) if directory.is_dir() else []
    )
    if not found:
        raise ReportError(f"{directory}: no fonts there.", hint=_HINT)
    return found


@lru_cache(maxsize=4)
def _read(files: tuple[Path, ...]) -> dict[str, frozenset[int]]:
    """Family -> code points that all its faces draw."""
    families: dict[str, frozenset[int]] = {}
    for path in files:
        family, charset = _face(path)
        families[family] = families.get(family, charset) & charset
    return families


def _face(path: Path) -> tuple[str, frozenset[int]]:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with path.open("rb") as file, TTFont(file, lazy=True) as font:
            names = (font["name"].getDebugName(record) for record in _FAMILY)
            return next(name for name in names if name), frozenset(font.getBestCmap())
    except (TTLibError, OSError, KeyError, StopIteration, TypeError) as error:
        raise ReportError(f"{path}: not a font that can be read ({error}).", hint=_HINT) from error
