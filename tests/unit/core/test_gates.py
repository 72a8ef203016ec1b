# SPDX-License-Identifier: Apache-2.0
"""A gate opens on complete, fresh, good evidence and on nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from governance.core import gates
from governance.core.terms import CheckResult, DatasetInput, GateVerdict, Observation, Verdict
from governance.policy import RiskTier, Text
from tests.factories import NOW, REQUIRED, decision, key, passing, registered, result, shipped, use_case, version

if TYPE_CHECKING:
    from governance.core.terms import GateDecision, ModelVersion
    from governance.policy import UseCase

BLOCKING: Final = [v for v in Verdict if v not in {Verdict.PASS, Verdict.WARN}]
ages = st.timedeltas(timedelta(0), timedelta(days=400))
observations = st.builds(Observation, name=st.just("auc"), verdict=st.sampled_from(Verdict))
results = st.builds(
    lambda check, verdict, age, seen: result(check, verdict, at=NOW - age, observations=tuple(seen)),
    st.sampled_from(REQUIRED),
    st.sampled_from(Verdict),
    ages,
    st.lists(observations, max_size=3),
)
evidence = st.lists(results, max_size=6).map(lambda found: {r.check: r for r in found})
tiers = st.sampled_from(RiskTier)


def decide(
    given_results: dict[str, CheckResult],
    tier: RiskTier = RiskTier.HIGH,
    case: UseCase | None = None,
    *,
    on: ModelVersion | None = None,
) -> GateDecision:
    return gates.decide("G4", on or version(), case or use_case(), tier, given_results, shipped(), now=NOW)


def test_fresh_passes_of_every_required_check_open_the_gate() -> None:
    decided = decide(passing())
    assert decided.verdict is GateVerdict.PASS
    assert not decided.blocks
    assert decided.reasons == ()
    assert decided.evidence == {name: passing()[name].id for name in REQUIRED}
    assert decided.policy_digest == shipped().digest


@given(evidence, tiers, st.sampled_from(REQUIRED))
def test_adding_a_pass_never_turns_pass_to_block(found: dict[str, CheckResult], tier: RiskTier, name: str) -> None:
    before = decide(found, tier)
    after = decide({**found, **passing(name)}, tier)
    assert after.blocks <= before.blocks


@given(evidence, st.sampled_from(REQUIRED), st.sampled_from(BLOCKING), st.lists(observations, max_size=3))
def test_a_required_check_that_did_not_pass_always_blocks(
    found: dict[str, CheckResult], name: str, verdict: Verdict, seen: list[Observation]
) -> None:
    decided = decide({**passing(), **found, name: result(name, verdict, observations=tuple(seen))})
    assert decided.blocks
    assert any(reason.check == name and reason.blocks for reason in decided.reasons)


@given(evidence, st.sampled_from(REQUIRED))
def test_a_required_check_that_is_missing_always_blocks(found: dict[str, CheckResult], name: str) -> None:
    decided = decide({check: r for check, r in {**passing(), **found}.items() if check != name})
    assert [r.verdict for r in decided.reasons if r.check == name] == [Verdict.NOT_RUN]
    assert decided.blocks


@given(st.sampled_from(REQUIRED), st.sampled_from([RiskTier.LIMITED, RiskTier.HIGH]), ages)
def test_a_pass_blocks_exactly_from_the_moment_it_is_stale(name: str, tier: RiskTier, age: timedelta) -> None:
    assume(name in gates.required("G4", tier, shipped()))
    limit = timedelta(days=shipped().tiers.tiers[tier].max_age_days)
    decided = decide({**passing(), name: result(name, at=NOW - age)}, tier)
    assert decided.blocks == (age > limit)
    assert [r.verdict for r in decided.reasons] == ([Verdict.STALE] if age > limit else [])


def test_a_pass_is_fresh_to_the_very_end_of_its_age() -> None:
    limit = timedelta(days=shipped().tiers.tiers[RiskTier.HIGH].max_age_days)
    assert not decide({**passing(), "bias": result(at=NOW - limit)}).blocks
    assert decide({**passing(), "bias": result(at=NOW - limit - timedelta(microseconds=1))}).blocks


@given(evidence)
def test_a_prohibited_use_always_blocks(found: dict[str, CheckResult]) -> None:
    decided = decide({**found, **passing()}, RiskTier.PROHIBITED)
    assert decided.blocks
    assert decided.reasons[0].text.en == "the policy prohibits this use"


@given(evidence, tiers)
def test_a_model_without_a_use_case_always_blocks(found: dict[str, CheckResult], tier: RiskTier) -> None:
    decided = gates.decide("G4", version(), None, tier, {**passing(), **found}, shipped(), now=NOW)
    assert decided.blocks
    assert "use_case" in {reason.check for reason in decided.reasons}


@given(evidence, st.sets(st.sampled_from(REQUIRED), min_size=1))
def test_an_exempt_check_never_blocks_and_is_always_listed(found: dict[str, CheckResult], names: set[str]) -> None:
    why = Text(ja="理由", en="no person is named")
    decided = decide({**passing(), **found}, case=use_case(exempt=dict.fromkeys(names, why)))
    for name in names:
        (reason,) = [r for r in decided.reasons if r.check == name]
        assert not reason.blocks
        assert reason.exempt
        assert reason.text.en == "no person is named"


def test_exempting_every_check_opens_the_gate_with_nothing_measured() -> None:
    why = Text(ja="理由", en="why")
    decided = decide({}, case=use_case(exempt=dict.fromkeys(REQUIRED, why)))
    assert not decided.blocks
    assert len(decided.reasons) == len(REQUIRED)


def test_a_tier_that_the_gate_does_not_name_is_held_to_the_strictest_named() -> None:
    assert RiskTier.PROHIBITED not in shipped().gates.gates["G4"].required_checks
    assert gates.required("G4", RiskTier.PROHIBITED, shipped()) == REQUIRED


def test_a_warning_passes_and_is_told() -> None:
    seen = Observation("auc", value=0.7, limit=0.7, verdict=Verdict.WARN)
    decided = decide({**passing(), "performance": result("performance", Verdict.WARN, observations=(seen,))})
    assert not decided.blocks
    assert [(r.check, r.verdict, r.observation) for r in decided.reasons] == [("performance", Verdict.WARN, seen)]


def test_a_failed_check_blocks_though_no_observation_says_why() -> None:
    """The verdict of the check counts; what it saw only explains it."""
    seen = Observation("auc", verdict=Verdict.WARN)
    decided = decide({**passing(), "performance": result("performance", Verdict.FAIL, observations=(seen,))})
    assert decided.blocks
    assert [(r.verdict, r.blocks) for r in decided.reasons] == [(Verdict.FAIL, True), (Verdict.WARN, False)]


@given(evidence, tiers)
def test_a_gate_blocks_exactly_when_a_reason_blocks(found: dict[str, CheckResult], tier: RiskTier) -> None:
    decided = decide(found, tier)
    assert decided.blocks == any(reason.blocks for reason in decided.reasons)


@given(evidence, tiers)
def test_unknown_is_never_green(found: dict[str, CheckResult], tier: RiskTier) -> None:
    """A gate is open only if each required check has a fresh result that says pass or warn."""
    limit = timedelta(days=shipped().tiers.tiers[tier].max_age_days)
    if not decide(found, tier).blocks:
        for name in gates.required("G4", tier, shipped()):
            assert gates.aged(found[name], limit, NOW) in gates.OPEN


@given(evidence, tiers, st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_rerun_with_the_same_data_and_verdicts_keeps_the_facts_digest(
    found: dict[str, CheckResult], tier: RiskTier, later: timedelta
) -> None:
    limit = timedelta(days=shipped().tiers.tiers[tier].max_age_days)
    again = {name: replace(r, id=f"{r.id}-again", at=min(r.at + later, NOW)) for name, r in found.items()}
    assume(all((NOW - found[n].at > limit) == (NOW - again[n].at > limit) for n in found))
    assert decide(again, tier).facts_digest == decide(found, tier).facts_digest


def test_material_changes_change_the_facts_digest() -> None:
    data = DatasetInput("evaluation", "german", "abc", "s3://x")
    variants = [
        decide(passing()),
        decide({**passing(), "bias": result("bias", Verdict.FAIL)}),
        decide({**passing(), "bias": result("bias", Verdict.WARN)}),
        decide({**passing(), "bias": result("bias", data_digest="e" * 64)}),
        decide({name: r for name, r in passing().items() if name != "bias"}),
        decide(passing(), on=version(run_id="run-9")),
        decide(passing(), on=version(datasets=(data,))),
        decide(passing(), on=version(datasets=(replace(data, digest="abd"),))),
        decide(passing(), on=version(number=2)),
        decide(passing(), RiskTier.PROHIBITED),
        decide({**passing(), "bias": result("bias", at=NOW - timedelta(days=31))}),
        decide(passing(), case=use_case(exempt={"bias": Text(ja="理由", en="why")})),
    ]
    digests = [variant.facts_digest for variant in variants]
    assert len(set(digests)) == len(digests)


def test_a_version_stands_at_a_gate_by_alias_or_as_the_newest() -> None:
    models = [registered(numbers=(1, 2, 3, 4), aliases={"champion": 1, "candidate": 2, "notes": 3})]
    decided = {(key(number=n), "G4"): decision(key(number=n), blocks=n == 2) for n in (1, 2, 3)}
    standing = gates.standing(models, decided, shipped())
    assert [d.subject.version for d in standing] == [2, 1]  # blocked first; 3 stands nowhere, 4 is not decided


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.NOT_RUN])
def test_a_check_that_could_not_be_carried_out_is_due_at_once(verdict: Verdict) -> None:
    assert gates.due(result(verdict=verdict), "definition", timedelta(days=9), None, now=NOW)


def test_a_check_is_due_when_it_never_ran_its_rules_or_subject_changed_or_its_time_is_over() -> None:
    day, done = timedelta(days=1), result(at=NOW - timedelta(hours=6))
    assert gates.due(None, "definition", day, None, now=NOW)
    assert gates.due(done, "another definition", day, None, now=NOW)
    assert gates.due(done, "definition", day, NOW - timedelta(hours=5), now=NOW)
    assert gates.due(done, "definition", timedelta(hours=6), None, now=NOW)
    assert not gates.due(done, "definition", day, NOW - timedelta(hours=7), now=NOW)
    assert not gates.due(
        replace(done, finding=replace(done.finding, verdict=Verdict.FAIL)), "definition", day, None, now=NOW
    )
