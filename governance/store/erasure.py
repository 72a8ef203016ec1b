# SPDX-License-Identifier: Apache-2.0
"""Remove the free text and personal data of one fact, so that the ledger still verifies (APPI, articles 22 and 35)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from governance.errors import StoreError
from governance.store import guards, ledger
from governance.store.facts import record_changed
from governance.store.models import FACTS, Erasure, LedgerEntry

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from governance.store.base import Fact
    from governance.store.entries import StoredEntry
    from governance.store.facts import Telling

ERASED: Final = "erased"
_KEPT: Final = frozenset({"id", "subject", "effective_at", "recorded_at", "source", "digest"})


def erase(session: Session, entry: StoredEntry, ground: str, telling: Telling) -> None:
    """Blank all columns of a fact that its entry does not show, and the salt that could confirm a guess.

    The erasure is a fact of its own, with its reason. To be run by the owner of the tables.

    Raises:
        StoreError: the account may not change facts.
    """
    table = next(each for each in FACTS if entry.key.startswith(ledger.key_of(each.__tablename__, "")))
    id_ = entry.key.rpartition("/")[2]
    record_changed(session, [Erasure(subject=table.__tablename__, fact=entry.key, ground=ground)], telling)
    blank = _blank(session.scalars(select(table).where(table.id == id_)).one())
    connection = session.connection()
    try:
        with guards.lifted(connection, table.__tablename__), guards.lifted(connection, LedgerEntry.__tablename__):
            connection.execute(update(table).where(table.id == id_).values(blank))
            connection.execute(update(LedgerEntry).where(LedgerEntry.key == entry.key).values(salt=None))
    except DBAPIError as error:
        raise StoreError(
            f"{entry.key} was not erased: {error.orig}", hint="Run it as the owner of the tables; nothing was changed."
        ) from error


def _blank(fact: Fact) -> dict[str, Any]:
    """What is left of the columns that the entry does not show: nothing, in the shape that readers expect."""
    hidden = [c for c in type(fact).__table__.columns if c.name not in _KEPT | set(type(fact).disclosed)]
    return {c.name: None if c.nullable else _nothing(c.name, getattr(fact, c.name)) for c in hidden}


def _nothing(name: str, value: Any) -> Any:  # noqa: ANN401 - a column's value
    return ERASED if name == "actor" else type(value)()
