# SPDX-License-Identifier: Apache-2.0
"""What differs between two readings of MLflow, and what is out of order in one."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from governance.core.inventory import Changes, FindingKind, findings, reconcile
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


@given(readings(), readings())
def test_making_the_changes_turns_what_was_known_into_what_is_seen(
    seen: tuple[RegisteredModel, ...], known: tuple[RegisteredModel, ...]
) -> None:
    assert applied(known, reconcile(seen, known)) == applied(seen, Changes())


@given(readings())
def test_nothing_differs_from_itself_not_even_nan(seen: tuple[RegisteredModel, ...]) -> None:
    assert reconcile(seen, seen) == Changes()


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
