# SPDX-License-Identifier: Apache-2.0
"""A red task in Airflow's own UI, in a browser, as the people of a company go about it: read, ask, approve, see it open."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect
from pydantic import SecretStr

from governance.core import signed_note
from governance.core.terms import GateVerdict
from governance.steps import evidence_seal, waiver_request
from governance.store import database
from tests.integration.test_pages import stamped
from tests.ui import worlds
from tests.ui.conftest import opened, told_by
from tests.ui.test_pages import STICKS_OUT
from tests.ui.worlds import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from playwright.sync_api import Browser

    from tests.ui.conftest import Seen
    from tests.ui.worlds import Company

pytestmark = [pytest.mark.e2e, pytest.mark.in_order]

RED: Final = f"{MODEL} v2"
MENU: Final = "/plugin/ai_governance/governance"
BROKEN_LABELS: Final = """(tab) => [...tab.parentElement.children].filter((label) => {
  const text = document.createRange();
  text.selectNodeContents(label);
  return new Set([...text.getClientRects()].map((line) => Math.round(line.bottom))).size > 2;
}).map((label) => label.textContent)"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with worlds.company(tmp_path_factory.mktemp("company")) as found:
        yield found


@contextlib.contextmanager
def logged_in(browser: Browser, world: Company, who: str, **options: Any) -> Iterator[Seen]:
    """A browser of somebody who has come past the login page, once: Airflow lets nobody log in often in a minute."""
    known = world.sessions.get(who)
    with opened(browser, base_url=world.airflow.url, storage_state=known, **options) as seen:
        seen.page.goto("/")
        if known is None:
            seen.page.locator("[name=username]").fill(who)
            seen.page.locator("[name=password]").fill(world.airflow.password)
            seen.page.locator("[type=submit]").click()
        seen.page.get_by_role("link", name="AI governance").wait_for()
        world.sessions[who] = seen.context.storage_state() if known is None else known
        seen.complaints.clear()  # what Airflow's UI asked before it knew who is there
        yield seen


@pytest.fixture
def owner(chromium: Browser, world: Company) -> Iterator[Seen]:
    with logged_in(chromium, world, "tanaka") as seen:
        yield seen


def framed(page: Page) -> FrameLocator:
    return page.frame_locator("main iframe, iframe")


def head(page: Page) -> Locator:
    return framed(page).get_by_role("heading", level=1)


def shown(name: str) -> str:
    return name.replace("\u202e", "[U+202E]")


def on_one_line(tab: Locator) -> None:
    """No label beside a tab breaks, once our line of style has come."""
    tab.page.wait_for_function(f"(tab) => ({BROKEN_LABELS})(tab).length === 0", arg=tab.element_handle())


def reports(world: Company, label: str) -> str:
    return f"{world.gate_task(label)}/plugin/gate_report"


def speak(page: Page, language: str) -> None:
    """Have the UI speak a language from the next page on."""
    page.evaluate("(language) => localStorage.setItem('i18nextLng', language)", language)


def asked(world: Company, seat: str) -> str:
    """The path of the task that waits for a seat's answer; waits until one does."""
    found: list[str] = []

    def waits() -> bool:
        for run in world.runs("gate_review"):
            for (name, index), task in world.tasks("gate_review", run).items():
                if (task["rendered_map_index"], task["state"]) == (f"G4 {RED} {seat}", "awaiting_input"):
                    found.append(f"/dags/gate_review/runs/{quote(run, safe='')}/tasks/{name}/mapped/{index}")
        return bool(found)

    world.until(f"{seat} is asked", waits)
    return found[0]


def switch_theme(page: Page, mode: str) -> None:
    page.get_by_role("button", name=re.compile("User|ユーザ")).click()
    page.get_by_role("menuitem", name=re.compile("Appearance|外観")).hover()
    page.get_by_text(mode, exact=True).click()
    page.keyboard.press("Escape")


