# SPDX-License-Identifier: Apache-2.0
"""Seeds the demo company from a shell."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from include.demo.company.seeding import seed


def main() -> None:
    """Read the two addresses and seed."""
    parser = argparse.ArgumentParser(prog="python -m include.demo.company")
    parser.add_argument("--mlflow-uri", required=True, help="tracking server")
    parser.add_argument("--data-dir", required=True, type=Path, help="for the tables")
    asked = parser.parse_args()
    seed(asked.mlflow_uri, asked.data_dir, _say)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
