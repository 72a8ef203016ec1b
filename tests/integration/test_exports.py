# SPDX-License-Identifier: Apache-2.0
"""Declared AI goes into the inventory whole or not at all, and comes out with the rest as of any moment."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter
from sqlalchemy import select
from typer import Typer
from typer.testing import CliRunner

from governance.cli import exports as commands
from governance.core.aliases import AliasMove
from governance.core.declared import COLUMNS
from governance.core.inventory import Changes
from governance.core.terms import Verdict, VersionKey
from governance.errors import NotFoundError, PolicyError
from governance.runtime import Asked, Runtime
from governance.settings import Settings
from governance.steps import exports, inventory_import, model_gate
from governance.steps.exports import CardFormat, TableFormat
from governance.store import database, gates, registers
from governance.store import declared as facts
from governance.store import inventory as inventory_facts
from governance.store.models import DeclaredSystem
from tests import factories
from tests.integration import databases

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from governance.core.declared import DeclaredSystem as System

NOTES = ("notes", "議事録", "saas", "株式会社例", "", "総務部長", "会議の要約", "2026-04-01", "no")
CHAT = ("chat", "=cmd|' /C calc'!A0", "bought", "Vendor", "credit-scoring", "tanaka", "Answers", "", "")
KEY = VersionKey("credit-scoring", 1)


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 10, 3, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture(params=databases.KINDS)
def rt(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Runtime]:
    with opened(request.param, tmp_path) as runtime:
        yield runtime


@pytest.fixture
def desk(tmp_path: Path) -> Generator[Runtime]:
    """On SQLite alone, for what does not depend on the database."""
    with opened("sqlite", tmp_path) as runtime:
        yield runtime


@contextmanager
def opened(kind: str, directory: Path) -> Generator[Runtime]:
    with databases.database(kind, directory) as url:
        engine = database.connect(url)
        database.upgrade(engine)
        settings = Settings(database_url=url, evidence_url=str(directory / "evidence"), language="en")
        yield Runtime(settings, factories.shipped(), engine, Clock())
        engine.dispose()


def listed(directory: Path, *rows: tuple[str, ...], name: str = "list.csv") -> Path:
    path = directory / name
    with path.open("w", encoding="cp932", newline="") as file:
        csv.writer(file).writerows([tuple(COLUMNS), *rows])
    return path


def known(rt: Runtime, asked: Asked | None = None) -> dict[str, System]:
    with rt.reading() as session:
        at = rt.asked(session, asked) if asked else rt.current(session)
        return {system.system: system for system in facts.declared(session, at)}


def rows(rt: Runtime) -> list[DeclaredSystem]:
    with rt.reading() as session:
        return list(session.scalars(select(DeclaredSystem).order_by(DeclaredSystem.recorded_at, DeclaredSystem.system)))


def hold(rt: Runtime, *, blocks: bool = True, **version: Any) -> None:
    """MLflow holds a champion, which a gate has decided on, with a check and a risk."""
    model = factories.registered(aliases={"champion": 1}, versions=(factories.version(**version),))
    changes = Changes((model,), new_versions=model.versions, alias_moves=(AliasMove(model.name, "champion", None, 1),))
    with rt.writing() as session:
        telling = rt.telling(session)
        inventory_facts.record_changes(session, changes, {}, telling)
        finding = factories.result("bias", Verdict.FAIL).finding
        gates.record_result(session, (KEY, "bias"), "d", finding, telling=telling, fresh_since=telling.at)
        gates.record_decision(session, factories.decision(blocks=blocks), "1", telling)
        registers.record_risks(session, [factories.risk()], telling)


# --- Import ---------------------------------------------------------------------------------------------------------


def test_a_list_imported_twice_adds_nothing(rt: Runtime, tmp_path: Path) -> None:
    path = listed(tmp_path, NOTES, CHAT)
    first, second = (inventory_import.import_file(rt, path) for _ in range(2))
    assert (first.new, first.unchanged) == (("notes", "chat"), ())
    assert (second.new, second.unchanged) == ((), ("notes", "chat"))
    assert len(rows(rt)) == 2
    assert known(rt)["chat"].name == CHAT[1]


def test_only_what_a_list_changes_is_recorded_and_the_rest_stays(rt: Runtime, tmp_path: Path) -> None:
    inventory_import.import_file(rt, listed(tmp_path, NOTES, CHAT))
    between = rt.clock()
    changed = (*NOTES[:5], "法務部長", *NOTES[6:])
    assert inventory_import.import_file(rt, listed(tmp_path, changed)).changed == ("notes",)
    assert inventory_import.import_file(rt, listed(tmp_path, (*CHAT[:8], "yes"))).retired == ("chat",)
    assert {name: system.owner for name, system in known(rt).items()} == {"notes": "法務部長"}
    assert {name: system.owner for name, system in known(rt, Asked(as_of=between)).items()} == {
        "notes": "総務部長",
        "chat": "tanaka",
    }
    assert len(rows(rt)) == 4
    assert len({row.file_digest for row in rows(rt)}) == 3
    assert inventory_import.import_file(rt, listed(tmp_path, CHAT)).changed == ("chat",)


def test_one_wrong_row_imports_nothing_and_all_errors_are_told(rt: Runtime, tmp_path: Path) -> None:
    wrong = [(f"s{n}", "", "x", "", "nowhere", "", "", "", "") for n in range(10)]
    with pytest.raises(PolicyError) as caught:
        inventory_import.import_file(rt, listed(tmp_path, NOTES, *wrong))
    told = str(caught.value).splitlines()
    assert "list.csv: 40 errors, nothing was imported" in told[0]
    assert told[1].startswith("  row 3, ")
    assert told[-2:] == ["  and 20 more", "Correct all of them, then import the file again."]
    assert len(told) == 23
    assert rows(rt) == []


def test_errors_are_told_in_the_language_of_the_settings(desk: Runtime, tmp_path: Path) -> None:
    japanese = replace(desk, settings=desk.settings.model_copy(update={"language": "ja"}))
    with pytest.raises(PolicyError, match=r"2 行目, kind 'x': 種別でない"):
        inventory_import.import_file(japanese, listed(tmp_path, (*NOTES[:2], "x", *NOTES[3:])))


def test_a_day_to_come_is_one_in_the_companys_time_zone(desk: Runtime, tmp_path: Path) -> None:
    late = replace(desk, clock=lambda: datetime(2026, 11, 10, 15, 30, tzinfo=UTC))
    inventory_import.import_file(late, listed(tmp_path, (*NOTES[:7], "2026-11-11", "no")))
    with pytest.raises(PolicyError, match="a day to come"):
        inventory_import.import_file(late, listed(tmp_path, (*NOTES[:7], "2026-11-12", "no")))


def test_a_workbook_is_a_list_too(desk: Runtime, tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "list.xlsx", {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate((tuple(COLUMNS), NOTES, CHAT)):
            sheet.write_row(number, 0, row)
    assert inventory_import.import_file(desk, listed(tmp_path, NOTES)).new == ("notes",)
    found = inventory_import.import_file(desk, tmp_path / "list.xlsx")
    assert (found.new, found.unchanged) == (("chat",), ("notes",))


# --- Export ---------------------------------------------------------------------------------------------------------


def test_models_and_declared_systems_come_out_in_one_table(rt: Runtime, tmp_path: Path) -> None:
    hold(rt)
    inventory_import.import_file(rt, listed(tmp_path, NOTES, CHAT))
    table = list(csv.reader(io.StringIO(exports.inventory(rt, TableFormat.CSV).decode("utf-8-sig"), newline="")))
    assert [row[1] for row in table] == ["ID", "credit-scoring", "chat", "notes"]
    assert table[1][10] == "blocked"
    assert table[2][2] == f"'{CHAT[1]}"
    assert table[2][7] == "Ken Tanaka"
    found = json.loads(exports.inventory(rt, TableFormat.JSON))
    assert found["policy_digest"] == rt.policy.digest
    assert [entry["name"] for entry in found["inventory"]] == ["credit-scoring", CHAT[1], "議事録"]


def test_a_moment_is_handed_out_the_same_whatever_is_learnt_later(rt: Runtime, tmp_path: Path) -> None:
    hold(rt)
    inventory_import.import_file(rt, listed(tmp_path, NOTES))
    with rt.reading() as session:
        at = rt.current(session)
    asked = Asked(at.as_of, at.known_at)
    before = {form: exports.inventory(rt, form, asked, "ja") for form in TableFormat}
    inventory_import.import_file(rt, listed(tmp_path, CHAT))
    assert {form: exports.inventory(rt, form, asked, "ja") for form in TableFormat} == before
    assert all(exports.inventory(rt, form, language="ja") != before[form] for form in TableFormat)


def test_an_empty_inventory_is_a_header(desk: Runtime) -> None:
    assert exports.inventory(desk, TableFormat.CSV).decode("utf-8-sig").count("\n") == 1
    assert exports.inventory(desk, TableFormat.XLSX)
    assert json.loads(exports.inventory(desk, TableFormat.JSON))["inventory"] == []


def test_the_last_change_of_a_model_is_that_of_any_of_its_parts(rt: Runtime) -> None:
    hold(rt)
    move = AliasMove("credit-scoring", "champion", 1, None)
    with rt.writing() as session:
        telling = rt.telling(session)
        inventory_facts.record_changes(session, Changes(alias_moves=(move,)), {}, telling)
    (entry,) = json.loads(exports.inventory(rt, TableFormat.JSON))["inventory"]
    assert datetime.fromisoformat(entry["changed_at"]) == telling.at


# --- Cards ----------------------------------------------------------------------------------------------------------


def test_a_card_is_the_same_for_the_same_moment(rt: Runtime) -> None:
    hold(rt)
    with rt.reading() as session:
        at = rt.current(session)
    asked = Asked(at.as_of, at.known_at)
    before = {form: exports.card(rt, KEY, form, asked) for form in CardFormat}
    model_gate.decide(rt, KEY)
    assert {form: exports.card(rt, KEY, form, asked) for form in CardFormat} == before
    assert all(exports.card(rt, KEY, form) != before[form] for form in CardFormat)


def test_a_card_names_the_facts_it_rests_on(rt: Runtime) -> None:
    hold(rt)
    found = exports.describe(rt, KEY)
    tables = [reference.table for reference in found.references]
    assert tables == ["registered_model", "model_version", "check_result", "gate_decision", "alias_event", "risk_assessment"]  # fmt: skip
    assert found.aliases == ("champion",)
    assert found.decisions[0].id in {reference.id for reference in found.references}
    page = exports.card(rt, KEY, CardFormat.HTML).decode()
    assert all(r.id in page and r.digest in page for r in found.references)


def test_a_version_that_nobody_knows_has_no_card(desk: Runtime) -> None:
    hold(desk)
    for key in (VersionKey("credit-scoring", 2), VersionKey("none", 1)):
        with pytest.raises(NotFoundError, match=f"{key}: not in the inventory"):
            exports.card(desk, key, CardFormat.HTML)


# --- Shell ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(desk: Runtime, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The commands as they hang in the command line, over the runtime of the test."""
    monkeypatch.setattr("governance.cli.shell.runtime", lambda: desk)
    app, inventory = Typer(), Typer()
    app.add_typer(inventory, name="inventory")
    commands.add_to(app, inventory)

    def run(*words: str | Path) -> str:
        told = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        assert told.exit_code == 0, told.output
        return told.output

    return run


