# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import exports, inventory, kpis, twins
from governance.core.exports import Served
from governance.core.inventory import FindingKind
from governance.core.terms import NOTHING
from governance.core.twins import Copy
from governance.errors import PolicyError
from governance.policy import load
from tests import factories
from tests.factories import NOW, key, registered, version

if TYPE_CHECKING:
    from pathlib import Path

    from governance.core.terms import RegisteredModel, Words
    from governance.policy import Policy

MODEL, TWIN = "credit-scoring", "prod.credit-scoring"
POLICY = factories.policy(gates={"protected_prefix": "prod."})
ORIGIN = version(MODEL, 2)
HERE = version(TWIN, 1, source=f"models:/{MODEL}/2", tags={twins.COPIED_FROM: f"{MODEL}/2"})
MADE = Copy(HERE.key, ORIGIN.key, twins.birth(HERE), twins.birth(ORIGIN))
LATER = datetime(2026, 10, 2, tzinfo=UTC)


def models(here: Any = HERE, origin: Any = ORIGIN) -> dict[str, RegisteredModel]:
    own = registered(MODEL, (1,))
    return {
        MODEL: replace(own, versions=(*own.versions, *([origin] if origin else []))),
        TWIN: registered(TWIN, (), aliases={"champion": 1}, versions=(here,) if here else ()),
    }


def doubt(policy: Policy = POLICY, copy: Copy | None = MADE, **there: Any) -> Words:
    return twins.doubt(HERE.key, models(**there), {copy.key: copy} if copy else {}, policy)


def test_a_copy_that_is_as_we_made_it_stands_for_its_origin() -> None:
    assert doubt() == NOTHING
    edited = replace(HERE, description="edited", tags={**HERE.tags, "team": "risk"}, run_id="the run came later")
    assert doubt(here=edited) == NOTHING


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ({"copy": None}, "no copy that the gate made"),
        ({"copy": replace(MADE, origin=key("fraud", 2))}, "no copy that the gate made"),
        ({"policy": factories.shipped()}, "no copy that the gate made"),
        ({"here": None}, "not in the inventory"),
        ({"here": replace(HERE, tags={})}, "not the copy of"),
        ({"here": replace(HERE, tags={twins.COPIED_FROM: f"{MODEL}/1"})}, "not the copy of"),
        ({"here": replace(HERE, source="s3://smuggled")}, "not the copy of"),
        ({"here": replace(HERE, created_at=LATER)}, "not the copy of"),
        ({"origin": None}, "is gone"),
        ({"origin": replace(ORIGIN, created_at=LATER)}, "another version"),
        ({"origin": replace(ORIGIN, source="s3://other")}, "another version"),
    ],
)
def test_whatever_differs_from_our_fact_breaks_the_tie(there: dict[str, Any], why: str) -> None:
    told = doubt(**there)
    assert why in told.en
    assert told.ja.startswith(f"{HERE.key}: ")


def test_decisions_on_an_origin_stand_for_its_confirmed_copy_and_the_twins_own_do_not() -> None:
    closed = factories.decision(subject=HERE.key)
    decisions = {(ORIGIN.key, "G4"): factories.decision(subject=ORIGIN.key), (HERE.key, "G4"): closed}
    there = list(models().values())
    told = twins.judged(decisions, there, {MADE.key: MADE}, POLICY)
    assert told[HERE.key, "G4"] is decisions[ORIGIN.key, "G4"]
    assert (HERE.key, "G4") not in twins.judged(decisions, there, {}, POLICY)
    assert twins.judged(decisions, there, {MADE.key: MADE}, factories.shipped()) == decisions


@given(st.text(max_size=20), st.booleans())
def test_nothing_is_a_twin_but_the_prefix_and_a_model_of_a_use_case(name: str, is_prefixed: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
    name = f"prod.{name}" if is_prefixed else name
    origin = twins.origin_of(name, POLICY)
    assert origin is None or (twins.twin_of(origin, POLICY) == name and inventory.use_case_of(origin, POLICY)[0])
    assert twins.origin_of(name, factories.shipped()) is twins.twin_of(name, factories.shipped()) is None
    assert inventory.use_cases(POLICY).get(name) == inventory.use_case_of(name, POLICY)[0]


def test_a_twin_belongs_to_the_use_case_of_its_origin_and_stands_at_no_gate() -> None:
    assert inventory.use_case_of(TWIN, POLICY) == inventory.use_case_of(MODEL, POLICY)
    served, twin = replace(registered(MODEL, (1, 2, 3)), serving={"champion": 2}), models()[TWIN]
    gate = POLICY.gates.gates["G4"]
    assert [v.key.version for v in inventory.governed(served, gate, POLICY)] == [2, 3]
    assert inventory.governed(twin, gate, POLICY) == ()
    assert inventory.governed(twin, gate, factories.shipped()) == twin.versions
    kinds = {
        (one.kind, one.subject)
        for one in inventory.findings([served, twin], {}, POLICY)
        if one.subject.startswith("prod.")
    }
    assert kinds == {(FindingKind.UNGOVERNED_CHAMPION, f"{TWIN} v1")}


def test_what_serves_through_a_twin_is_counted_once() -> None:
    served, twin = replace(registered(MODEL, (1, 2)), serving={"champion": 2}), models()[TWIN]
    position = kpis.Position(
        [served, twin, registered("prod.stranger", (1,), aliases={"champion": 1})], {}, [], {}, [], [], [], NOW, NOW
    )
    (value,) = (one for one in kpis.measure(position, POLICY) if one.kpi == "K-G01")
    assert (value.numerator, value.denominator) == (1, 2)


def test_the_table_of_all_ai_tells_a_twin_with_its_origin() -> None:
    passed = {(ORIGIN.key, code): factories.decision(gate=code, blocks=False) for code in POLICY.gates.of_versions}
    served, twin = replace(registered(MODEL, (1, 2)), serving={"champion": 2}), models()[TWIN]
    (entry,) = exports.inventory(exports.Facts([served, twin], passed, {}), POLICY)
    assert (entry.aliases, entry.served) == ({f"{TWIN}@champion": 2}, Served.PASSED)
    (unknown,) = exports.inventory(exports.Facts([replace(served, serving={}), twin], passed, {}), POLICY)
    assert unknown.served is Served.UNDECIDED


def test_serving_tells_what_is_a_copy_of_ours_and_nothing_else() -> None:
    aliases = {TWIN: {"champion": 1, "production": 7}, MODEL: {"champion": 1}}
    assert twins.serving(aliases, {MADE.key: MADE}) == {MODEL: {"champion": 2}}


@pytest.mark.parametrize("prefix", ["", "prod", "PROD.", "a/b.", "models:."])
def test_a_prefix_that_names_no_model_well_is_refused(tmp_path: Path, prefix: str) -> None:
    gates = (factories.SHIPPED / "gates.yaml").read_text(encoding="utf-8")
    directory = factories.policy_dir(tmp_path / "p", gates=f"{gates}\nprotected_prefix: '{prefix}'\n")
    with pytest.raises(PolicyError, match="protected_prefix"):
        load(directory)


def test_a_use_case_names_the_model_and_never_its_twin(tmp_path: Path) -> None:
    gates = (factories.SHIPPED / "gates.yaml").read_text(encoding="utf-8")
    directory = factories.policy_dir(tmp_path / "p", gates=f"{gates}\nprotected_prefix: credit-\n")
    with pytest.raises(PolicyError, match="name the model that it serves for"):
        load(directory)
