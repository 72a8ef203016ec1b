# SPDX-License-Identifier: Apache-2.0
"""The first facts: inventory, checks, gates, risks, KPIs and packs, all append-only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from governance.store.guards import append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _optional(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


_TEXT, _INT, _FLOAT, _BOOL = sa.Text(), sa.BigInteger(), sa.Float(53), sa.Boolean()

_TABLES: dict[str, tuple[str, list[sa.Column[Any]]]] = {
    "inventory_sweep": (
        "subject",
        [
            _required("models", _INT),
            _required("versions", _INT),
            _required("changes", _JSON),
            _required("findings", _JSON),
        ],
    ),
    "registered_model": (
        "model",
        [
            _required("model", _TEXT),
            _optional("use_case", _TEXT),
            _required("description", _TEXT),
            _required("tags", _JSON),
            _required("is_present", _BOOL),
        ],
    ),
    "model_version": (
        "model",
        [
            _required("model", _TEXT),
            _required("version", _INT),
            _optional("run_id", _TEXT),
            _required("source_uri", _TEXT),
            _required("description", _TEXT),
            _required("tags", _JSON),
            _required("metrics", _JSON),
            _required("params", _JSON),
            _required("datasets", _JSON),
            _optional("created_at", _MOMENT),
            _required("is_present", _BOOL),
        ],
    ),
    "alias_event": (
        "model",
        [
            _required("model", _TEXT),
            _required("alias", _TEXT),
            _optional("from_version", _INT),
            _optional("to_version", _INT),
        ],
    ),
    "check_result": (
        "model",
        [
            _required("model", _TEXT),
            _required("version", _INT),
            _required("check", _TEXT),
            _required("verdict", _TEXT),
            _optional("n", _INT),
            _required("detail", _JSON),
            _required("observations", _JSON),
            _required("data_digest", _TEXT),
            _required("definition", _TEXT),
        ],
    ),
    "gate_decision": (
        "model",
        [
            _required("model", _TEXT),
            _required("version", _INT),
            _required("gate", _TEXT),
            _required("tier", _TEXT),
            _required("verdict", _TEXT),
            _required("reasons", _JSON),
            _required("policy_digest", _TEXT),
            _required("facts_digest", _TEXT),
            _required("evidence", _JSON),
            _required("code_version", _TEXT),
        ],
    ),
    "risk_assessment": (
        "subject",
        [
            _required("rule", _TEXT),
            _optional("use_case", _TEXT),
            _required("likelihood", _INT),
            _required("impact", _INT),
            _required("score", _INT),
            _required("cause", _JSON),
            _required("is_open", _BOOL),
            _optional("owner", _TEXT),
            _required("opened_at", _MOMENT),
            _required("due_on", sa.Date()),
        ],
    ),
    "kpi_value": (
        "kpi",
        [
            _required("kpi", _TEXT),
            _optional("value", _FLOAT),
            _optional("numerator", _FLOAT),
            _optional("denominator", _FLOAT),
            _required("light", _TEXT),
            _required("detail", _JSON),
            _required("policy_digest", _TEXT),
        ],
    ),
    "policy_version": ("policy_digest", [_required("policy_digest", _TEXT), _required("content", _JSON)]),
    "pack": (
        "period",
        [
            _required("period", _TEXT),
            _required("as_of", _MOMENT),
            _required("known_at", _MOMENT),
            _required("interim", _BOOL),
            _required("policy_digest", _TEXT),
            _required("revision", _INT),
            _required("files", _JSON),
        ],
    ),
}


def _head() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.String(64), nullable=False),
        _required("subject", _TEXT),
        _required("effective_at", _MOMENT),
        _required("recorded_at", _MOMENT),
        _required("actor", _TEXT),
        _required("source", _TEXT),
        _required("digest", sa.String(64)),
    ]


def upgrade() -> None:
    """Create every table, its two indexes and the triggers that refuse change."""
    for name, (series, columns) in _TABLES.items():
        op.create_table(name, *_head(), *columns, sa.PrimaryKeyConstraint("id", name=f"pk_{name}"))
        op.create_index(f"ix_{name}_series", name, [series], postgresql_using="hash")
        op.create_index(f"ix_{name}_effective_at", name, ["effective_at"])
        append_only(op.get_bind(), name)
