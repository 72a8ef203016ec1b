# SPDX-License-Identifier: Apache-2.0
"""Where things are: `GOVERNANCE_*` environment variables as one frozen object."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """Every place and limit that differs between deployments."""

    model_config = SettingsConfigDict(env_prefix="GOVERNANCE_", frozen=True, extra="ignore")

    database_url: SecretStr = SecretStr(f"sqlite:///{_ROOT / '.governance' / 'governance.db'}")
    """SQLAlchemy URL of the governance database; SQLite or PostgreSQL (`postgresql+psycopg://`)."""
    policy_dir: Path = _ROOT / "include" / "policy"
    suite_dir: Path = _ROOT / "include" / "suites"
    """Expectation suites, one `<name>.yaml` each."""
    probe_dir: Path = _ROOT / "include" / "probes"
    """Probe sets for generative models, one `<name>.yaml` each."""
    template_dir: Path = _ROOT / "include" / "templates"
    pack_dir: Path = _ROOT / ".governance" / "packs"
    """Where committee packs are written."""
    signing_key: SecretStr | None = None
    """The key that seals the ledger, as `governance evidence keygen` prints it; else the file below is read."""
    signing_key_file: Path = _ROOT / ".governance" / "signing.key"
    verifier_key: str | None = None
    """The published half of the key; default: that of the signing key at hand."""
    checkpoint_url: str = str(_ROOT / ".governance" / "checkpoints")
    """Where checkpoints are published: a directory, or a URL that fsspec knows. Not the database's own disk."""
    audit_script: Path = _ROOT / "tools" / "audit_verify.py"
    """The program that verifies a bundle offline; shipped in every bundle."""
    smtp_url: SecretStr | None = None
    """Outgoing mail: smtp://host:25, smtps://user:password@host:465, or smtp+starttls://... on port 587."""
    mail_from: str = "ai-governance@localhost"
    audit_mailbox: str | None = None
    """Who gets a checkpoint each day, and word at once when evidence does not match."""
    evidence_url: str = str(_ROOT / ".governance" / "evidence")
    """Where evidence files are kept: a directory, or a URL that fsspec knows, such as s3://bucket/evidence."""
    evidence_max_bytes: int = Field(default=50_000_000, gt=0)
    """Of one evidence file."""
    data_dir: Path = _ROOT / ".governance" / "data"
    """Evaluation files are read from below this directory and from nowhere else."""
    warehouse_url: SecretStr | None = None
    """SQLAlchemy URL of the database that holds evaluation tables."""
    gate_batch: int = Field(default=20, ge=1, le=1000)
    """Versions that share a task of `model_gate` where there are more than 40; see `steps/gate_batches.py`."""
    mlflow_uri: str = "http://127.0.0.1:5000"
    mlflow_username: str | None = None
    mlflow_password: SecretStr | None = None
    mlflow_token: SecretStr | None = None
    mlflow_timeout_seconds: float = Field(default=10.0, gt=0, le=120)
    """Of one request; a sweep as a whole ends after `mlflow_sweep_seconds`."""
    mlflow_sweep_seconds: float = Field(default=600.0, gt=0)
    mlflow_webhook_secret: SecretStr | None = None
    """Shared with the webhook in MLflow; without it nothing is accepted from there."""
    probe_hosts: str = ""
    """Hosts (`host` or `host:port`, with commas) whose endpoints may be asked whether a held model has stopped."""
    font_dir: Path | None = None
    """Fonts for the packs; default: the Noto Sans CJK JP packages."""
    base_url: str = "http://127.0.0.1:8080"
    """Address of the Airflow UI, for links."""
    language: Literal["ja", "en"] = "ja"
    """Language of messages in the Airflow UI and the shell."""
