# SPDX-License-Identifier: Apache-2.0
"""Read the report on a version's gates from facts: nothing is measured, and MLflow is not asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from governance.checks import drift, gx_result
from governance.core import gate_report as rules
from governance.core import gates as gate_rules
from governance.core import inventory as inventory_rules
from governance.core import twins
from governance.core.calendar import meeting_day, month_of
from governance.core.drift import Profile
from governance.core.gate_changes import Passage, Past
from governance.core.gate_decisions import HoldLine
from governance.core.gate_pictures import MOST_POINTS, Material
from governance.core.gates import Oversight
from governance.core.terms import ModelVersion, RegisteredModel, VersionKey
from governance.core.twins import CopyReport
from governance.errors import GovernanceError, NotFoundError, PolicyError
from governance.policy import Family
from governance.runtime import NOW, Asked, business_days
from governance.steps import hold_enforcement, oversight
from governance.store import files, gate_history, ledger, statistics
from governance.store import gates as gate_facts
from governance.store import inventory as inventory_facts
from governance.store.facts import AsOf

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from governance.core.gate_report import GateReport
    from governance.core.terms import CheckResult, GateDecision, Observation
    from governance.runtime import Runtime

_EXPECTED: Final = "expect_"


@dataclass(frozen=True, slots=True)
class _Read:
    """A version and its model at one position."""

    key: VersionKey
    at: AsOf
    model: RegisteredModel
    approved: ModelVersion | None
    passages: Mapping[str, Sequence[Passage]]
    said: Oversight
    held: Sequence[HoldLine]

    @property
    def version(self) -> ModelVersion | None:
        return next((version for version in self.model.versions if version.key == self.key), None)


def read(rt: Runtime, key: VersionKey, asked: Asked = NOW) -> tuple[GateReport, ...]:
    """One report per gate that decided on a version, closed gates first; none may have on a protected twin's own.

    A fixed number of queries per gate, whatever the inventory holds.

    Raises:
        NotFoundError: the inventory does not know the version, or no gate has decided on it.
    """
    with rt.reading() as session:
        at = rt.asked(session, asked)
        decisions = gate_facts.decisions(session, at, key.model)
        model = inventory_facts.model(session, key.model, at)
        mine = sorted(
            (one for (subject, _gate), one in decisions.items() if subject == key),
            key=lambda one: (not one.blocks, one.gate),
        )
        is_known = model is not None and any(version.key == key for version in model.versions)
        if is_known and not mine and twins.origin_of(key.model, rt.policy) is not None:
            return ()  # it is judged by its origin: see `of_copy`
        if model is None or not mine:
            raise _unknown(key, is_known=is_known)
        approved = gate_rules.approved(model, key, decisions)
        slug, _case = inventory_rules.use_case_of(key.model, rt.policy)
        said = gate_rules.about(oversight.of(session, at, key.model), key, slug, rt.policy)
        held = hold_enforcement.lines(rt, session, said.holds, at)
        found = _Read(key, at, model, approved, gate_history.passages(session, key, at), said, held)
        meets_on = _meets_on(rt, at.as_of)
        facts = [_facts(rt, session, found, decision) for decision in mine]
    return tuple(rules.report(one, rt.policy, at.as_of, at.known_at, meets_on) for one in facts)


def of_copy(rt: Runtime, key: VersionKey, asked: Asked = NOW) -> CopyReport | None:
    """What a protected twin's version is a copy of, and whether it may serve; None of a version that is none."""
    if twins.origin_of(key.model, rt.policy) is None:
        return None
    with rt.reading() as session:
        at = rt.asked(session, asked)
        standing = oversight.read(session, at, key.model)
    copy, twin = standing.copies.get(key), standing.models.get(key.model)
    return CopyReport(
        key,
        copy.origin if copy else None,
        is_confirmed=not twins.doubt(key, standing.models, standing.copies, rt.policy),
        is_decided=copy is not None
        and copy.origin.model in standing.models
        and any(subject == copy.origin for subject, _gate in standing.recorded),
        aliases=twin.aliases_of(key.version) if twin else (),
        # Whether evidence is in time goes by the moment that is asked about, not by that of asking.
        against=tuple(oversight.may_not_serve(replace(rt, clock=lambda: at.as_of), standing, key)),
        as_of=at.as_of,
        known_at=at.known_at,
    )


def of_run(rt: Runtime, key: VersionKey, ended_at: datetime | None) -> Asked:
    """The moment to show for a run's task: when it ended, or now while no gate has decided anew since."""
    if ended_at is None:
        return NOW
    with rt.reading() as session:
        then = gate_facts.decisions_of(session, key, rt.asked(session, Asked(as_of=ended_at)))
        now = gate_facts.decisions_of(session, key, rt.current(session))
    return NOW if then == now else Asked(as_of=ended_at)


