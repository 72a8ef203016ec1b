# SPDX-License-Identifier: Apache-2.0
"""Approvals, waivers, holds, what was done to aliases, refusals and escalations; what a decision is bound to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from governance.store.migrations.tables import (
    BOOL,
    INT,
    JSON,
    MOMENT,
    TEXT,
    current_view,
    fact_table,
    optional,
    required,
)

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of oversight, and widen `gate_decision` by a column that may be empty."""
    op.add_column("gate_decision", optional("bound", JSON))
    op.execute("DROP VIEW current_gate_decision")
    current_view("gate_decision", ["model", "version", "gate"])
    _answers()
    _orders()
    _actions()


def _answers() -> None:
    key = [required("model", TEXT), required("version", INT), required("gate", TEXT), required("facts_digest", TEXT)]
    series = ["model", "version", "gate", "facts_digest", "seat"]
    fact_table("approval_request", "model", [*key, required("seat", TEXT), required("times", INT)])
    current_view("approval_request", series)
    key = [required("model", TEXT), required("version", INT), required("gate", TEXT), required("facts_digest", TEXT)]
    said = [required(name, TEXT) for name in ("seat", "person", "answer", "reason")]
    fact_table("approval", "model", [*key, *said, required("bound", JSON)])
    current_view("approval", series)


def _orders() -> None:
    fact_table(
        "waiver",
        "waiver",
        [
            required("waiver", TEXT),
            required("model", TEXT),
            required("version", INT),
            *(required(name, TEXT) for name in ("gate", "check", "reason", "control", "requested_by")),
            required("requested_at", MOMENT),
            required("expires_on", sa.Date()),
            required("state", TEXT),
            optional("decided_by", TEXT),
            optional("decided_at", MOMENT),
            optional("renewal_of", TEXT),
        ],
    )
    current_view("waiver", ["waiver"])
    fact_table(
        "hold",
        "hold",
        [
            *(required(name, TEXT) for name in ("hold", "scope", "target", "ground", "reason", "ordered_by")),
            required("ordered_at", MOMENT),
            required("is_emergency", BOOL),
            required("is_drill", BOOL),
            optional("reviewed_at", MOMENT),
            required("review", TEXT),
            optional("released_at", MOMENT),
            optional("released_by", TEXT),
            required("conditions", TEXT),
        ],
    )
    current_view("hold", ["hold"])


def _actions() -> None:
    fact_table(
        "alias_action",
        "action",
        [
            *(required(name, TEXT) for name in ("action", "kind", "model", "alias")),
            optional("from_version", INT),
            optional("to_version", INT),
            required("ground", TEXT),
            required("state", TEXT),
            optional("seconds", sa.Float(53)),
            required("attempts", INT),
            required("proof", JSON),
        ],
    )
    current_view("alias_action", ["action"])
    fact_table("refusal", "subject", [required(name, TEXT) for name in ("action", "person", "why")])
    current_view("refusal", ["subject"])
    fact_table(
        "escalation",
        "rule",
        [*(required(name, TEXT) for name in ("rule", "ground", "seat")), required("text", JSON)],
    )
    current_view("escalation", ["rule", "subject", "ground"])
