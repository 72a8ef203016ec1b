# SPDX-License-Identifier: Apache-2.0
"""The environment of each process of the demo: its own secrets, and nothing of the shell that could break it."""

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from include.demo.layout import HOST, REPO, Layout

MARKER = "AI_GOVERNANCE_STACK"
USER = "admin"
_FOREIGN = ("AIRFLOW_", "MLFLOW_", "GOVERNANCE_", "PYTHON", MARKER)
_LOOPBACK = f"{HOST},localhost,::1"


def child_environment(layout: Layout, inherited: Mapping[str, str]) -> dict[str, str]:
    """Build what each process gets: the shell's variables, cleaned, then ours on top."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(_FOREIGN)}
    return kept | _process(layout, kept) | _product(layout) | _mlflow() | _airflow(layout) | _secret_settings(layout)


def password(layout: Layout) -> str:
    """Return the password of the one user, made once per stack."""
    return _kept(_password_file(layout), {USER: secrets.token_urlsafe(12)})[USER]


def _process(layout: Layout, kept: Mapping[str, str]) -> dict[str, str]:
    loopback = ",".join(filter(None, (_LOOPBACK, kept.get("NO_PROXY") or kept.get("no_proxy"))))
    return {
        MARKER: str(layout.root),
        "SPT_NOENV": "1",  # setproctitle would otherwise overwrite the marker in /proc/<pid>/environ
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", os.defpath))),
        "PYTHONPATH": str(REPO),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
    }


def _product(layout: Layout) -> dict[str, str]:
    return {
        "GOVERNANCE_DATABASE_URL": f"sqlite:///{layout.root / 'governance.db'}",
        "GOVERNANCE_WAREHOUSE_URL": f"sqlite:///{layout.data / 'warehouse.db'}",
        "GOVERNANCE_MLFLOW_URI": layout.mlflow_url,
        "GOVERNANCE_DATA_DIR": str(layout.data),
        "GOVERNANCE_PACK_DIR": str(layout.packs),
        "GOVERNANCE_EVIDENCE_URL": str(layout.root / "evidence"),
        "GOVERNANCE_SIGNING_KEY_FILE": str(layout.root / "signing.key"),
        "GOVERNANCE_CHECKPOINT_URL": str(layout.root / "checkpoints"),
        "GOVERNANCE_BASE_URL": layout.airflow_url,
    }


def _mlflow() -> dict[str, str]:
    return {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def _airflow(layout: Layout) -> dict[str, str]:
    settings = {
        "CORE__DAGS_FOLDER": str(layout.dags),
        "CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__MP_START_METHOD": "forkserver",
        "CORE__MP_FORKSERVER_PRELOAD": "airflow.sdk.execution_time.task_runner,great_expectations,pandas",
        "CORE__EXECUTION_API_SERVER_URL": f"{layout.airflow_url}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(layout)),
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{layout.airflow_home / 'airflow.db'}",
        "API__HOST": HOST,
        "API__PORT": str(layout.airflow_port),
        "API__BASE_URL": layout.airflow_url,
        "API__INSTANCE_NAME": "AI Governance",
        "API__WORKERS": "1",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }
    return {"AIRFLOW_HOME": str(layout.airflow_home)} | {f"AIRFLOW__{name}": value for name, value in settings.items()}


def _secret_settings(layout: Layout) -> dict[str, str]:
    fresh = {
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(96),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    password(layout)
    return _kept(layout.root / "secrets.json", fresh)


def _password_file(layout: Layout) -> Path:
    return layout.airflow_home / "passwords.json"


def _kept(path: Path, fresh: dict[str, str]) -> dict[str, str]:
    """Read the file, or write it first; only its owner may."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(fresh, file)
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept
