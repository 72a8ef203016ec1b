# SPDX-License-Identifier: Apache-2.0
"""How fast a pipeline learns whether a version may serve, and how long one pass over all versions takes.

Usage: python -m benchmarks.guard [MODELS]     default: 10000, one version and four results each, all with an approval
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pydantic import SecretStr

from governance import policy as policies
from governance.core import inventory
from governance.core.approvals import Answer, Response
from governance.core.terms import Finding, ModelVersion, RegisteredModel, Verdict, VersionKey
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import may_serve, model_gate, oversight
from governance.store import database, gates
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts

CHECKS = ("bias", "data_quality", "documentation", "performance")


def fill(rt: Runtime, models: int) -> None:
    """One champion a model, measured, decided and answered to."""
    known = [
        RegisteredModel(f"m{i}", aliases={"champion": 1}, versions=(ModelVersion(VersionKey(f"m{i}", 1)),))
        for i in range(models)
    ]
    with rt.writing() as session:
        telling = rt.telling(session)
        changes = inventory.reconcile(inventory.Reading.whole(known), ())
        inventory_facts.record_changes(session, changes, {}, telling)
        inventory_facts.record_sweep(session, known, changes, (), telling)
    for start in range(0, models, 200):
        with rt.writing() as session:
            telling = rt.telling(session)
            for i in range(start, min(models, start + 200)):
                key = VersionKey(f"m{i}", 1)
                for check in CHECKS:
                    gates.record_result(
                        session, (key, check), "definition", Finding(Verdict.PASS, n=1000, data_digest="d" * 64),
                        telling=telling, fresh_since=telling.at,
                    )  # fmt: skip
                said = Response(key, "G4", "f" * 64, "caio", "sato", Answer.APPROVE, "complete", telling.at)
                facts.record_response(session, said, telling)


def _worked() -> float:
    """What processes started here have used of a core: on a busy machine this stays as it is, unlike what they took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Fill a database, then time the command as a process, the question alone, and one pass."""
    models = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as home:
        url = f"sqlite:///{Path(home) / 'governance.db'}"
        engine = database.connect(SecretStr(url))
        database.upgrade(engine)
        rt = Runtime(Settings(database_url=SecretStr(url)), policies.load(Settings().policy_dir), engine)
        began = time.perf_counter()
        fill(rt, models)
        for i in range(models):
            model_gate.decide(rt, VersionKey(f"m{i}", 1))
        print(f"filled {models:,} models in {time.perf_counter() - began:.0f} s")
        command = [sys.executable, "-m", "governance.cli", "gate", "guard", f"models:/m{models // 2}@champion"]
        for _ in range(3):
            began, before = time.perf_counter(), _worked()
            told = subprocess.run(
                command, env=os.environ | {"GOVERNANCE_DATABASE_URL": url}, capture_output=True, text=True, check=False
            )
            took, worked = time.perf_counter() - began, _worked() - before
            print(f"gate guard, the process: {took:.2f} s, {worked:.2f} s of a core (exit {told.returncode})")
        began = time.perf_counter()
        may_serve.check(rt, f"m{models // 2}", alias="champion")
        print(f"the question alone: {time.perf_counter() - began:.3f} s")
        began = time.perf_counter()
        oversight.refresh(rt)
        print(f"one pass over all, deciding again: {time.perf_counter() - began:.1f} s")
        engine.dispose()


if __name__ == "__main__":
    main()
