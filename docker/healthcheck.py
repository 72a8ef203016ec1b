# SPDX-License-Identifier: Apache-2.0
"""Ask a server what its clients ask, and exit 1 unless it answers as they need it to.

Usage: `healthcheck.py airflow|mlflow HOST PORT`
"""

from __future__ import annotations

import http.client
import json
import sys
from typing import Any

_PATHS = {
    "airflow": "/api/v2/monitor/health",
    # /health and /version answer 200 to any Host header and without the database: not proof of anything.
    "mlflow": "/api/2.0/mlflow/registered-models/search?max_results=1",
}
_SECONDS = 10


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 healthy, 1 not, 2 wrong usage."""
    if len(arguments) != 3 or arguments[0] not in _PATHS or not arguments[2].isdecimal():  # noqa: PLR2004
        sys.stderr.write(__doc__ or "")
        return 2
    server, host, port = arguments
    try:
        complaint = _complaint(server, *_get(host, int(port), _PATHS[server]))
    except (OSError, http.client.HTTPException, ValueError) as error:
        complaint = f"{type(error).__name__}: {error}"
    if complaint:
        sys.stderr.write(f"{server} at {host}:{port}: {complaint}\n")
    return 1 if complaint else 0


def _get(host: str, port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Read JSON with the Host header that the clients send; http.client knows no proxy."""
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    answer: dict[str, Any] = json.loads(body) if response.status == http.client.OK else {}
    return response.status, answer


def _complaint(server: str, status: int, answer: dict[str, Any]) -> str | None:
    """Say what is wrong, or nothing. Airflow answers 200 also when its database is gone."""
    if status != http.client.OK:
        return f"HTTP {status}"
    if server == "airflow" and answer.get("metadatabase", {}).get("status") != "healthy":
        return f"metadata database: {answer.get('metadatabase')}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
