# SPDX-License-Identifier: Apache-2.0
"""What decides loads nothing heavy, imports point down, and no file outgrows a reader."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PURE: Final = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for part in ("core", "policy")
    for path in (ROOT / "governance" / part).glob("*.py")
)
HEAVY: Final = frozenset(
    {"airflow", "sqlalchemy", "alembic", "mlflow", "great_expectations", "fairlearn", "pandas", "numpy", "duckdb", "httpx"}
)  # fmt: skip


def loaded_by(*modules: str) -> set[str]:
    script = f"import sys, {', '.join(modules)}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(told.stdout.split())


def test_core_and_policy_load_nothing_that_touches_the_outside() -> None:
    assert {"governance.core.gates", "governance.core.packs", "governance.policy.load"} <= set(PURE)
    loaded = loaded_by(*PURE)
    assert "pydantic" in loaded
    assert loaded & HEAVY == set()


def test_the_list_above_would_see_a_heavy_module() -> None:
    assert "sqlalchemy" in loaded_by("governance.store.models") & HEAVY


def test_imports_keep_to_the_layers() -> None:
    told = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert told.returncode == 0, told.stdout
    assert re.search(r"[1-9]\d* kept, 0 broken", told.stdout)


@pytest.mark.parametrize(("directory", "limit"), [("governance", 400), ("dags", 60), ("plugins", 60)], ids=str)
def test_no_file_outgrows_a_reader(directory: str, limit: int) -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / directory).rglob("*.py")}
    assert lengths
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > limit} == {}


def test_every_file_says_its_licence_in_its_first_line() -> None:
    missing = [
        str(path.relative_to(ROOT))
        for directory in ("governance", "dags", "plugins", "tests", "include")
        for path in (ROOT / directory).rglob("*.py")
        if not path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: Apache-2.0\n")
    ]
    assert missing == []
