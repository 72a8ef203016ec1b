# SPDX-License-Identifier: Apache-2.0
"""Print a committee pack: finished strings in, PDF/A-3a + PDF/UA-1 out, the same bytes every time."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel

from governance.core.evidence import plain
from governance.errors import ReportError
from governance.reports import fonts, front, rows
from governance.reports.style import Style

if TYPE_CHECKING:
    from governance.core.committee import Pack

TEMPLATE: Final = "pack.typ"
_PROGRAM: Final = Path(__file__).with_name("typeset.py")
_SECONDS: Final = 180
_CONFORMING: Final = b"<pdfaid:part>"
_NO_NETWORK: Final = dict.fromkeys(
    ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
)


def render(pack: Pack, language: str, *, template_dir: Path, font_dir: Path | None = None) -> bytes:
    """Set the pack in `language` ("ja" or "en"); the same pack, template and fonts give the same bytes.

    A pack that cannot meet the standards is set without them rather than missed: see `is_degraded`.

    Raises:
        ReportError: no template, no fonts, or the renderer failed.
    """
    found = fonts.find(font_dir)
    printed = content(pack, language, found.charset)
    job = {
        "fonts": [str(directory) for directory in found.directories],
        "site": _site(),
        "timestamp": int(pack.known_at.timestamp()),
    }
    with tempfile.TemporaryDirectory(prefix="governance-pack-") as name:
        directory = Path(name)
        _lay_out(directory, template_dir)
        _write(directory / "content.json", printed | {"families": list(found.families)})
        _write(directory / "job.json", job)
        return _typeset(directory)


def is_degraded(pdf: bytes) -> bool:
    """Whether a pack was set without PDF/A and PDF/UA because it could not meet them."""
    return _CONFORMING not in pdf


def content(pack: Pack, language: str, charset: frozenset[int]) -> dict[str, Any]:
    """Everything that is printed, as finished strings; `data` is the attachment `pack.json`."""
    style = Style(language, charset, _zone(pack.time_zone))
    known = pack.known_at.astimezone(UTC)
    return {
        "language": style.language,
        "company": style.name(pack.company),
        "title": style.say("月次AIガバナンス委員会資料", "Monthly AI governance committee pack"),
        "period": style.month(pack.period),
        "classification": style.name(pack.classification),
        "interim": pack.interim,
        "revision": pack.revision,
        "policy": style.digest(pack.policy_digest),
        "cover": front.cover(pack, style),
        "summary": front.summary(pack, style),
        "appetite": str(pack.appetite),
        "amber": str(pack.amber),
        "date": [known.year, known.month, known.day, known.hour, known.minute, known.second],
        "decisions": rows.decisions(pack, style),
        "tally": rows.tally(pack, style),
        "gates": rows.gates(pack, style),
        "heat": rows.heat(pack, style),
        "risks": rows.risks(pack, style),
        "kpis": rows.kpis(pack, style),
        "unknowns": rows.unknowns(pack, style),
        "inventory": rows.inventory(pack, style),
        "restatements": rows.restatements(pack, style),
        "seal": front.seal(pack, style),
        "data": json.dumps(record(pack), ensure_ascii=False, sort_keys=True, indent=1),
    }


def record(value: Any) -> Any:  # noqa: ANN401 - any part of a pack in, JSON out
    """A pack as machines read it: every name as it was found, nothing rounded, moments in UTC."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if is_dataclass(value):
        return {field.name: record(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): record(item) for key, item in value.items()}
    return [record(item) for item in value] if isinstance(value, tuple) else plain(value)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ReportError(
            f"{name!r} is not a time zone.", hint="Correct time_zone in calendar.yaml, for example Asia/Tokyo."
        ) from error


def _site() -> str:
    """Where this interpreter finds typst, for one that does not look at PYTHONPATH."""
    spec = importlib.util.find_spec("typst")
    if spec is None or not spec.submodule_search_locations:
        raise ReportError(
            "The package typst is not installed.", hint="Install the locked requirements: requirements/runtime.lock."
        )
    return str(Path(spec.submodule_search_locations[0]).parent)


def _lay_out(directory: Path, template_dir: Path) -> None:
    if not (template_dir / TEMPLATE).is_file():
        raise ReportError(
            f"{template_dir / TEMPLATE}: no such template.",
            hint="Set GOVERNANCE_TEMPLATE_DIR to the directory that holds pack.typ.",
        )
    for path in sorted(template_dir.glob("*.typ")):
        shutil.copyfile(path, directory / path.name)
    shutil.copyfile(template_dir / TEMPLATE, directory / "main.typ")


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, sort_keys=True, allow_nan=False), encoding="utf-8")


def _typeset(directory: Path) -> bytes:
    command = [sys.executable, "-I", str(_PROGRAM), str(directory)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, env=_environment(), cwd=directory, capture_output=True, timeout=_SECONDS, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise ReportError(
            f"The renderer did not finish: {error}",
            hint="Build the pack again; if it recurs, give the worker more processor time.",
        ) from error
    out = directory / "out.pdf"
    if done.returncode or not out.is_file():
        said = done.stderr.decode("utf-8", "replace").strip()[-1000:]
        raise ReportError(
            f"The pack could not be set (exit {done.returncode}): {said}",
            hint=f"If you changed {TEMPLATE}, correct it; else give the worker up to 4 GB of memory.",
        )
    return out.read_bytes()


def _environment() -> dict[str, str]:
    """Nothing of ours that could show in the result; two threads, so that memory does not grow with the cores."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | _NO_NETWORK | {"RAYON_NUM_THREADS": "2", "MALLOC_ARENA_MAX": "2"}