def switch_language(page: Page, before: str, after: str) -> None:
    page.get_by_role("button", name=re.compile("User|ユーザ")).click()
    page.get_by_role("menuitem", name=re.compile("Select Language|言語")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").click()
    page.get_by_role("option", name=after).click()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert before != after


def test_the_owner_of_a_red_model_reads_in_its_task_what_failed_by_how_much_and_who_helps(
    owner: Seen, world: Company
) -> None:
    page = owner.page
    page.goto(world.gate_task(RED))
    tab = page.get_by_role("link", name="Gate report")
    tab.click()  # one, or the browser would not know which
    expect(head(page)).to_contain_text(f"{RED}: gate G4 (Release) is blocked")
    for told in ("selection-rate ratio", "0.45 – 0.56", "≥ 0.80", "1,000", "Ken Tanaka", "Megumi Sato"):
        expect(framed(page).locator("main")).to_contain_text(told)
    on_one_line(tab)
    owner.harmless()
    page.set_viewport_size({"width": 390, "height": 800})
    assert told_by(page.frames[-1], STICKS_OUT) == []


def test_no_script_runs_in_the_tabs_frame_and_none_but_ours_in_the_menus(owner: Seen, world: Company) -> None:
    page = owner.page
    page.goto(reports(world, RED))
    expect(head(page)).to_be_visible()
    allowed = str(page.locator("iframe").get_attribute("sandbox")).split()
    assert "allow-scripts" not in allowed
    assert "allow-top-navigation" not in allowed
    page.goto(f"{MENU}/")
    expect(head(page)).to_be_visible()
    scripts = "[...document.scripts].map((one) => new URL(one.src).pathname)"
    assert told_by(page.frames[-1], scripts) == ["/governance/page.js"]


def test_the_tab_follows_theme_and_language_while_it_is_open(owner: Seen, world: Company) -> None:
    page = owner.page
    page.goto(reports(world, RED))
    whole = framed(page).locator("html")
    expect(whole).to_have_attribute("data-theme", "light")
    switch_theme(page, "Dark Mode")
    expect(whole).to_have_attribute("data-theme", "dark")
    switch_language(page, "English", "日本語")
    expect(whole).to_have_attribute("lang", "ja")
    expect(whole).to_have_attribute("data-theme", "dark")
    expect(head(page)).to_contain_text("通過できません")
    on_one_line(page.get_by_role("link", name="Gate report"))
    owner.harmless()


def test_the_pages_in_the_menu_follow_theme_and_language_while_they_are_open(owner: Seen) -> None:
    page = owner.page
    page.get_by_role("link", name="AI governance").click()
    whole = framed(page).locator("html")
    expect(head(page)).to_have_text("How AI governance stands")
    expect(framed(page).get_by_role("link", name="日本語")).to_be_hidden()
    switch_theme(page, "Dark Mode")
    expect(whole).to_have_attribute("data-theme", "dark")
    switch_language(page, "English", "日本語")
    expect(head(page)).to_have_text("AIガバナンスの現況")
    framed(page).get_by_role("link", name="AIインベントリ").click()
    expect(head(page)).to_have_text("AIインベントリ")
    expect(whole).to_have_attribute("data-theme", "dark")
    owner.harmless()


def test_links_of_the_tab_lead_into_the_ui_and_back(owner: Seen, world: Company) -> None:
    page = owner.page
    page.goto(reports(world, RED))
    framed(page).get_by_role("link", name=MODEL, exact=True).first.click()
    expect(page).to_have_url(re.compile(f"{MENU}/models/{MODEL}"))
    expect(head(page)).to_have_text(MODEL)
    expect(framed(page).get_by_role("navigation").first).to_be_visible()
    page.go_back()
    expect(head(page)).to_contain_text("is blocked")
    with owner.context.expect_page() as found:
        framed(page).get_by_role("link", name="Page to print or mail").click()
    expect(found.value.get_by_role("heading", level=1)).to_contain_text(RED)
    expect(found.value.get_by_role("banner")).to_be_visible()
    owner.harmless()


def mail_about(world: Company) -> str:
    """What a link to the owner's address opens: a mail that leads whoever gets it to the page."""
    told = f"{world.airflow.url}/governance/models/{MODEL}/versions/2"
    return f"mailto:tanaka@sample.example?subject={quote(f'{RED} – gate report')}&body={quote(told, safe='')}"


def test_a_proof_and_a_mail_come_out_of_the_tabs_frame(owner: Seen, world: Company, tmp_path: Path) -> None:
    key = SecretStr(signed_note.new_signing_key("company.example"))
    sealed = {"signing_key": key, "checkpoint_url": str(tmp_path / "checkpoints")}
    rt = world.there.rt
    evidence_seal.seal(replace(rt, settings=rt.settings.model_copy(update=sealed)))
    page = owner.page
    page.goto(reports(world, RED))
    expect(head(page)).to_be_visible()
    with page.expect_download() as found:
        framed(page).get_by_role("link", name="Proof").first.click()
    proof = found.value.path().read_text(encoding="utf-8")
    assert proof.startswith("c2sp.org/tlog-proof@v1\n")
    with page.expect_console_message(lambda said: "external" in said.text) as told:
        framed(page).get_by_role("link", name="tanaka@sample.example").click()
    assert told.value.text == f"Launched external handler for '{mail_about(world)}'."
    expect(head(page)).to_contain_text(RED)  # the frame stays where it was
    owner.harmless()


def test_links_of_the_menus_pages_get_out_of_their_frame(owner: Seen, world: Company) -> None:
    page = owner.page
    page.goto(f"{MENU}/models/{MODEL}/versions/2")
    page.evaluate("""() => addEventListener("click", (event) => {
        if (event.target.protocol !== "mailto:") return;
        event.preventDefault();
        window.mailed = event.target.href;
    })""")
    framed(page).get_by_role("link", name="tanaka@sample.example").click()
    page.wait_for_function("window.mailed")
    assert page.evaluate("window.mailed") == mail_about(world)
    with owner.context.expect_page() as found:
        framed(page).get_by_role("link", name=MODEL, exact=True).first.click(modifiers=["ControlOrMeta"])
    expect(found.value.get_by_role("heading", level=1)).to_have_text(MODEL)
    expect(head(page)).to_contain_text(RED)
    owner.harmless()


@pytest.mark.parametrize("name", worlds.NAMES)
def test_a_hostile_name_is_read_in_the_tab_and_leads_to_its_page(owner: Seen, world: Company, name: str) -> None:
    page = owner.page
    page.goto(reports(world, f"{name} v1"))
    expect(head(page)).to_contain_text(shown(name))
    framed(page).get_by_role("link", name=shown(name), exact=True).first.click()
    expect(head(page)).to_have_text(shown(name))
    framed(page).get_by_role("link", name=f"{shown(name)} v1").first.click()
    expect(head(page)).to_contain_text("is blocked")
    expect(head(page)).to_contain_text(shown(name))
    owner.harmless()


def test_a_task_that_is_about_no_version_says_so(owner: Seen, world: Company) -> None:
    page = owner.page
    page.goto(f"/dags/model_gate/runs/{quote(world.run, safe='')}/tasks/plan/plugin/gate_report")
    expect(framed(page).get_by_role("link", name=RED)).to_be_visible()
    framed(page).get_by_role("link", name=RED).click()
    expect(page).to_have_url(re.compile(f"{MENU}/models/{MODEL}/versions/2"))
    [run, *_] = world.runs("gate_review")
    page.goto(f"/dags/gate_review/runs/{quote(run, safe='')}/tasks/questions/plugin/gate_report")
    expect(head(page)).to_have_text("No gate result here")
    owner.harmless()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_menus_words_are_whole(owner: Seen, language: str) -> None:
    page = owner.page
    speak(page, language)
    page.goto("/")
    link = page.get_by_role("link", name="AI governance")
    expect(link).to_be_visible()
    page.wait_for_function(  # for our line of style to come
        """(link) => {
          const words = link.lastElementChild;
          const isInside = words.getBoundingClientRect().bottom <= link.getBoundingClientRect().bottom;
          return words.scrollWidth <= words.clientWidth && isInside;
        }""",
        arg=link.element_handle(),
    )


def test_a_waiver_is_asked_for_by_form_and_granted(chromium: Browser, world: Company) -> None:
    with logged_in(chromium, world, "tanaka") as seen:
        _ask_for_waiver(seen.page, world)
        [asked] = waiver_request.listing(world.there.rt)
        assert (asked["state"], asked["requested_by"]) == ("requested", "tanaka")
        expect(framed(seen.page).get_by_role("link", name="Grant")).to_have_count(0)
        seen.harmless()
    with logged_in(chromium, world, "sato") as seen:
        _grant(seen.page, str(asked["waiver"]))
        seen.harmless()
    assert [one["decided_by"] for one in waiver_request.listing(world.there.rt)] == ["sato"]
    world.takes_to_gates()
    assert world.there.decision(2).verdict is GateVerdict.PENDING


@pytest.mark.parametrize("language", ["en", "ja"])
def test_airflows_tabs_do_not_wrap_where_there_is_one_more_because_a_seat_is_asked(
    owner: Seen, world: Company, language: str
) -> None:
    page, path = owner.page, asked(world, "risk")
    speak(page, language)
    for tab in ("", "/plugin/gate_report"):
        page.goto(f"{path}{tab}")
        ours = page.locator("a[title='Gate report']")
        expect(ours.locator("xpath=../a")).to_have_count(10)
        on_one_line(ours)


def test_the_seats_approve_in_airflows_form_and_on_the_page_and_the_gate_opens(
    chromium: Browser, world: Company
) -> None:
    with logged_in(chromium, world, "suzuki") as seen:
        _approve_in_airflows_form(seen.page, world, "risk")
        world.until("the answer is recorded", lambda: world.answered() == {"risk"})
    with logged_in(chromium, world, "sato") as seen:
        _approve_on_the_page(seen.page)
        seen.harmless()
    world.until("the gate opens", lambda: world.there.decision(2).verdict is GateVerdict.PASS)
    with logged_in(chromium, world, "tanaka") as seen:
        seen.page.goto(f"{MENU}/models/{MODEL}/versions/2")
        expect(head(seen.page)).to_contain_text("gate G4 (Release) is open")
        seen.page.goto(reports(world, RED))
        expect(head(seen.page)).to_contain_text("is blocked")  # as it stood when that run ended
        framed(seen.page).get_by_role("link", name="See how it stands now").click()
        expect(head(seen.page)).to_contain_text("gate G4 (Release) is open")
        seen.harmless()


def _ask_for_waiver(page: Page, world: Company) -> None:
    page.goto(reports(world, RED))
    framed(page).get_by_role("link", name="Ask for it").click()
    until = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    said = {"reason": "the campaign ends soon", "control": "each case by hand", "until": until}
    for name, value in said.items():
        framed(page).locator(f"[name={name}]").fill(value)
    framed(page).get_by_role("button", name="Ask").click()
    expect(head(page)).to_contain_text("Waiver W-")


def _grant(page: Page, waiver: str) -> None:
    page.get_by_role("link", name="AI governance").click()
    framed(page).get_by_role("link", name=waiver).click()
    framed(page).get_by_role("link", name="Grant").click()
    framed(page).locator("[name=reason]").fill("until the campaign ends")
    framed(page).get_by_role("button", name="Grant").click()
    expect(head(page)).to_contain_text(waiver)
    expect(framed(page).get_by_role("link", name="Revoke")).to_be_visible()


def _approve_on_the_page(page: Page) -> None:
    page.get_by_role("link", name="AI governance").click()
    framed(page).get_by_role("link", name="Answer").first.click()
    framed(page).locator("[name=answer]").select_option("approve")
    framed(page).locator("[name=reason]").fill("the evidence is complete")
    framed(page).get_by_role("button", name="Answer").click()
    expect(head(page)).to_contain_text("gate G4 (Release) is open")


def _approve_in_airflows_form(page: Page, world: Company, seat: str) -> None:
    """Answer in Airflow's own form; an answer within seconds of the question can be lost, and is then asked for again."""
    asked(world, seat)
    page.goto("/required_actions")
    page.get_by_role("link", name=f"G4 {RED}: {seat}").first.click()
    expect(page.get_by_role("listitem").filter(has_text="waived until").first).to_be_visible()
    page.locator("[name=element_reason]").fill("the evidence is complete")
    page.get_by_role("button", name="approve").click()
    expect(page.get_by_role("button", name="approve")).to_be_disabled()


@contextlib.contextmanager
def stopped(world: Company) -> Iterator[None]:
    """The governance database is out of reach."""
    file = Path(str(world.there.rt.engine.url.database))
    away = file.with_suffix(".away")
    file.rename(away)
    file.mkdir()
    try:
        yield
    finally:
        file.rmdir()
        away.rename(file)


@contextlib.contextmanager
def outdated(world: Company) -> Iterator[None]:
    """The governance database has a schema from before this version."""
    engine = world.there.rt.engine
    now, _needed = database.status(engine)
    stamped(engine, "0001")
    try:
        yield
    finally:
        stamped(engine, str(now))


@pytest.mark.parametrize(("broken", "told"), [(stopped, "did not answer"), (outdated, "governance db upgrade")])
def test_while_the_governance_database_fails_tab_and_menu_say_so_and_what_to_do(
    owner: Seen, world: Company, broken: Callable[[Company], contextlib.AbstractContextManager[None]], told: str
) -> None:
    page = owner.page

    def is_back() -> bool:
        page.goto(f"{MENU}/")
        return head(page).inner_text() == "How AI governance stands"

    with broken(world):
        # A policy that was touched is read anew, and with it the database.
        next(Path(world.airflow.environment["GOVERNANCE_POLICY_DIR"]).glob("*.yaml")).touch()
        for path in (reports(world, RED), f"{MENU}/"):
            page.goto(path)
            expect(head(page)).to_have_text("Not available right now")
            expect(framed(page).locator("main")).to_contain_text(told)
            expect(framed(page).locator("body")).not_to_contain_text(re.compile("Traceback|sqlite", re.IGNORECASE))
    world.until("the pages are back", is_back)
