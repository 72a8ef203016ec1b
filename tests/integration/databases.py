# SPDX-License-Identifier: Apache-2.0
"""A governance database of the test's own, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

KINDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
on_both = pytest.mark.parametrize("there", KINDS, indirect=True)
"""For what has to hold on each kind of database, where the fixture `there` takes the kind."""
_SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432"


@contextmanager
def database(kind: str, directory: Path, template: SecretStr | None = None) -> Generator[SecretStr]:
    """The URL of an empty database, or of a copy of one that nobody has open, that is gone afterwards."""
    if kind == "sqlite":
        if template is not None:
            shutil.copy(str(sa.make_url(template.get_secret_value()).database), directory / "governance.db")
        yield SecretStr(f"sqlite:///{directory / 'governance.db'}")
        return
    server = sa.create_engine(f"{_SERVER}/postgres", isolation_level="AUTOCOMMIT")
    name = f"governance_{uuid.uuid4().hex[:12]}"
    try:
        with server.connect() as connection:
            of = f" TEMPLATE {sa.make_url(template.get_secret_value()).database}" if template is not None else ""
            connection.execute(sa.text(f"CREATE DATABASE {name}{of}"))
    except sa.exc.OperationalError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no PostgreSQL on 127.0.0.1:5432")
    try:
        yield SecretStr(f"{_SERVER}/{name}")
    finally:
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()
