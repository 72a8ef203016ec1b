# SPDX-License-Identifier: Apache-2.0
"""The ledger over all facts, declared AI, evidence files, alias windows, and a view of each current state."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from governance.store.guards import append_only, ledger_in_order
from governance.store.ledger import adopt, begin

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)
_TEXT, _INT, _BOOL, _BYTES = sa.Text(), sa.BigInteger(), sa.Boolean(), sa.LargeBinary()


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _optional(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


_ADDED: dict[str, list[sa.Column[Any]]] = {
    "inventory_sweep": [_optional("absent", _JSON), _optional("is_full", _BOOL)],
    "alias_event": [_optional("seen_after", _MOMENT), _optional("decision", _TEXT), _optional("outside_gate", _BOOL)],
    "check_result": [_optional("files", _JSON)],
    "pack": [_optional("sealed_size", _INT)],
}
_FACTS: dict[str, tuple[str, list[sa.Column[Any]]]] = {
    "declared_system": (
        "system",
        [
            _required("system", _TEXT),
            _required("name", _TEXT),
            _required("kind", _TEXT),
            _optional("vendor", _TEXT),
            _optional("use_case", _TEXT),
            _optional("owner", _TEXT),
            _required("purpose", _TEXT),
            _optional("in_use_since", sa.Date()),
            _required("details", _JSON),
            _required("is_present", _BOOL),
            _required("file_digest", _TEXT),
        ],
    ),
    "evidence_file": (
        "sha256",
        [
            _required("sha256", sa.String(64)),
            _required("size", _INT),
            _required("kind", _TEXT),
            _required("media_type", _TEXT),
            _required("name", _TEXT),
        ],
    ),
    "signing_key": (
        "subject",
        [
            _required("verifier_key", _TEXT),
            _optional("previous", _TEXT),
            _required("signature", _TEXT),
            _optional("acceptance", _TEXT),
        ],
    ),
    "erasure": ("fact", [_required("fact", _TEXT), _required("ground", _TEXT)]),
    "evidence_verification": (
        "subject",
        [_required("size", _INT), _required("root", _TEXT), _required("intact", _BOOL), _required("findings", _JSON)],
    ),
}
_LEDGER: dict[str, tuple[list[str], list[sa.Column[Any]]]] = {
    "ledger_entry": (
        ["seq"],
        [
            _required("seq", _INT),
            _required("key", _TEXT),
            _required("body", _TEXT),
            _required("leaf", _BYTES),
            _optional("salt", _TEXT),
        ],
    ),
    "ledger_tile": (
        ["level", "index"],
        [_required("level", _INT), _required("index", _INT), _required("hash", _BYTES)],
    ),
    "ledger_head": (
        ["id"],
        [
            _required("id", _INT),
            _required("size", _INT),
            _required("frontier", _BYTES),
            _required("recorded_at", _MOMENT),
        ],
    ),
    "ledger_checkpoint": (
        ["size"],
        [_required("size", _INT), _required("note", _TEXT), _required("known_at", _MOMENT)],
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
        _fact_table(name, series, columns)
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
        _current_view(name, columns_of_series)


def _fact_table(name: str, series: str, columns: list[sa.Column[Any]]) -> None:
    head = [
        _required("id", sa.String(64)),
        _required("subject", _TEXT),
        _required("effective_at", _MOMENT),
        _required("recorded_at", _MOMENT),
        _required("actor", _TEXT),
        _required("source", _TEXT),
        _required("digest", sa.String(64)),
    ]
    op.create_table(name, *head, *columns, sa.PrimaryKeyConstraint("id", name=f"pk_{name}"))
    op.create_index(f"ix_{name}_series", name, [series], postgresql_using="hash")
    op.create_index(f"ix_{name}_effective_at", name, ["effective_at"])
    append_only(op.get_bind(), name)


def _current_view(table: str, series: list[str]) -> None:
    """The newest fact of each series, for BI tools."""
    names = [f'"{column["name"]}"' for column in sa.inspect(op.get_bind()).get_columns(table)]
    newest = "effective_at DESC, recorded_at DESC, id DESC"
    partition = ", ".join(f'"{name}"' for name in series)
    rank = f"row_number() OVER (PARTITION BY {partition} ORDER BY {newest})"
    ranked = f'SELECT *, {rank} AS newest FROM "{table}" WHERE effective_at <= CURRENT_TIMESTAMP'  # noqa: S608 - our own names
    view = f"SELECT {', '.join(names)} FROM ({ranked}) AS ranked WHERE newest = 1"  # noqa: S608 - our own names
    op.execute(f"CREATE VIEW current_{table} AS {view}")
