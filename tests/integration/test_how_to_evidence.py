# SPDX-License-Identifier: Apache-2.0
"""The how-to about evidence, run as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["evidence.md", "evidence.ja.md"])
def test_every_command_of_the_how_to_works_in_the_order_given(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOVERNANCE_")}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GOVERNANCE_DATABASE_URL": f"sqlite:///{tmp_path / 'governance.db'}",
        "GOVERNANCE_SIGNING_KEY_FILE": str(tmp_path / "signing.key"),
        "GOVERNANCE_CHECKPOINT_URL": str(tmp_path / "checkpoints"),
        "GOVERNANCE_EVIDENCE_URL": str(tmp_path / "evidence"),
        "GOVERNANCE_PACK_DIR": str(tmp_path / "packs"),
        "GOVERNANCE_LANGUAGE": "en",
    }
    script = "set -eux\n" + "\n".join(blocks)
    told = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("all match") == 2
    assert len(re.findall(r"^OK \d+ entries in the ledger", told.stdout, re.MULTILINE)) == 2
