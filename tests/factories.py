# SPDX-License-Identifier: Apache-2.0
"""Small, valid facts and policies; a test overrides only what it is about."""

from __future__ import annotations

import functools
import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from governance.core.terms import (
    CheckResult,
    Finding,
    GateDecision,
    GateVerdict,
    ModelVersion,
    Reason,
    RegisteredModel,
    Risk,
    Verdict,
    VersionKey,
    Words,
)
from governance.policy import Policy, RiskTier, UseCase, load

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).resolve().parents[1]
SHIPPED: Final = ROOT / "include" / "policy"
NOW: Final = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
REQUIRED: Final = ("bias", "data_quality", "documentation", "performance")
"""What the shipped policy requires of a high tier."""


@functools.cache
def shipped() -> Policy:
    return load(SHIPPED)


def policy(**changes: Any) -> Policy:
    """The shipped policy with pieces replaced: `policy(risks={"appetite": 4})` replaces that piece alone."""
    content = _merged(shipped().model_dump(mode="json"), changes)
    return Policy.model_validate_json(json.dumps(content))


@functools.cache
def with_one_gate() -> Policy:
    """The shipped policy, but G4 is its only gate."""
    content = shipped().model_dump(mode="json")
    content["gates"]["gates"] = {"G4": content["gates"]["gates"]["G4"]}
    return Policy.model_validate_json(json.dumps(content))


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def policy_dir(target: Path, **files: str) -> Path:
    """A copy of the shipped policy directory; `files` replace whole sections by name."""
    shutil.copytree(SHIPPED, target)
    for name, text in files.items():
        (target / f"{name}.yaml").write_text(text, encoding="utf-8")
    return target


def use_case(slug: str = "credit-scoring", **changes: Any) -> UseCase:
    return shipped().use_cases.use_cases[slug].model_copy(update=changes)


def key(model: str = "credit-scoring", number: int = 1) -> VersionKey:
    return VersionKey(model, number)


def version(model: str = "credit-scoring", number: int = 1, **changes: Any) -> ModelVersion:
    fields: dict[str, Any] = {
        "run_id": f"run-{number}",
        "source": f"models:/{number}",
        "description": "logistic regression",
        "tags": {"intended_use": "loans"},
        "metrics": {"auc": 0.78},
        "params": {"C": "1.0"},
        "created_at": datetime(2026, 10, 1, tzinfo=UTC),
    }
    return ModelVersion(key(model, number), **(fields | changes))


def registered(name: str = "credit-scoring", numbers: tuple[int, ...] = (1,), **changes: Any) -> RegisteredModel:
    fields: dict[str, Any] = {
        "description": "scores",
        "tags": {"team": "risk"},
        "aliases": {},
        "versions": tuple(version(name, number) for number in numbers),
    }
    return RegisteredModel(name, **(fields | changes))


def result(
    check: str = "bias",
    verdict: Verdict = Verdict.PASS,
    *,
    subject: VersionKey | None = None,
    at: datetime = NOW,
    **finding: Any,
) -> CheckResult:
    fields: dict[str, Any] = {"n": 1000, "detail": Words("確認済み", "seen"), "data_digest": "d" * 64}
    subject = subject or key()
    said = Finding(verdict, **(fields | finding))
    return CheckResult(f"{subject}/{check}/{at:%Y%m%d}", subject, check, at, "definition", said)


def passing(*names: str, **changes: Any) -> dict[str, CheckResult]:
    return {name: result(name, **changes) for name in names or REQUIRED}


def decision(
    subject: VersionKey | None = None, *, blocks: bool = False, gate: str = "G4", **changes: Any
) -> GateDecision:
    fields: dict[str, Any] = {
        "tier": RiskTier.HIGH,
        "reasons": (Reason("bias", Verdict.FAIL, at=NOW),) if blocks else (),
        "policy_digest": shipped().digest,
        "facts_digest": "f" * 64,
        "evidence": {"bias": "r1"},
        "at": NOW,
    }
    said = GateVerdict.BLOCK if blocks else GateVerdict.PASS
    return GateDecision(subject or key(), gate, verdict=said, **(fields | changes))


def risk(subject: str = "credit-scoring v1", rule: str = "bias", **changes: Any) -> Risk:
    fields: dict[str, Any] = {
        "use_case": "credit-scoring",
        "likelihood": 4,
        "impact": 5,
        "cause": Words("偏り: 不合格", "bias: fail"),
        "is_open": True,
        "owner": "tanaka",
        "opened_at": NOW,
        "due_on": date(2026, 12, 10),
    }
    return Risk(subject, rule, **(fields | changes))
