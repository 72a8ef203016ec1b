# SPDX-License-Identifier: Apache-2.0
"""Set one document with Typst, in a process of its own: `python -I typeset.py DIRECTORY`.

A forked child that compiles after its parent did hangs for ever, and Airflow forks; so this runs in
a fresh interpreter, bounded in memory, time and output. `-I` hides PYTHONPATH: import nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
from pathlib import Path
from typing import Any, Final

STANDARDS: Final = ("a-3a", "ua-1")
_LIMITS: Final = {
    resource.RLIMIT_AS: 4 << 30,
    resource.RLIMIT_CPU: 120,
    resource.RLIMIT_FSIZE: 64 << 20,
    resource.RLIMIT_CORE: 0,
}


def main(directory: Path) -> int:
    """Compile `main.typ` to `out.pdf` as `job.json` says; without the strict standards if they cannot be met."""
    _bound()
    job = json.loads((directory / "job.json").read_text(encoding="utf-8"))
    # Behind everything else: where the parent found typst, should this interpreter not see it.
    sys.path.append(job["site"])
    import typst

    try:
        pdf = _compile(typst.compile, directory, job, STANDARDS)
    except typst.TypstError as error:
        sys.stderr.write(f"{error}\n")
        pdf = _compile(typst.compile, directory, job, ())
    (directory / "out.pdf").write_bytes(pdf)
    return 0


def _bound() -> None:
    for what, limit in _LIMITS.items():
        _, hard = resource.getrlimit(what)
        ceiling = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # Not every system knows every limit; the parent's timeout holds anyway.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (ceiling, ceiling))


def _compile(compiler: Any, directory: Path, job: dict[str, Any], standards: tuple[str, ...]) -> bytes:  # noqa: ANN401 - typst has no types
    nowhere = str(directory / "no-packages")
    pdf: bytes = compiler(
        str(directory / "main.typ"),
        root=str(directory),
        font_paths=job["fonts"],
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"degraded": "" if standards else "yes"},
        pdf_standards=list(standards),
        timestamp=job["timestamp"],
        package_path=nowhere,
        package_cache_path=nowhere,
    )
    return pdf


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
