# SPDX-License-Identifier: Apache-2.0
"""The how-tos that need a shell and the product only, run as they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(page: str, home: Path) -> str:
    """Every command of a page, in the order given; what they print."""
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOVERNANCE_")}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GOVERNANCE_DATABASE_URL": f"sqlite:///{home / 'governance.db'}",
        "GOVERNANCE_SIGNING_KEY_FILE": str(home / "signing.key"),
        "GOVERNANCE_CHECKPOINT_URL": str(home / "checkpoints"),
        "GOVERNANCE_EVIDENCE_URL": str(home / "evidence"),
        "GOVERNANCE_PACK_DIR": str(home / "packs"),
        "GOVERNANCE_LANGUAGE": "en",
    }
    script = "set -eux\n" + "\n".join(blocks)
    told = subprocess.run(
        ["bash", "-c", script], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.mark.parametrize("page", ["evidence.md", "evidence.ja.md"])
def test_evidence_is_sealed_verified_and_handed_over_as_the_how_to_says(page: str, tmp_path: Path) -> None:
    told = run(page, tmp_path)
    assert told.count("all match") == 2
    assert len(re.findall(r"^OK \d+ entries in the ledger", told, re.MULTILINE)) == 2


@pytest.mark.parametrize("page", ["declared-ai.md", "declared-ai.ja.md"])
def test_declared_ai_is_imported_listed_and_exported_as_the_how_to_says(page: str, tmp_path: Path) -> None:
    told = run(page, tmp_path)
    assert "2 new" in told
    assert "2 unchanged" in told
    assert "meeting-notes" in told
    assert "spam-filter" in (tmp_path / "inventory.json").read_text(encoding="utf-8")
    assert (tmp_path / "inventory.xlsx").read_bytes()[:2] == b"PK"
