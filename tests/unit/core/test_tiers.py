# SPDX-License-Identifier: Apache-2.0
"""The highest tier that any rule gives counts; asking for a lower one changes nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from governance.core.tiers import classify
from governance.policy import Audience, RiskTier, Text, Tiers, UseCase
from governance.policy.sections import TierRule
from tests.factories import shipped, use_case

DOMAINS = ("credit", "health", "helpdesk", "social-scoring")
rules = st.builds(
    TierRule,
    tier=st.sampled_from(RiskTier),
    domains=st.lists(st.sampled_from(DOMAINS), max_size=2).map(tuple),
    audiences=st.lists(st.sampled_from(Audience), max_size=2).map(tuple),
    generative=st.sampled_from([None, True, False]),
    reason=st.just(Text(ja="理由", en="reason")),
)
graded = st.builds(
    lambda default, found: shipped().tiers.model_copy(update={"default": default, "rules": tuple(found)}),
    st.sampled_from(RiskTier),
    st.lists(rules, max_size=5),
)
cases = st.builds(
    lambda **fields: use_case(**fields),
    domain=st.sampled_from(DOMAINS),
    audience=st.sampled_from(Audience),
    generative=st.booleans(),
    tier=st.sampled_from([None, *RiskTier]),
)


def matches(rule: TierRule, case: UseCase) -> bool:
    return (
        (case.domain in rule.domains or rule.domains == ())
        and (case.audience in rule.audiences or rule.audiences == ())
        and rule.generative in {None, case.generative}
    )


@given(cases, graded)
def test_a_tier_is_the_highest_of_default_matching_rules_and_wish(case: UseCase, tiers: Tiers) -> None:
    given_tiers = {tiers.default, *(rule.tier for rule in tiers.rules if matches(rule, case))}
    given_tiers |= {case.tier} if case.tier else set()
    assert classify(case, tiers).rank == max(tier.rank for tier in given_tiers)


@given(cases, graded, rules)
def test_adding_a_rule_never_lowers_a_tier(case: UseCase, tiers: Tiers, rule: TierRule) -> None:
    stricter = tiers.model_copy(update={"rules": (*tiers.rules, rule)})
    assert classify(case, stricter).rank >= classify(case, tiers).rank


@given(cases, graded, st.sampled_from(RiskTier))
def test_asking_for_a_tier_never_lowers_it(case: UseCase, tiers: Tiers, wish: RiskTier) -> None:
    without = classify(case.model_copy(update={"tier": None}), tiers)
    assert classify(case.model_copy(update={"tier": wish}), tiers).rank == max(without.rank, wish.rank)


@given(cases, graded)
def test_the_order_of_rules_does_not_matter(case: UseCase, tiers: Tiers) -> None:
    turned = tiers.model_copy(update={"rules": tiers.rules[::-1]})
    assert classify(case, turned) is classify(case, tiers)


@given(graded)
def test_a_model_that_nobody_answers_for_is_high(tiers: Tiers) -> None:
    assert classify(None, tiers) is RiskTier.HIGH


def test_the_shipped_policy_grades_its_use_cases_as_the_company_said() -> None:
    found = {slug: classify(case, shipped().tiers).value for slug, case in shipped().use_cases.use_cases.items()}
    assert found == {
        "credit-scoring": "high",
        "health-support": "high",
        "diagnosis-support": "high",
        "product-quality": "low",
        "card-offer": "high",
        "helpdesk-assistant": "limited",
        "form-reader": "low",
    }


def test_tiers_are_ranked_by_harm() -> None:
    assert [tier.rank for tier in RiskTier] == [0, 1, 2, 3]
    assert max(RiskTier, key=lambda tier: tier.rank) is RiskTier.PROHIBITED
