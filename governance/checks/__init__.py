# SPDX-License-Identifier: Apache-2.0
"""How we measure: one function per check family, all of them ending in a `Finding`."""

from governance.checks.run import NEEDS_TABLE, Beside, needs_table, run, unable, unreadable

__all__ = ["NEEDS_TABLE", "Beside", "needs_table", "run", "unable", "unreadable"]
