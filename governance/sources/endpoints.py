# SPDX-License-Identifier: Apache-2.0
"""Ask the place where a model is served how it answers: one GET, no redirect, nothing of the body is read."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from governance.errors import PolicyError, SourceUnavailableError
from governance.sources.mlflow_rest import Connection, cut_after

if TYPE_CHECKING:
    from governance.settings import Settings

SECONDS: Final = 5.0
"""Of one question, all in all."""


def status(settings: Settings, url: str) -> int:
    """The HTTP status with which an endpoint answers.

    The host has to be allowed by name and port, loopback too: policy is written by more people than settings are.

    Raises:
        PolicyError: its host is not in GOVERNANCE_PROBE_HOSTS; it is not asked.
        SourceUnavailableError: it gave no answer in time.
    """
    import httpx

    host = urlsplit(url).netloc.lower()
    if host not in {allowed.strip().lower() for allowed in settings.probe_hosts.split(",")}:
        raise PolicyError(
            f"holds.yaml: endpoints: {host} may not be asked", hint=f"Add {host} to GOVERNANCE_PROBE_HOSTS."
        )
    verify = ssl.create_default_context()
    with httpx.Client(verify=verify, trust_env=False, follow_redirects=False) as client:
        line = Connection(client, host, timeout=SECONDS, deadline=time.monotonic() + SECONDS)
        try:
            with (
                cut_after(line, SECONDS),
                client.stream("GET", url, timeout=SECONDS, extensions={"trace": line.trace}) as answer,
            ):
                return answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceUnavailableError(
                f"The endpoint at {host} gave no answer ({type(error).__name__}); that proves nothing.",
                hint="Look whether it is stopped, and whether it can be reached from here.",
            ) from error
