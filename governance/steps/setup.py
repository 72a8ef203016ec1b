# SPDX-License-Identifier: Apache-2.0
"""Set a company up: write its starter policy, and examine what its deployment lacks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from governance import policy as policies
from governance.checks import suites
from governance.errors import GovernanceError, PolicyError
from governance.reports import fonts
from governance.sources import model_registry
from governance.steps import evidence_seal
from governance.store import checkpoints, database, files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from governance.settings import Settings


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that a deployment needs, and how it is."""

    what: str
    ok: bool
    detail: str
    remedy: str = ""


def write_starter(template_dir: Path, directory: Path, language: str) -> list[Path]:
    """Write the starter policy in `language` to a new or empty directory; nothing is overwritten.

    Raises:
        PolicyError: the directory holds something already, or cannot be written.
    """
    if directory.exists() and any(directory.iterdir()):
        raise PolicyError(f"{directory}: not empty", hint="Name a new directory; nothing was written.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return [
            _copy(source, directory / source.name)
            for source in sorted((template_dir / "starter" / language).glob("*.yaml"))
        ]
    except OSError as error:
        raise PolicyError(
            f"{directory}: {error.strerror or error}", hint="Choose a directory that you can write."
        ) from error


def _copy(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes())
    return target


def examine(settings: Settings) -> list[Examined]:
    """Look at everything that the DAGs need; each failure comes with its remedy."""
    return [_try(what, probe, settings) for what, probe in _PROBES.items()]


def _try(what: str, probe: Callable[[Settings], str], settings: Settings) -> Examined:
    try:
        return Examined(what, ok=True, detail=probe(settings))
    except GovernanceError as error:
        message, _, remedy = str(error).rpartition("\n") if error.hint else (str(error), "", "")
        return Examined(what, ok=False, detail=message, remedy=remedy)


def _policy(settings: Settings) -> str:
    policy = policies.load(settings.policy_dir)
    return f"{settings.policy_dir}: {len(policy.use_cases.use_cases)} use cases, digest {policy.digest[:12]}"


def _suites(settings: Settings) -> str:
    policy = policies.load(settings.policy_dir)
    named = sorted({case.suite for case in policy.use_cases.use_cases.values() if case.suite})
    for name in named:
        suites.read(settings.suite_dir / f"{name}.yaml")
    return f"{len(named)} expectation suites in {settings.suite_dir}"


def _database(settings: Settings) -> str:
    engine = database.connect(settings.database_url)
    database.require_current(engine)
    return f"{engine.dialect.name}, schema {database.status(engine)[0]}"


def _mlflow(settings: Settings) -> str:
    return f"{settings.mlflow_uri}: MLflow {model_registry.ping(settings)}"


def _data(settings: Settings) -> str:
    if not settings.data_dir.is_dir():
        raise GovernanceError(
            f"{settings.data_dir}: no such directory",
            hint="Create it, or set GOVERNANCE_DATA_DIR to where evaluation files lie.",
        )
    return str(settings.data_dir)


def _warehouse(settings: Settings) -> str:
    if settings.warehouse_url is None:
        return "not configured (needed only for evaluation tables in a database)"
    try:
        engine = create_engine(settings.warehouse_url.get_secret_value())
        with engine.connect() as connection:
            connection.execute(text("select 1"))
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise GovernanceError(
            f"the warehouse did not answer ({type(error).__name__})",
            hint="Check GOVERNANCE_WAREHOUSE_URL and that the server runs.",
        ) from error
    return engine.dialect.name


def _evidence(settings: Settings) -> str:
    files.exists(settings, "0" * 64)
    return settings.evidence_url


def _seal(settings: Settings) -> str:
    key = evidence_seal.verifier_key(settings)
    if evidence_seal.signing_key(settings) is None or key is None:
        raise GovernanceError(
            "there is no key to seal the ledger with",
            hint="Run `governance evidence keygen NAME`, or set GOVERNANCE_SIGNING_KEY.",
        )
    count = len(checkpoints.published(settings.checkpoint_url))
    return f"{key}; {count} checkpoints published in {settings.checkpoint_url}"


def _fonts(settings: Settings) -> str:
    return ", ".join(fonts.find(settings.font_dir).families)


def _pack_dir(settings: Settings) -> str:
    nearest = next(path for path in (settings.pack_dir, *settings.pack_dir.parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        raise GovernanceError(
            f"{settings.pack_dir}: not writable",
            hint="Set GOVERNANCE_PACK_DIR to a directory that Airflow's workers can write.",
        )
    return str(settings.pack_dir)


_AIRFLOW: Final = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "Set it to False: example DAGs do not belong beside ours.",
    "AIRFLOW__CORE__DAGS_FOLDER": "Set it to the product's dags/ directory.",
    "AIRFLOW__CORE__PLUGINS_FOLDER": "Set it to the product's plugins/ directory: the committee's timetable lives there.",
    "AIRFLOW__API_AUTH__JWT_SECRET": "Set the same secret of at least 64 bytes in every component.",
}


def _airflow(settings: Settings) -> str:  # noqa: ARG001 - one signature for all
    missing = [name for name in _AIRFLOW if not os.environ.get(name)]
    if missing:
        raise GovernanceError(
            f"not set in this shell: {', '.join(missing)}", hint=" ".join(_AIRFLOW[name] for name in missing)
        )
    shortest = 64
    if len(os.environ["AIRFLOW__API_AUTH__JWT_SECRET"].encode()) < shortest:
        raise GovernanceError(
            "AIRFLOW__API_AUTH__JWT_SECRET is shorter than 64 bytes", hint=_AIRFLOW["AIRFLOW__API_AUTH__JWT_SECRET"]
        )
    return "the settings that the DAGs rely on are set"


_PROBES: Final[dict[str, Callable[[Settings], str]]] = {
    "policy": _policy,
    "suites": _suites,
    "database": _database,
    "mlflow": _mlflow,
    "data": _data,
    "warehouse": _warehouse,
    "packs": _pack_dir,
    "evidence": _evidence,
    "seal": _seal,
    "fonts": _fonts,
    "airflow": _airflow,
}