def test_a_list_goes_from_template_to_table(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    shell("inventory", "template", path, "--language", "ja")
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(NOTES)
    assert shell("inventory", "import", path) == "1 new, 0 changed, 0 retired, 0 unchanged\n"
    assert json.loads(shell("inventory", "import", path, "--json"))["unchanged"] == ["notes"]
    for form in TableFormat:
        target = tmp_path / "out" / f"table.{form}"
        shell("inventory", "export", "--format", form.value, "-o", target, "--as-of", "2026-11-10")
        assert target.stat().st_size > 100
    assert "議事録" in (tmp_path / "out" / "table.json").read_text("utf-8")
    shell("inventory", "export", "-o", tmp_path / "before.csv", "--as-of", "2026-11-09")
    assert "議事録" not in (tmp_path / "before.csv").read_text("utf-8-sig")


def test_a_template_is_never_written_over_a_list(shell: Any, tmp_path: Path) -> None:
    path = listed(tmp_path, NOTES)
    before = path.read_bytes()
    for target, said in ((path, "there is a file already"), (tmp_path / "list.xlsx", "the template is a CSV file")):
        with pytest.raises(PolicyError, match=said):
            shell("inventory", "template", target)
    assert path.read_bytes() == before


def test_a_card_is_written_from_a_shell(desk: Runtime, shell: Any, tmp_path: Path) -> None:
    hold(desk)
    target = tmp_path / "card"
    for form in CardFormat:
        shell("model", "card", "credit-scoring", "1", "--format", form.value, "-o", target, "--language", "en")
        assert "credit-scoring" in target.read_text("utf-8")
