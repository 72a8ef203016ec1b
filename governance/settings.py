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
    template_dir: Path = _ROOT / "include" / "templates"
    pack_dir: Path = _ROOT / ".governance" / "packs"
    """Where committee packs are written."""
    data_dir: Path = _ROOT / ".governance" / "data"
    """Evaluation files are read from below this directory and from nowhere else."""
    warehouse_url: SecretStr | None = None
    """SQLAlchemy URL of the database that holds evaluation tables."""
    mlflow_uri: str = "http://127.0.0.1:5000"
    mlflow_username: str | None = None
    mlflow_password: SecretStr | None = None
    mlflow_token: SecretStr | None = None
    mlflow_timeout_seconds: float = Field(default=10.0, gt=0, le=120)
    """Of one request; a sweep as a whole ends after `mlflow_sweep_seconds`."""
    mlflow_sweep_seconds: float = Field(default=600.0, gt=0)
    font_dir: Path | None = None
    """Fonts for the packs; default: the Noto Sans CJK JP packages."""
    base_url: str = "http://127.0.0.1:8080"
    """Address of the Airflow UI, for links."""
    language: Literal["ja", "en"] = "ja"
    """Language of messages in the Airflow UI and the shell."""
