# SPDX-License-Identifier: Apache-2.0
"""Whoever looks at a protected twin's version is told what it is a copy of, and whether it may serve."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
from typer.testing import CliRunner

from governance.cli import app, shell
from governance.core import inventory, twins
from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.terms import RegisteredModel, VersionKey
from governance.errors import NotFoundError
from governance.runtime import Asked
from governance.steps import gate_report, gate_review, model_gate
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts
from tests import factories
from tests.factories import NOW
from tests.integration import browsing
from tests.integration.browsing import BLOCKED, HOSTILE, REASON, ROOT, WAITING, Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from governance.core.terms import ModelVersion

ORIGIN = "credit-scoring"
GOOD, CLOSED, SMUGGLED, UNTIED, GONE = (VersionKey(f"prod.{ORIGIN}", number) for number in range(1, 6))
STRANGE = VersionKey(f"prod.{HOSTILE}", 1)


def address(key: VersionKey) -> str:
    return f"/models/{quote(key.model, safe='')}/versions/{key.version}"


def copied(company: Company, key: VersionKey, origin: ModelVersion, *, is_ours: bool = True) -> ModelVersion:
    """A version of a twin that says what it is a copy of; and, if it is ours, the fact that we made it."""
    tags = {twins.COPIED_FROM: twins.named(origin.key)}
    copy = replace(factories.version(key.model, key.version), source="models:/origin", tags=tags)
    proof = {
        "origin": origin.key.model, "version": origin.key.version,
        "origin_made": twins.birth(origin), "made": twins.birth(copy),
    }  # fmt: skip
    action = AliasAction(
        str(key), ActionKind.COPY, key.model, "champion", None, key.version, "d", ActionState.DONE, NOW, proof=proof
    )
    with company.rt.writing() as session:
        if is_ours:
            facts.record_action(session, action, company.rt.telling(session))
    return copy


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Company]:
    with browsing.filled("sqlite", tmp_path) as url, browsing.served(url, tmp_path, prefix="prod.") as company:
        origins = {key: factories.version(key.model, key.version) for key in (BLOCKED, WAITING)}
        copies = [
            copied(company, GOOD, origins[WAITING]),
            copied(company, CLOSED, origins[BLOCKED]),
            copied(company, SMUGGLED, origins[WAITING], is_ours=False),
            replace(copied(company, UNTIED, origins[WAITING]), tags={}),
            copied(company, GONE, factories.version(ORIGIN, 99)),
        ]
        strange = copied(company, STRANGE, factories.version(HOSTILE, 1))
        models = [
            RegisteredModel(GOOD.model, aliases={"champion": 1}, versions=tuple(copies)),
            RegisteredModel(STRANGE.model, versions=(strange,)),
        ]
        with company.rt.writing() as session:
            changes = inventory.reconcile(inventory.Reading.whole(models), ())
            inventory_facts.record_changes(session, changes, {}, company.rt.telling(session))
        for seat, login in (("risk", "suzuki"), ("caio", "sato")):
            question = gate_review.question(company.rt, WAITING, "G4", seat)
            gate_review.answer(company.rt, question, login, "approve", REASON)
        yield company


def test_the_page_of_a_copy_leads_to_its_origin_and_says_that_it_may_serve(there: Company) -> None:
    shown = there.see(address(GOOD), "ito")
    assert f"{GOOD} is a copy of {WAITING} and may serve" in shown.text
    assert "Why it may not serve" not in shown.text
    [link] = [link for link in shown.links if urlsplit(link).path == ROOT + address(WAITING)]
    assert "waiting" not in there.see(link.removeprefix(ROOT), "ito").text
    japanese = there.ask(f"{address(GOOD)}?lang=ja", "ito").text
    assert f"{GOOD} は {WAITING} の写しで、稼働してよい" in japanese


@pytest.mark.parametrize(
    ("key", "en", "ja"),
    [
        (CLOSED, (f"{CLOSED} is a copy of {BLOCKED} and may not serve", "G4 bias: seen"), "G4 偏り: 確認済み"),
        (SMUGGLED, ("is no copy that the gate made and may not serve",), f"{SMUGGLED}: ゲートが作った写しではない"),
        (
            UNTIED,
            (f"does not stand for {WAITING}", f"not the copy of {WAITING} that the gate made"),
            "写しと認められず",
        ),
        (GONE, (f"does not stand for {ORIGIN} v99", f"{ORIGIN} v99, which it is a copy of, is gone"), "がない"),
    ],
)
def test_why_a_version_of_a_twin_may_not_serve_is_said_on_page_and_terminal(
    there: Company, key: VersionKey, en: tuple[str, ...], ja: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "runtime", lambda: there.rt)
    words = ["gate", "explain", key.model, str(key.version), "--language"]
    told = {language: CliRunner().invoke(app.app, [*words, language]) for language in ("en", "ja")}
    assert {one.exit_code for one in told.values()} == {1}
    shown = there.see(address(key), "ito")
    for text in (shown.text, told["en"].output):
        assert [said for said in (*en, "Why it may not serve") if said not in text] == [], text
    for text in (there.ask(f"{address(key)}?lang=ja", "ito").text, told["ja"].output):
        assert ja in text
        assert "稼働できない理由" in text
    # No link leads to what has no report.
    links = [link for link in shown.links if "/versions/" in link and address(key) not in link]
    assert {there.ask(link.removeprefix(ROOT), "ito").status_code for link in links} <= {200}
    assert bool(links) == (key in {CLOSED, UNTIED})


def test_the_terminal_names_the_command_that_explains_the_origin(
    there: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "runtime", lambda: there.rt)
    told = CliRunner().invoke(app.app, ["gate", "explain", GOOD.model, "1"])
    assert told.exit_code == 0
    assert f"gates of the origin: governance gate explain {ORIGIN} {WAITING.version}" in told.output
    assert "aliases: champion" in told.output


def test_a_twins_own_decision_is_said_to_count_for_nothing(there: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    before_there_were_twins = replace(there.rt, policy=browsing.rules())
    model_gate.decide(before_there_were_twins, GOOD)
    monkeypatch.setattr(shell, "runtime", lambda: there.rt)
    told = CliRunner().invoke(app.app, ["gate", "explain", GOOD.model, "1"])
    for text in (there.see(address(GOOD), "ito").text, told.output):
        assert text.index("may serve") < text.index("it counts for nothing") < text.index(f"{GOOD}: gate G4")
    assert told.exit_code == 0


def test_whether_a_copy_may_serve_goes_by_the_moment_that_is_asked_about(there: Company) -> None:
    then = there.clock.now
    there.clock.pass_(days=60)  # whatever was measured is stale by now
    now, past = (gate_report.of_copy(there.rt, GOOD, asked) for asked in (Asked(), Asked(as_of=then)))
    assert now is not None
    assert past is not None
    assert now.against
    assert (past.against, past.origin) == ((), WAITING)
    before = gate_report.of_copy(there.rt, GOOD, Asked(as_of=NOW - timedelta(days=1)))
    assert before is not None
    assert before.origin is None


def test_a_hostile_name_stays_text_on_the_page_of_its_copy(there: Company) -> None:
    answer = there.ask(f"{address(STRANGE)}?lang=en", "ito")
    assert "<script>alert(1)" not in answer.text
    assert "is a copy of" in answer.text


def test_a_version_that_nobody_knows_is_not_found_and_one_of_no_twin_has_no_origin(there: Company) -> None:
    with pytest.raises(NotFoundError, match="not in the inventory"):
        gate_report.read(there.rt, VersionKey(GOOD.model, 77))
    assert gate_report.of_copy(there.rt, WAITING) is None
    assert there.ask(f"{address(VersionKey(GOOD.model, 77))}", "ito").status_code == 404
