# SPDX-License-Identifier: Apache-2.0
"""Read MLflow, reconcile it with what we knew, and remember the difference; where there is none, nothing is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from governance.core import aliases, inventory, twins
from governance.core.evidence import plain
from governance.errors import ConflictError, SourceError
from governance.sources import model_registry
from governance.store import inventory as facts
from governance.store import oversight

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from governance.core.inventory import Changes, InventoryFinding, Reading
    from governance.core.terms import RegisteredModel
    from governance.runtime import Runtime
    from governance.store.facts import AsOf
    from governance.store.inventory import State
    from governance.store.models import InventorySweep


def sync(rt: Runtime, *, accept_drop: bool = False, full: bool = False) -> dict[str, Any]:
    """Take one complete reading of MLflow; one that ends early raises and changes nothing.

    Runs of versions that show no change are read again every `full_sweep_hours` of the policy, or now if `full`.
    What a reading misses is gone once the next one misses it as well; `accept_drop` says that so many may be missing.

    Returns:
        `id` of the newest recorded sweep, the number of `models` and `versions`, and the counts of `changes`.

    Raises:
        SourceError: MLflow answered wrongly, or did not answer, or too much is missing; the last inventory stands.
        ConflictError: another sync ended meanwhile.
    """
    began = rt.clock()
    with rt.reading() as session:
        state = facts.state(session, rt.current(session))
    known = None if full or _is_full_due(state, rt, began) else state.known
    reading = model_registry.sweep(rt.settings, known).reading
    with rt.reading() as session:
        at = rt.current(session)
        changes = _changes(session, state, reading, rt, at)
        present = inventory.present(reading, state.models, changes)
        found = inventory.findings(present, _standing(session, at, present, rt), rt.policy)
    if not accept_drop:
        _refuse_drop(changes, state, rt.policy.inventory.max_drop_share)
    sweep = state.last
    if sweep is None or _is_news(sweep, changes, found) or _has_to_be_confirmed(state, sweep, reading, rt, began):
        sweep = _told(state, reading, changes, rt, began)
    return {"id": sweep.id, "models": sweep.models, "versions": sweep.versions, "changes": changes.counts}


def _is_full_due(state: State, rt: Runtime, now: datetime) -> bool:
    every = timedelta(hours=rt.policy.inventory.full_sweep_hours)
    return state.full_at is None or now - state.full_at >= every


def _refuse_overtaken(session: Session, state: State, at: AsOf) -> None:
    """Two readings at once would take what the other saw later for a change."""
    last = facts.last_sweep(session, at)
    if (last.id if last else None) != (state.last.id if state.last else None):
        raise ConflictError("another sync ended while this one read MLflow", hint="Nothing was lost; run it again.")


def _changes(session: Session, state: State, reading: Reading, rt: Runtime, at: AsOf) -> Changes:
    missed = {model.name for model in state.models} - {plain(model.name) for model in reading.models}
    known = facts.in_full(session, state.models, {plain(name) for name in reading.listed} | missed, at)
    changes = inventory.reconcile(reading, known, state.absent)
    return inventory.with_use_cases(changes, reading, state.use_cases, inventory.use_cases(rt.policy))


def _refuse_drop(changes: Changes, state: State, most: float) -> None:
    versions = sum(len(model.versions) for model in state.models)
    drop = inventory.drop(changes, len(state.models), versions, most)
    if drop is not None:
        raise SourceError(
            f"MLflow tells {drop.missing:,} of {drop.present:,} {drop.kind} no more; nothing was recorded.",
            hint="Does GOVERNANCE_MLFLOW_URI name the right server, and may our account see every model? "
            "If they are gone, run `governance sync --accept-drop`.",
        )


def _standing(session: Session, at: AsOf, present: Sequence[RegisteredModel], rt: Runtime) -> aliases.Standing:
    """The newest decisions, those on origins standing for what serves as their copy."""
    return twins.judged(facts.standing(session, at), present, oversight.copies(session, at), rt.policy)


def _is_news(last: InventorySweep, changes: Changes, found: tuple[InventoryFinding, ...]) -> bool:
    """Whether anything differs: what there is, what was missed, or what is out of order."""
    differs = [plain(each) for each in found] != last.findings
    return any(changes.counts.values()) or bool(last.absent) or differs


def _has_to_be_confirmed(state: State, last: InventorySweep, reading: Reading, rt: Runtime, began: datetime) -> bool:
    """Whether the last record is old, or every run was read because that was due."""
    confirm = timedelta(hours=rt.policy.inventory.confirm_hours)
    return began - last.effective_at >= confirm or (reading.is_full and _is_full_due(state, rt, began))


def _told(state: State, reading: Reading, changes: Changes, rt: Runtime, began: datetime) -> InventorySweep:
    """Record what changed and that MLflow was read, judged by the decisions that stand at this moment."""
    with rt.writing() as session:
        telling = rt.telling(session)
        _refuse_overtaken(session, state, telling.position)
        present = inventory.present(reading, state.models, changes)
        decisions = _standing(session, telling.position, present, rt)
        moves = aliases.judge(changes.alias_moves, decisions, rt.policy, state.seen)
        facts.record_changes(session, replace(changes, alias_moves=moves), inventory.use_cases(rt.policy), telling)
        found = inventory.findings(present, decisions, rt.policy)
        return facts.record_sweep(session, present, changes, found, telling, read_at=began, is_full=reading.is_full)
