# SPDX-License-Identifier: Apache-2.0
"""How a migration makes a table of facts, and the view of its current state."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from governance.store.guards import append_only

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
TEXT, INT, BOOL, BYTES = sa.Text(), sa.BigInteger(), sa.Boolean(), sa.LargeBinary()


def required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    """A column that is never empty."""
    return sa.Column(name, kind, nullable=False)


def optional(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    """A column that may be empty; only such may be added to a table later."""
    return sa.Column(name, kind, nullable=True)


def fact_table(name: str, series: str, columns: list[sa.Column[Any]]) -> None:
    """A table of facts with their head and their indexes, which refuses changes."""
    head = [
        required("id", sa.String(64)),
        required("subject", TEXT),
        required("effective_at", MOMENT),
        required("recorded_at", MOMENT),
        required("actor", TEXT),
        required("source", TEXT),
        required("digest", sa.String(64)),
    ]
    op.create_table(name, *head, *columns, sa.PrimaryKeyConstraint("id", name=f"pk_{name}"))
    op.create_index(f"ix_{name}_series", name, [series], postgresql_using="hash")
    op.create_index(f"ix_{name}_effective_at", name, ["effective_at"])
    append_only(op.get_bind(), name)


def current_view(table: str, series: list[str]) -> None:
    """The newest fact of each series, for BI tools."""
    names = [f'"{column["name"]}"' for column in sa.inspect(op.get_bind()).get_columns(table)]
    newest = "effective_at DESC, recorded_at DESC, id DESC"
    partition = ", ".join(f'"{name}"' for name in series)
    rank = f"row_number() OVER (PARTITION BY {partition} ORDER BY {newest})"
    ranked = f'SELECT *, {rank} AS newest FROM "{table}" WHERE effective_at <= CURRENT_TIMESTAMP'  # noqa: S608 - our own names
    view = f"SELECT {', '.join(names)} FROM ({ranked}) AS ranked WHERE newest = 1"  # noqa: S608 - our own names
    op.execute(f"CREATE VIEW current_{table} AS {view}")
