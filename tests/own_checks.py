# SPDX-License-Identifier: Apache-2.0
"""Packages with checks of a company's own, installed without a network: a module and its metadata in a directory."""

from __future__ import annotations

import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

GUIDE: Final = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "own-check.md"


def block(language: str, guide: Path = GUIDE) -> str:
    """The code block of a language in the guide."""
    return guide.read_text(encoding="utf-8").partition(f"```{language}\n")[2].partition("```")[0]


def install(directory: Path, module: str, code: str, entries: Mapping[str, str], package: str = "acme-checks") -> Path:
    """Lay a package down as an installer would; returns the directory to put on the path."""
    directory.mkdir(exist_ok=True)
    (directory / f"{module}.py").write_text(code, encoding="utf-8")
    info = directory / f"{package.replace('-', '_')}-1.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2.0\n")
    lines = "".join(f"{name} = {target}\n" for name, target in entries.items())
    (info / "entry_points.txt").write_text(f"[governance.checks]\n{lines}")
    return directory


def install_the_guides(directory: Path) -> Path:
    """The package of the guide, exactly as it is written there."""
    project = tomllib.loads(block("toml"))["project"]
    return install(directory, "acme_checks", block("python"), project["entry-points"]["governance.checks"])


@contextmanager
def on_path(*directories: Path) -> Generator[None]:
    """The directories are importable within the block, and what was loaded from them is forgotten after it."""
    before, loaded = list(sys.path), set(sys.modules)
    sys.path[:0] = [str(directory) for directory in directories]
    try:
        yield
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - loaded:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if any(Path(file).is_relative_to(directory) for directory in directories):
                del sys.modules[name]
