# SPDX-License-Identifier: Apache-2.0
"""`governance ...`: the steps of the DAGs from a shell."""

from governance.cli.app import main

__all__ = ["main"]
