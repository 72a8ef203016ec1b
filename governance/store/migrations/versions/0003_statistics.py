# SPDX-License-Identifier: Apache-2.0
"""Counts behind a check's result, its cause, and what measured it."""

from __future__ import annotations

from alembic import op

from governance.store.migrations.tables import INT, JSON, TEXT, current_view, fact_table, optional, required

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create `check_statistic`, and widen `check_result` by columns that may be empty."""
    op.add_column("check_result", optional("cause", JSON))
    op.add_column("check_result", optional("engines", JSON))
    op.execute("DROP VIEW current_check_result")
    current_view("check_result", ["model", "version", "check"])
    fact_table(
        "check_statistic",
        "model",
        [
            required("model", TEXT),
            required("version", INT),
            required("check", TEXT),
            required("statistic", TEXT),
            required("window", TEXT),
            required("data_digest", TEXT),
            required("content", JSON),
        ],
    )
    current_view("check_statistic", ["model", "version", "check", "statistic", "window"])
