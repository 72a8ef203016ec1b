# SPDX-License-Identifier: Apache-2.0
"""The ledger over all facts, declared AI, evidence files, alias windows, and a view of each current state."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from governance.store.guards import append_only, ledger_in_order
from governance.store.ledger import adopt, begin
from governance.store.migrations.tables import (
    BOOL,
    BYTES,
    INT,
    JSON,
    MOMENT,
    TEXT,
    current_view,
    fact_table,
    optional,
    required,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ADDED: dict[str, list[sa.Column[Any]]] = {
    "inventory_sweep": [optional("absent", JSON), optional("is_full", BOOL)],
    "alias_event": [optional("seen_after", MOMENT), optional("decision", TEXT), optional("outside_gate", BOOL)],
    "check_result": [optional("files", JSON)],
    "pack": [optional("sealed_size", INT)],
}
_FACTS: dict[str, tuple[str, list[sa.Column[Any]]]] = {
    "declared_system": (
        "system",
        [
            required("system", TEXT),
            required("name", TEXT),
            required("kind", TEXT),
            optional("vendor", TEXT),
            optional("use_case", TEXT),
            optional("owner", TEXT),
            required("purpose", TEXT),
            optional("in_use_since", sa.Date()),
            required("details", JSON),
            required("is_present", BOOL),
            required("file_digest", TEXT),
        ],
    ),
    "evidence_file": (
        "sha256",
        [
            required("sha256", sa.String(64)),
            required("size", INT),
            required("kind", TEXT),
            required("media_type", TEXT),
            required("name", TEXT),
        ],
    ),
    "signing_key": (
        "subject",
        [
            required("verifier_key", TEXT),
            optional("previous", TEXT),
            required("signature", TEXT),
            optional("acceptance", TEXT),
        ],
    ),
    "erasure": ("fact", [required("fact", TEXT), required("ground", TEXT)]),
    "evidence_verification": (
        "subject",
        [required("size", INT), required("root", TEXT), required("intact", BOOL), required("findings", JSON)],
    ),
}
_LEDGER: dict[str, tuple[list[str], list[sa.Column[Any]]]] = {
    "ledger_entry": (
        ["seq"],
        [
            required("seq", INT),
            required("key", TEXT),
            required("body", TEXT),
            required("leaf", BYTES),
            optional("salt", TEXT),
        ],
    ),
    "ledger_tile": (
        ["level", "index"],
        [required("level", INT), required("index", INT), required("hash", BYTES)],
    ),
    "ledger_head": (
        ["id"],
        [
            required("id", INT),
            required("size", INT),
            required("frontier", BYTES),
            required("recorded_at", MOMENT),
        ],
    ),
    "ledger_checkpoint": (
        ["size"],
        [required("size", INT), required("note", TEXT), required("known_at", MOMENT)],
    ),
}
_SERIES = {
    "inventory_sweep": ["subject"],
    "registered_model": ["model"],
    "model_version": ["model", "version"],
    "alias_event": ["model", "alias"],
    "check_result": ["model", "version", "check"],
    "gate_decision": ["model", "version", "gate"],
    "risk_assessment": ["subject", "rule"],
    "kpi_value": ["kpi"],
    "policy_version": ["policy_digest"],
    "pack": ["period", "interim"],
    "declared_system": ["system"],
    "evidence_file": ["sha256", "subject"],
    "signing_key": ["subject"],
    "evidence_verification": ["subject"],
    "erasure": ["fact"],
}


def upgrade() -> None:
    """Create the ledger and let it commit to the facts that are there."""
    for table, columns in _ADDED.items():
        for column in columns:
            op.add_column(table, column)
    for name, (series, columns) in _FACTS.items():
        fact_table(name, series, columns)
    for name, (key, columns) in _LEDGER.items():
        constraints = [sa.PrimaryKeyConstraint(*key, name=f"pk_{name}")]
        unique = [sa.UniqueConstraint("key", name=f"uq_{name}_key")] if name == "ledger_entry" else []
        op.create_table(name, *columns, *constraints, *unique)
    append_only(op.get_bind(), "ledger_entry", ("seq",), ("key",))
    append_only(op.get_bind(), "ledger_tile", ("level", "index"))
    append_only(op.get_bind(), "ledger_checkpoint", ("size",))
    ledger_in_order(op.get_bind())
    begin(op.get_bind())
    adopt(op.get_bind())
    for name, columns_of_series in _SERIES.items():
        current_view(name, columns_of_series)
