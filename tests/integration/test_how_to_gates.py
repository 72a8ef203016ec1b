# SPDX-License-Identifier: Apache-2.0
"""The how-to on approvals, waivers and holds, run as it is written against a real MLflow server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from governance.core.terms import Verdict
from tests.factories import shipped
from tests.integration.mlflow_server import mlflow_server
from tests.integration.releases import Release, release

ROOT = Path(__file__).resolve().parents[2]


def run(page: str, home: Path, there: Release) -> str:
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    policy, settings = home / "policy", there.rt.settings
    policy.mkdir()
    for name, section in there.rt.policy.model_dump(mode="json").items():
        (policy / f"{name}.yaml").write_text(json.dumps(section, ensure_ascii=False), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOVERNANCE_")}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GOVERNANCE_DATABASE_URL": settings.database_url.get_secret_value(),
        "GOVERNANCE_EVIDENCE_URL": settings.evidence_url,
        "GOVERNANCE_MLFLOW_URI": settings.mlflow_uri,
        "GOVERNANCE_POLICY_DIR": str(policy),
        "GOVERNANCE_LANGUAGE": "en",
    }
    told = subprocess.run(
        ["bash", "-c", "set -eux\n" + "\n".join(blocks)],
        cwd=home, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.mark.parametrize("page", ["gates.md", "gates.ja.md"])
def test_a_release_is_approved_waived_held_and_drilled_as_the_how_to_says(page: str, tmp_path: Path) -> None:
    cases = {code: gate.model_dump(mode="json") for code, gate in shipped().gates.of_use_cases.items()}
    with mlflow_server(tmp_path) as uri, release(tmp_path, uri, "lending", gates={"gates": cases}) as there:
        there.register(1, "canary")
        there.sync()
        there.measured(1, "bias", Verdict.FAIL)
        there.decide(1)
        told = run(page, tmp_path, there)
        assert "G1 use_case credit-scoring (high): passed" in told
        assert "lending v2: open" in told
        assert "lending v2 holds champion (done" in told
        assert re.search(r"^W-\w{10}: active$", told, re.MULTILINE)
        assert re.search(r"^H-\w{10}: released$", told, re.MULTILINE)
        assert re.search(r"^H-\w{10}: canary@champion \(v1\) in [0-9.]+ s$", told, re.MULTILINE)
        assert "champion" not in there.aliases()
