# SPDX-License-Identifier: Apache-2.0
"""What names a person can be removed from a fact; the ledger still verifies, and says that it was removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from governance.errors import NotFoundError, PolicyError
from governance.steps import evidence_bundle, listings, risk_register
from governance.store import database, verification
from governance.store.models import FACTS, Erasure, RiskAssessment
from tests.integration.test_steps import Company, company

if TYPE_CHECKING:
    from governance.store.verification import Problem

__all__ = ["company"]


def problems(company: Company) -> list[Problem]:
    with company.rt.reading() as session:
        return [*verification.log(session, {}).problems, *verification.facts(session)[1]]


def risk(company: Company) -> str:
    company.deliver(1, 7, 1)
    company.run()
    risk_register.reassess(company.rt)
    with company.rt.reading() as session:
        return session.scalars(select(RiskAssessment.id).limit(1)).one()


def test_an_erased_fact_keeps_what_its_entry_shows_and_nothing_else(company: Company) -> None:
    id_ = risk(company)
    assert evidence_bundle.erase(company.rt, id_[:12], "request 12") == f"risk_assessment/{id_}"
    with company.rt.reading() as session:
        row = session.get_one(RiskAssessment, id_)
        assert (row.cause, row.owner, row.actor) == ({}, None, "erased")
        assert row.score == row.likelihood * row.impact
        assert session.scalars(select(Erasure.ground)).all() == ["request 12"]
    assert problems(company) == []
    assert evidence_bundle.show(company.rt, id_)["matches"] is False
    assert listings.risks(company.rt)


def test_every_kind_of_fact_can_be_erased_and_the_lists_still_read(company: Company) -> None:
    risk(company)
    with company.rt.reading() as session:
        keys = [(table, id_) for table in FACTS for id_ in session.scalars(select(table.id).limit(1))]
    for table, id_ in keys:
        assert evidence_bundle.erase(company.rt, f"{table.__tablename__}/{id_}", "request")
    assert problems(company) == []
    for listing in (listings.gates, listings.inventory, listings.findings, listings.risks, listings.kpis):
        listing(company.rt)


def test_after_an_erasure_facts_are_guarded_as_before(company: Company) -> None:
    evidence_bundle.erase(company.rt, risk(company), "request 12")
    for table in ("risk_assessment", "ledger_entry"):
        with pytest.raises(DBAPIError, match="append-only"), company.rt.writing() as session:
            session.execute(text(f"UPDATE {table} SET {'actor' if table[0] == 'r' else 'body'} = 'x'"))  # noqa: S608 - ours


def test_content_that_goes_without_a_recorded_erasure_is_a_problem(company: Company) -> None:
    id_ = risk(company)
    with company.rt.engine.execution_options(write=True).begin() as connection:
        guard = "ALTER TABLE ledger_entry DISABLE TRIGGER ALL"
        connection.execute(
            text(guard if connection.dialect.name == "postgresql" else "DROP TRIGGER ledger_entry_no_update")
        )
        connection.execute(text("UPDATE ledger_entry SET salt = NULL WHERE key LIKE :key"), {"key": f"%{id_}"})
    (found,) = problems(company)
    assert found.where == f"risk_assessment/{id_}"
    assert "without a recorded erasure" in found.what.en


def test_an_erasure_names_its_ground_and_its_fact(company: Company) -> None:
    with pytest.raises(PolicyError, match="no ground"):
        evidence_bundle.erase(company.rt, risk(company), " ")
    with pytest.raises(NotFoundError, match="no fact"):
        evidence_bundle.erase(company.rt, "abcdef012345", "request 12")
    assert database.status(company.rt.engine)[0]
