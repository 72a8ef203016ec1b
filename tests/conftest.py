# SPDX-License-Identifier: Apache-2.0
"""Unit tests reach no network; hypothesis gives the same examples on every CI run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
import pytest_socket
from hypothesis import settings

_UNIT: Final = Path(__file__).with_name("unit")

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# No test signs with a key of this checkout or publishes beside it; those that seal bring their own.
os.environ["GOVERNANCE_SIGNING_KEY_FILE"] = os.devnull + "/no.key"
os.environ["GOVERNANCE_CHECKPOINT_URL"] = "memory://checkpoints"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a module marked `in_order` share a server that remembers: they run as they are written."""
    there = [position for position, item in enumerate(items) if item.get_closest_marker("in_order")]
    told = sorted((items[position] for position in there), key=lambda item: (str(item.path), item.reportinfo()[1] or 0))
    for position, item in zip(there, told, strict=True):
        items[position] = item


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.path.is_relative_to(_UNIT):
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
