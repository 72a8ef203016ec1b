# SPDX-License-Identifier: Apache-2.0
"""A pack prints the seal of its facts, reads the same from any database, and restates what was learnt late."""

from __future__ import annotations

import itertools
import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from governance.core.calendar import parse_month
from governance.steps import committee_pack, evidence_seal, kpi_metrics, listings, restatements, risk_register
from governance.store import facts
from governance.store.facts import AsOf
from governance.store.models import AliasEvent
from tests.integration.test_steps import MODEL, NOVEMBER, OCTOBER, Company, company, opened

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from governance.core.committee import Pack

__all__ = ["company"]


@contextmanager
def sealed(kind: str, home: Path) -> Generator[Company]:
    """A company whose salts and key are known, so that only its database differs from another one's."""
    home.mkdir()
    numbers = itertools.count()
    with opened(kind, home, lambda: f"{next(numbers):032x}") as there:
        settings = there.rt.settings.model_copy(
            update={"signing_key_file": home.parent / "signing.key", "checkpoint_url": str(home / "checkpoints")}
        )
        yield Company(replace(there.rt, settings=settings), there.clock, there.data)


def live(company: Company) -> dict[str, bytes]:
    """A month of work, and its pack."""
    company.run()
    risk_register.reassess(company.rt)
    kpi_metrics.measure(company.rt)
    evidence_seal.seal(company.rt)
    evidence_seal.verify_and_tell(company.rt)
    company.clock.now = NOVEMBER
    files = committee_pack.build(company.rt, "2026-10")
    return {path.rpartition("/")[2]: (company.rt.settings.pack_dir / path).read_bytes() for path in files}


@pytest.mark.postgres
def test_the_same_facts_give_the_same_bytes_from_sqlite_and_from_postgresql(tmp_path: Path) -> None:
    evidence_seal.make_key(tmp_path / "signing.key", "packs.example")
    with sealed("sqlite", tmp_path / "one") as one, sealed("postgresql", tmp_path / "other") as other:
        first, second = live(one), live(other)
    assert len(first) == 2
    assert first == second


@contextmanager
def _sqlite(tmp_path: Path) -> Generator[Company]:
    evidence_seal.make_key(tmp_path / "signing.key", "packs.example")
    with sealed("sqlite", tmp_path / "one") as there:
        yield there


def test_the_pack_prints_the_checkpoint_that_was_published_for_it(tmp_path: Path) -> None:
    with _sqlite(tmp_path) as there:
        live(there)
        row = listings.packs(there.rt)[0]
        pack = rebuilt(there)
        assert pack.seal is not None
        assert pack.seal.intact
        published = there.rt.settings.checkpoint_url + f"/{pack.seal.size:012d}.checkpoint"
        with open(published, encoding="utf-8") as file:  # noqa: PTH123 - a URL that is a path here
            assert file.read() == pack.seal.note
        assert row["period"] == "2026-10"
        assert evidence_seal.verify(there.rt).is_intact


def rebuilt(company: Company) -> Pack:
    month = parse_month("2026-10")
    published = committee_pack._published(company.rt, month)
    return committee_pack.assemble(company.rt, month, published, committee_pack._position(company.rt, published))


def test_without_a_key_the_pack_says_that_it_is_not_sealed(company: Company) -> None:
    company.clock.now = NOVEMBER
    committee_pack.build(company.rt, "2026-10")
    pack = rebuilt(company)
    assert pack.seal is not None
    assert (pack.seal.note, pack.seal.intact) == (None, None)


def test_a_fact_learnt_late_restates_the_figures_it_changes_and_is_named_as_the_cause(company: Company) -> None:
    company.run()
    company.clock.now = NOVEMBER
    committee_pack.build(company.rt, "2026-10")
    assert listings.restatements(company.rt) == []
    company.clock.now += timedelta(days=1)
    company.run()  # what takes effect later changes nothing of October
    assert listings.restatements(company.rt) == []
    late = AliasEvent(subject=MODEL, model=MODEL, alias="champion", from_version=1, to_version=None)
    late.id, late.effective_at = facts.fact_id(AliasEvent, "late"), OCTOBER + timedelta(days=5)
    with company.rt.writing() as session:
        facts.record(session, [late], company.rt.telling(session))
    found = {row["code"]: row for row in listings.restatements(company.rt)}
    assert found
    assert {row["period"] for row in found.values()} == {"2026-10"}
    assert all(row["published"] != row["now"] for row in found.values())
    assert {cause for row in found.values() for cause in row["causes"]} == {f"alias_event/{late.id[:12]} {MODEL}"}
    assert json.dumps(sorted(found))
    company.clock.now += timedelta(days=30)
    committee_pack.build(company.rt, "2026-11")
    with company.rt.reading() as session:
        at = company.rt.current(session)
        assert {each.figure.code for each in restatements.find(company.rt, session, at)} == set(found)
        before = AsOf(at.as_of, NOVEMBER)
        assert restatements.find(company.rt, session, before) == ()
