# SPDX-License-Identifier: Apache-2.0
"""Who has taken note of an escalation; and what a run decided is found without reading every decision."""

from __future__ import annotations

from alembic import op

from governance.store.migrations.tables import TEXT, current_view, fact_table, required

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create `acknowledgement`, and index `gate_decision` by the run that told it."""
    fact_table("acknowledgement", "escalation", [required(name, TEXT) for name in ("escalation", "person", "note")])
    current_view("acknowledgement", ["escalation"])
    # Hash: a run's id is as long as whoever triggers it likes.
    op.create_index("ix_gate_decision_source", "gate_decision", ["source"], postgresql_using="hash")