def _unknown(key: VersionKey, *, is_known: bool) -> NotFoundError:
    if not is_known:
        return NotFoundError(f"{key} is not in the inventory", hint="Run inventory_sync, or `governance sync`.")
    return NotFoundError(
        f"{key}: no gate has decided on it",
        hint="Run the DAG model_gate, or `governance check run MODEL VERSION`.",
    )


def _meets_on(rt: Runtime, now: datetime) -> date | None:
    """The next day on which the committee meets; None where nobody knows the holidays."""
    try:
        is_open = business_days(rt.policy)
    except PolicyError:
        return None
    today, month = now.astimezone(rt.zone).date(), month_of(now, rt.zone).previous
    meeting = rt.policy.calendar.committee
    this = meeting_day(month, meeting, is_open)
    return this if this >= today else meeting_day(month.next, meeting, is_open)


def _facts(rt: Runtime, session: Session, found: _Read, decision: GateDecision) -> rules.Facts:
    results = _results(session, decision.evidence)
    keys = [
        ledger.key_of("gate_decision", decision.id),
        *(ledger.key_of("check_result", id_) for id_ in decision.evidence.values()),
    ]
    passages = tuple(found.passages.get(decision.gate, ()))
    return rules.Facts(
        decision=decision,
        model=found.model,
        version=found.version,
        results=results,
        passages=passages,
        past=_past(session, found, decision, passages),
        pictured={check: _material(rt, session, found, result) for check, result in results.items()},
        entries=gate_history.entries_of(session, keys),
        said=found.said,
        held=found.held,
    )


def _results(session: Session, evidence: Mapping[str, str]) -> dict[str, CheckResult]:
    by_id = gate_history.results_by_id(session, evidence.values())
    return {check: by_id[id_] for check, id_ in evidence.items() if id_ in by_id}


def _past(session: Session, found: _Read, decision: GateDecision, passages: Sequence[Passage]) -> Past | None:
    """The last time that this gate was open: for the version itself, or for the one approved before it."""
    before = [one for one in passages if not one.blocks and one.id != decision.id and one.at <= decision.at]
    passage, version = (before[-1], found.version) if before else (None, found.approved)
    if passage is None and version is not None:
        passage = gate_history.last_pass(session, version.key, decision.gate, found.at)
    if passage is None or version is None:
        return None
    is_same = version.key == found.key
    return Past(passage, _results(session, passage.evidence), version.datasets, is_same)


def _material(rt: Runtime, session: Session, found: _Read, result: CheckResult) -> Material:
    """What the pictures of a check's family need."""
    check = rt.policy.checks.checks.get(result.check)
    approved = found.approved.key if found.approved else None
    if check is None:
        return Material()
    if check.family is Family.DATA_QUALITY:
        return Material(samples=_samples(rt, result))
    if check.family is Family.PERFORMANCE:
        past = gate_history.of_model(session, found.key.model, result.check, found.at, MOST_POINTS)
        return Material(past=past, approved=approved)
    if check.family is Family.DRIFT:
        return _distributions(session, found, result, approved)
    return Material()


def _distributions(session: Session, found: _Read, result: CheckResult, approved: VersionKey | None) -> Material:
    """The counts that drift was judged on; of several windows the newest, which comes last."""
    told = statistics.of(session, found.key, result.check, found.at)
    counts = {one.name.removeprefix(drift.COUNTS): one for one in told if one.name.startswith(drift.COUNTS)}
    past = drift.past(statistics.of(session, approved, result.check, found.at)) if approved else []
    return Material(
        profiles={column: Profile.read(one.content) for column, one in counts.items()},
        reference={profile.column: profile for profile in past},
        approved=approved,
    )


def _samples(rt: Runtime, result: CheckResult) -> dict[tuple[str, str], tuple[str, ...]] | None:
    """Masked values from the result's evidence file; None if the store does not hand it out."""
    sha256 = result.files.get(gx_result.NAME)
    if sha256 is None:
        return None
    try:
        content = files.get(rt.settings, sha256)
    except GovernanceError:
        return None
    # The name of a file is its digest: the same name is the same content.
    asked = [seen for seen in result.finding.observations if seen.name.startswith(_EXPECTED)]
    return _by_rule(json.loads(content).get("results", []), asked)


def _by_rule(
    entries: Sequence[Mapping[str, Any]], asked: Sequence[Observation]
) -> dict[tuple[str, str], tuple[str, ...]] | None:
    """Entries and observations are both in the order of the suite."""
    if [entry.get("type") for entry in entries] != [seen.name for seen in asked]:
        return None
    return {
        (seen.name, seen.slice): tuple(map(str, entry["samples"]))
        for entry, seen in zip(entries, asked, strict=True)
        if entry.get("samples")
    }
