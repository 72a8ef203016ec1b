# SPDX-License-Identifier: Apache-2.0
"""Run migrations on the connection that `database.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from governance.store.base import Base
from governance.store.database import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
