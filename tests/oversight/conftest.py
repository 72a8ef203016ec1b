# SPDX-License-Identifier: Apache-2.0
"""What these tests begin with: a real MLflow server for each module, and in it a release for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.databases import database
from tests.integration.mlflow_server import mlflow_server
from tests.integration.releases import release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.releases import Release


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as uri:
        yield uri


@pytest.fixture
def there(request: pytest.FixtureRequest, tmp_path: Path, mlflow: str) -> Iterator[Release]:
    """On SQLite, or on what `on_both` says."""
    kind = getattr(request, "param", "sqlite")
    with database(kind, tmp_path) as url, release(tmp_path, mlflow, database_url=url) as found:
        yield found
