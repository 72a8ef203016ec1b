# SPDX-License-Identifier: Apache-2.0
"""Unit tests reach no network; hypothesis gives the same examples on every CI run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest_socket
from hypothesis import settings

if TYPE_CHECKING:
    import pytest

_UNIT: Final = Path(__file__).with_name("unit")

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# No test signs with a key of this checkout or publishes beside it; those that seal bring their own.
os.environ["GOVERNANCE_SIGNING_KEY_FILE"] = os.devnull + "/no.key"
os.environ["GOVERNANCE_CHECKPOINT_URL"] = "memory://checkpoints"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.path.is_relative_to(_UNIT):
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
