# SPDX-License-Identifier: Apache-2.0
"""Versions are shared out over tasks: every one once, in order, no more tasks than Airflow maps."""

from hypothesis import given
from hypothesis import strategies as st

from governance.core import batches
from governance.core.terms import VersionKey


@given(st.integers(0, 3000), st.integers(1, 1000), st.integers(0, 200), st.integers(1, 1024))
def test_every_subject_is_planned_once_in_order_and_sizes_are_bounded(
    count: int, size: int, alone: int, mapped: int
) -> None:
    planned = batches.plan(range(count), size, alone=alone, mapped=mapped)
    assert [one for batch in planned for one in batch] == list(range(count))
    assert len(planned) <= mapped
    assert all(1 <= len(batch) <= max(size, -(-count // mapped)) for batch in planned)
    if count <= min(alone, mapped):
        assert all(len(batch) == 1 for batch in planned)


def test_a_label_names_the_first_and_counts_the_rest() -> None:
    keys = [VersionKey("credit-scoring", number) for number in range(3, 23)]
    assert batches.label(keys) == "credit-scoring v3 … +19"
    assert batches.label(keys[:1]) == "credit-scoring v3"
