# SPDX-License-Identifier: Apache-2.0
"""Which past decisions would differ under a proposed policy (3.2-01a). Nothing is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from governance import policy as policies
from governance.core import gates, subjects
from governance.core.gates import Oversight
from governance.core.replay import Rejudged
from governance.core.terms import GateDecision, ModelVersion, Subject, UseCaseKey, VersionKey
from governance.core.wording import label, reason_line
from governance.policy import Policy
from governance.steps import checks, oversight
from governance.store import gates as gate_facts
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts

if TYPE_CHECKING:
    from datetime import datetime

    from governance.core.approvals import Response
    from governance.core.terms import Candidate, CheckResult
    from governance.runtime import Runtime

_RESULTS_BEFORE: Final = 6
"""Months that a result may be older than the decision that rested on it."""


def replay(rt: Runtime, directory: Path, months: int) -> list[dict[str, Any]]:
    """Take every decision of the last months again, on the facts of its day, under another policy.

    Results are judged again from their stored numbers; answers, waivers and holds count as they stood at that
    moment. Versions that are gone from the inventory cannot be decided on again and say so.

    Args:
        rt: as for every step.
        directory: the proposed policy.
        months: how far back, in months of 31 days.

    Raises:
        PolicyError: the proposed policy is wrong.
    """
    other = policies.load(directory)
    judged = {again.result.id: again for again in checks.rejudged(rt, other, months + _RESULTS_BEFORE)}
    with rt.reading() as session:
        at = rt.current(session)
        past = gate_facts.decisions_since(session, at, checks.since(at.as_of, months))
        versions = {v.key: v for model in inventory_facts.models(session, at) for v in model.versions}
        said = oversight.of(session, at, ended_too=True)
        on_cases = gate_facts.past_on_use_cases(session, at)
        answers: list[Response[Any]] = [*said.responses, *facts.responses_on_use_cases(session, at)]
    spoken: Oversight[Any] = replace(said, responses=())
    replay_ = _Replay(other, versions, judged, replace(spoken, responses=tuple(answers)))
    # A decision on a use case carries those on its versions, however long ago it was taken.
    taken: list[GateDecision[Any]] = [*on_cases, *past]
    taken.sort(key=lambda one: one.at)
    replayed = [(decision, replay_.again(decision)) for decision in taken]
    since = checks.since(at.as_of, months)
    return [_row(then, again, judged, rt.settings.language) for then, again in replayed if then.at >= since]


@dataclass(frozen=True, slots=True)
class _Replay:
    """The other policy, the facts of then, and what it has decided so far."""

    other: Policy
    versions: Mapping[VersionKey, ModelVersion]
    judged: Mapping[str, Rejudged]
    said: Oversight[Any]
    earlier: dict[Subject, dict[str, GateDecision[Any]]] = field(default_factory=dict)

    def again(self, then: GateDecision[Any]) -> GateDecision[Any] | None:
        """The decision under the other policy; None where the gate or what stood at it is gone."""
        key, other = then.subject, self.other
        slug, case = subjects.use_case_of(key, other)
        candidate: Candidate[Any] | None = (
            subjects.declared(key, other) if isinstance(key, UseCaseKey) else self.versions.get(key)
        )
        if candidate is None or then.gate not in subjects.gates_for(key, other):
            return None
        results = {name: _result(self.judged[id_]) for name, id_ in then.evidence.items() if id_ in self.judged}
        known = self.earlier.setdefault(key, {})
        before = self.earlier.get(UseCaseKey(slug), {}) if slug else {}
        given = replace(gates.about(_as_of(self.said, then.at), key, slug, other), earlier={**before, **known})
        [known[then.gate]] = gates.decide_each([then.gate], candidate, case, results, other, given, now=then.at)
        return known[then.gate]


def _result(again: Rejudged) -> CheckResult:
    if again.verdict is None or not again.differs:
        return again.result
    finding = replace(again.result.finding, verdict=again.verdict, observations=())
    return replace(again.result, finding=finding)


def _as_of(said: Oversight[Any], moment: datetime) -> Oversight[Any]:
    """What people had said by then."""
    return replace(
        said,
        waivers=tuple(w for w in said.waivers if w.decided_at is not None and w.decided_at <= moment),
        holds=tuple(
            replace(h, released_at=None)
            for h in said.holds
            if h.ordered_at <= moment and (h.released_at is None or h.released_at > moment)
        ),
        responses=tuple(r for r in said.responses if r.at <= moment),
    )


def _row(
    decision: GateDecision[Any], again: GateDecision[Any] | None, judged: Mapping[str, Rejudged], language: str
) -> dict[str, Any]:
    lost = [name for name, id_ in decision.evidence.items() if id_ not in judged or judged[id_].verdict is None]
    blocking = [reason_line(reason, language) for reason in again.reasons if reason.blocks] if again else []
    return {
        "at": decision.at,
        "subject": str(decision.subject),
        "gate": decision.gate,
        "then": label(decision.verdict, language),
        "now": label(again.verdict, language) if again else None,
        "differs": again is not None and again.verdict is not decision.verdict,
        "why": blocking,
        "as_recorded": sorted(lost),
    }


def differing(rt: Runtime, directory: str, months: int) -> list[dict[str, Any]]:
    """The decisions that would differ, small enough for XCom: at most 200, oldest first."""
    rows = [row for row in replay(rt, Path(directory), months) if row["differs"]]
    return [row | {"at": row["at"].isoformat()} for row in rows[:200]]
