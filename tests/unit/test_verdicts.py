# SPDX-License-Identifier: Apache-2.0
"""Verdicts combine worst first."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.terms import Verdict
from governance.core.verdicts import WORST_FIRST, combine

MANY = st.lists(st.sampled_from(Verdict))


def test_every_verdict_has_one_place_in_the_order() -> None:
    assert sorted(WORST_FIRST) == sorted(Verdict)


def test_no_verdict_is_not_run() -> None:
    assert combine([]) is Verdict.NOT_RUN


@pytest.mark.parametrize(("worse", "better"), list(itertools.pairwise(WORST_FIRST)))
def test_the_worse_of_two_counts(worse: Verdict, better: Verdict) -> None:
    assert combine([better, worse]) is worse


@given(MANY)
def test_it_passes_only_if_all_pass_and_there_is_one(verdicts: list[Verdict]) -> None:
    assert (combine(verdicts) is Verdict.PASS) == (set(verdicts) == {Verdict.PASS})


@given(MANY.filter(bool), MANY.filter(bool))
def test_combining_in_parts_is_combining_at_once(some: list[Verdict], others: list[Verdict]) -> None:
    assert combine([combine(some), combine(others)]) is combine(others + some)


@given(MANY.filter(bool), st.sampled_from(Verdict))
def test_one_more_verdict_never_makes_it_better(verdicts: list[Verdict], more: Verdict) -> None:
    assert WORST_FIRST.index(combine([*verdicts, more])) <= WORST_FIRST.index(combine(verdicts))
