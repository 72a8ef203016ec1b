# SPDX-License-Identifier: Apache-2.0
"""The pages of a small company, over a copy of a filled database for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration import databases
from tests.integration.browsing import (
    Company,
    company,
    filled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import SecretStr


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretStr]:
    with filled("sqlite", tmp_path_factory.mktemp("company")) as url:
        yield url


@pytest.fixture(scope="module", params=databases.KINDS)
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, SecretStr]]:
    with filled(request.param, tmp_path_factory.mktemp("either")) as url:
        yield request.param, url


@pytest.fixture
def there(either: tuple[str, SecretStr], tmp_path: Path) -> Iterator[Company]:
    with company(*either, tmp_path) as found:
        yield found


@pytest.fixture
def small(template: SecretStr, tmp_path: Path) -> Iterator[Company]:
    with company("sqlite", template, tmp_path) as found:
        yield found
