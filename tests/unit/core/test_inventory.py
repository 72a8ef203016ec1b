# SPDX-License-Identifier: Apache-2.0
"""What differs between two readings of MLflow, and what is out of order in one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.inventory import (
    Absent,
    Changes,
    FindingKind,
    Reading,
    drop,
    findings,
    present,
    reconcile,
    use_cases,
    with_use_cases,
)
from governance.core.terms import RegisteredModel, VersionKey
from tests import factories


@st.composite
def readings(draw: st.DrawFn) -> tuple[RegisteredModel, ...]:
    models = []
    for name in draw(st.sets(st.sampled_from(("a", "b", "c", "与信")))):
        numbers = tuple(sorted(draw(st.sets(st.integers(1, 3)))))
        value = draw(st.sampled_from((0.5, 0.7, math.nan)))
        versions = tuple(factories.version(name, number, metrics={"auc": value}) for number in numbers)
        aliases = (
            draw(st.dictionaries(st.sampled_from(("champion", "candidate")), st.sampled_from(numbers)))
            if numbers
            else {}
        )
        models.append(RegisteredModel(name, draw(st.sampled_from(("", "text"))), {}, aliases, versions))
    return tuple(sorted(models, key=lambda model: model.name))


def applied(known: tuple[RegisteredModel, ...], changes: Changes) -> dict[str, object]:
    """The known state with the changes made, in a form that NaN equals itself in."""
    texts = {model.name: model.description for model in known}
    texts |= {model.name: model.description for model in (*changes.new_models, *changes.changed_models)}
    for model in changes.retired_models:
        del texts[model.name]
    versions = {version.key: repr(version) for model in known for version in model.versions}
    versions |= {version.key: repr(version) for version in (*changes.new_versions, *changes.changed_versions)}
    for version in changes.retired_versions:
        del versions[version.key]
    aliases = {(model.name, alias): number for model in known for alias, number in model.aliases.items()}
    for move in changes.alias_moves:
        assert aliases.get((move.model, move.alias)) == move.from_version
        aliases[move.model, move.alias] = move.to_version or 0
    return {"texts": texts, "versions": versions, "aliases": {at: number for at, number in aliases.items() if number}}


def everything(models: tuple[RegisteredModel, ...]) -> set[Absent]:
    versions: set[Absent] = {(model.name, version.key.version) for model in models for version in model.versions}
    return versions | {(model.name, None) for model in models}


@given(readings(), readings())
def test_making_the_changes_of_a_second_reading_turns_what_was_known_into_what_is_seen(
    seen: tuple[RegisteredModel, ...], known: tuple[RegisteredModel, ...]
) -> None:
    changes = reconcile(Reading.whole(seen), known, everything(known))
    assert changes.absent == ()
    assert applied(known, changes) == applied(seen, Changes())
    assert repr(present(Reading.whole(seen), known, changes)) == repr(seen)


@given(readings(), readings())
def test_what_is_missed_once_stays_and_what_is_missed_twice_goes(
    seen: tuple[RegisteredModel, ...], known: tuple[RegisteredModel, ...]
) -> None:
    first = reconcile(Reading.whole(seen), known)
    assert (first.retired_models, first.retired_versions) == ((), ())
    there = present(Reading.whole(seen), known, first)
    assert everything(known) | everything(seen) == everything(there)
    second = reconcile(Reading.whole(seen), there, set(first.absent))
    assert repr(present(Reading.whole(seen), there, second)) == repr(seen)
    gone: set[Absent] = {(m.name, None) for m in second.retired_models}
    gone |= {(v.key.model, v.key.version) for v in second.retired_versions}
    assert set(first.absent) <= gone == everything(known) - everything(seen)


@given(readings(), readings())
def test_a_model_missed_for_the_first_time_keeps_its_aliases_and_every_other_loses_them_at_once(
    seen: tuple[RegisteredModel, ...], known: tuple[RegisteredModel, ...]
) -> None:
    there = {m.name: m.aliases for m in present(Reading.whole(seen), known, reconcile(Reading.whole(seen), known))}
    now, before = {m.name: m.aliases for m in seen}, {m.name: m.aliases for m in known}
    assert there == {name: now.get(name, before.get(name)) for name in now.keys() | before.keys()}


@given(readings())
def test_nothing_differs_from_itself_not_even_nan(seen: tuple[RegisteredModel, ...]) -> None:
    assert reconcile(Reading.whole(seen), seen) == Changes()


@given(readings())
def test_versions_that_were_not_read_are_as_they_were(seen: tuple[RegisteredModel, ...]) -> None:
    bare = tuple(RegisteredModel(m.name, m.description, m.tags, m.aliases) for m in seen)
    partial = Reading(bare, {}, is_full=False)
    assert reconcile(partial, seen) == Changes()
    assert repr(present(partial, seen, Changes())) == repr(seen)


def test_a_version_that_its_models_list_lacks_is_missed() -> None:
    known = factories.registered(numbers=(1, 2, 3))
    bare = RegisteredModel(known.name, known.description, known.tags, known.aliases)
    partial = Reading((bare,), {known.name: frozenset({1, 3})}, is_full=False)
    changes = reconcile(partial, (known,))
    assert changes == Changes(absent=((known.name, 2),))
    assert [v.key.version for v in reconcile(partial, (known,), set(changes.absent)).retired_versions] == [2]


@pytest.mark.parametrize(
    ("models", "versions", "doubted"),
    [
        ((2, 10), (0, 50), None),
        ((4, 10), (0, 50), None),
        ((5, 10), (0, 50), "models"),
        ((5, 25), (0, 50), None),
        ((6, 25), (0, 50), "models"),
        ((1, 1), (0, 1), "models"),
        ((0, 10), (11, 50), "versions"),
        ((0, 10), (4, 4), None),
        ((0, 0), (0, 0), None),
    ],
)
def test_a_drop_is_doubted_beyond_a_share_and_a_handful_or_when_nothing_is_left(
    models: tuple[int, int], versions: tuple[int, int], doubted: str | None
) -> None:
    absent = [(f"m{n}", None) for n in range(models[0])] + [("m", n + 1) for n in range(versions[0])]
    found = drop(Changes(absent=tuple(absent)), models[1], versions[1], 0.2)
    assert (found.kind if found else None) == doubted


def test_a_model_changes_when_the_policy_gives_it_to_another_use_case() -> None:
    model, other = factories.registered(), factories.registered("stray")
    wanted = use_cases(factories.shipped())
    reading = Reading.whole((model, other))
    assert with_use_cases(Changes(), reading, {model.name: wanted[model.name], "stray": None}, wanted) == Changes()
    for stale in (None, "another"):
        changes = with_use_cases(Changes(), reading, {model.name: stale, "stray": None}, wanted)
        assert changes == Changes(changed_models=(model,))
    known = Changes(new_models=(model,))
    assert with_use_cases(known, reading, {}, wanted) == known


def test_a_champion_without_an_open_gate_is_ungoverned_and_an_unknown_model_an_orphan() -> None:
    models = (factories.registered(aliases={"champion": 1}), factories.registered("stray"))
    key = VersionKey("credit-scoring", 1)
    for decisions, expected in (
        ({}, True),
        ({(key, "G4"): factories.decision(key, blocks=True)}, True),
        ({(key, "G4"): factories.decision(key)}, False),
    ):
        found = {(f.kind, f.subject) for f in findings(models, decisions, factories.shipped())}
        assert ((FindingKind.UNGOVERNED_CHAMPION, str(key)) in found) is expected
        assert (FindingKind.ORPHAN, "stray") in found
        assert (FindingKind.OWNERLESS, "product-quality") in found
        assert (FindingKind.UNSERVED, "health-support") in found
