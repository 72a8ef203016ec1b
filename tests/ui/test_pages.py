# SPDX-License-Identifier: Apache-2.0
"""Each page in a real browser: for eyes that see little, on small screens, on paper, without scripts, with hostile names."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from pydantic import SecretStr
from starlette.responses import HTMLResponse
from starlette.routing import Route

from governance.settings import Settings
from governance.store import database
from governance.web import app as web
from governance.web.access import Access
from governance.web.serving import Serving
from tests.integration.test_pages import LOGGED_IN, login, stamped, task_login
from tests.ui import facts
from tests.ui.conftest import opened, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.ui.conftest import Seen

pytestmark = pytest.mark.e2e

LANGUAGES: Final = ("ja", "en")
THEMES: Final = ("light", "dark")
# What sticks out of the page, or is cut off; tables scroll inside their own frame.
STICKS_OUT: Final = """() => {
  const wide = document.documentElement.clientWidth, told = [];
  if (document.documentElement.scrollWidth > wide) told.push(`page: ${document.documentElement.scrollWidth} > ${wide}`);
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest(".wide, .out, .skip, svg")) continue;
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    const name = `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 40)}`;
    if (box.width && box.right > wide + 1) told.push(`sticks out: ${name}`);
    if (style.overflowX === "hidden" && element.scrollWidth > element.clientWidth) told.push(`cut off: ${name}`);
  }
  return told;
}"""
AXE: Final = {"resultTypes": ["violations"]}


def access() -> Access:
    return Access(
        login, task_login, login, facts.task_run, may=lambda _user, _needed: True, key=b"of these tests alone"
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    kept = Serving(facts.runtime, facts.filled(tmp_path_factory.mktemp("pages")))
    blank = Route("/ui", lambda _request: HTMLResponse("<!doctype html><title>UI</title>"))
    with served(web.build(access(), None, lambda: None, kept), blank) as url:
        yield url
    kept.failed()


@pytest.fixture
def seen(chromium: Browser) -> Iterator[Seen]:
    with opened(chromium, extra_http_headers=LOGGED_IN) as found:
        yield found


def address(site: str, path: str, **query: str) -> str:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{site}/governance{path}{'&' if '?' in path else '?'}{asked}"


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def broken_rules(page: Page) -> list[str]:
    unfold(page)
    found = Axe().run(page, options=AXE).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("path", facts.PATHS)
def test_no_page_breaks_a_rule_of_accessibility(seen: Seen, site: str, path: str) -> None:
    for language, theme in itertools.product(LANGUAGES, THEMES):
        seen.page.goto(address(site, path, lang=language, theme=theme))
        assert broken_rules(seen.page) == [], (language, theme)
        assert seen.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == theme


@pytest.mark.parametrize("path", facts.PATHS)
def test_nothing_sticks_out_or_is_cut_off_down_to_a_zoom_of_400_percent(seen: Seen, site: str, path: str) -> None:
    for language in LANGUAGES:
        seen.page.goto(address(site, path, lang=language))
        unfold(seen.page)
        for width, height in ((1280, 800), (390, 800), (320, 256)):
            seen.page.set_viewport_size({"width": width, "height": height})
            assert seen.page.evaluate(STICKS_OUT) == [], (language, width)


@pytest.mark.parametrize("path", facts.PATHS)
def test_on_a_telephone_no_table_is_wider_than_the_screen(seen: Seen, site: str, path: str) -> None:
    seen.page.set_viewport_size({"width": 390, "height": 800})
    for language in LANGUAGES:
        seen.page.goto(address(site, path, lang=language))
        unfold(seen.page)
        wide = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent.trim().slice(0, 80))"
        assert seen.page.eval_on_selector_all(".wide", wide) == [], language


def test_a_form_that_is_refused_says_so_to_everybody_and_keeps_what_was_typed(seen: Seen, site: str) -> None:
    for language, theme in itertools.product(LANGUAGES, THEMES):
        seen.page.goto(address(site, "/holds/new", lang=language, theme=theme))
        for name, value in (("scope", "model"), ("urgency", "emergency"), ("ground", "safety")):
            seen.page.locator(f"[name={name}]").select_option(value)
        seen.page.locator("[name=target]").fill(facts.HOSTILE[0])
        seen.page.locator("[name=reason]").fill("somebody without a seat says so")
        seen.page.locator("form button").click()
        expect(seen.page.get_by_role("alert")).to_be_visible()
        expect(seen.page.locator("html")).to_have_attribute("data-theme", theme)
        expect(seen.page.locator("[name=target]")).to_have_value(facts.HOSTILE[0])
        assert broken_rules(seen.page) == [], (language, theme)
    seen.complaints.clear()  # the browser tells of each 403
    seen.harmless()


def test_hostile_names_are_read_and_never_run(seen: Seen, site: str) -> None:
    page = seen.page
    for place, name in enumerate(facts.HOSTILE, start=1):
        shown = name.replace("\u202e", "[U+202E]")
        for path in (
            f"/models/{quote(name, safe='')}",
            f"/models/{quote(name, safe='')}/versions/1",
            f"{facts.TASK}/{place}",
        ):
            answer = page.goto(address(site, path, lang="en"))
            assert answer is not None
            assert answer.status == 200, name
            assert shown in page.locator("main").inner_text().replace("\n", " ")
            schemes = page.evaluate(
                "[...new Set([...document.querySelectorAll('[href]')].map((a) => a.protocol))].sort()"
            )
            assert set(schemes) <= {"http:", "mailto:", None}
            for told in page.locator("summary, th, td, h1, .chip").all()[:30]:
                told.dispatch_event("mouseover")
                told.dispatch_event("click")
            seen.harmless()
    for path in facts.PATHS[:6]:
        page.goto(address(site, path))
        seen.harmless()


def test_a_page_with_a_hostile_name_is_reached_from_the_inventory_by_its_link(seen: Seen, site: str) -> None:
    for name in facts.HOSTILE:
        seen.page.goto(address(site, "/inventory", lang="en", q=quote(name, safe="")))
        shown = name.replace("\u202e", "[U+202E]")
        seen.page.get_by_role("link", name=shown, exact=True).click()
        assert seen.page.locator("h1").inner_text() == shown
        seen.page.locator("tbody th a").first.click()
        assert shown in seen.page.locator("h1").inner_text()
        seen.harmless()


def test_without_scripts_the_pages_are_whole(chromium: Browser, site: str) -> None:
    with opened(chromium, extra_http_headers=LOGGED_IN, java_script_enabled=False, locale="ja-JP") as seen:
        page = seen.page
        page.goto(address(site, "/"))
        assert page.locator("h1").inner_text() == "AIガバナンスの現況"
        page.get_by_role("link", name="English").click()
        page.get_by_role("link", name="Dark").click()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        page.get_by_role("link", name="Inventory").click()
        page.get_by_label("Name contains").fill("credit")
        page.get_by_role("button", name="Filter").click()
        page.get_by_role("link", name="credit-scoring", exact=True).click()
        page.get_by_role("link", name="credit-scoring v2").first.click()
        page.get_by_text("Figures").first.click()
        assert page.locator("details[open] table").is_visible()
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.locator("html").get_attribute("data-theme") == "dark"


def test_keys_alone_lead_past_the_menu_and_through_a_table(seen: Seen, site: str) -> None:
    page = seen.page
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(address(site, "/models/credit-scoring/versions/2", lang="en"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.set_viewport_size({"width": 700, "height": 800})  # wide enough for rows, too narrow for those of this table
    page.goto(address(site, "/oversight", lang="en"))
    page.locator("[aria-labelledby=holds]").focus()
    before = page.evaluate("document.activeElement.scrollLeft")
    page.keyboard.press("ArrowRight")
    for _ in range(50):  # the browser may scroll smoothly; a page with our policy lets nobody wait in it by a script
        if page.evaluate("document.activeElement.scrollLeft") > before:
            break
        page.wait_for_timeout(100)
    assert page.evaluate("document.activeElement.scrollLeft") > before


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_paper_a_report_is_whole_light_and_without_menus(
    seen: Seen, site: str, tmp_path: Path, language: str
) -> None:
    page = seen.page
    page.goto(address(site, "/models/credit-scoring/versions/2", lang=language, theme="dark"))
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 without its margins
    assert page.locator("header").is_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    file = tmp_path / "report.pdf"
    page.pdf(path=file, format="A4", margin={"top": "10mm", "bottom": "10mm", "left": "10mm", "right": "10mm"})
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext is not installed")
    told = re.sub(
        r"\s+", " ", subprocess.run([reader, "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    )
    for part in ("credit-scoring", "0.62", "0.50 – 0.74", "≥ 0.80"):
        assert part in told


def test_a_failure_of_the_database_or_its_schema_is_a_page_like_the_others(chromium: Browser, tmp_path: Path) -> None:
    gone = Settings(database_url=SecretStr("postgresql+psycopg://nobody@127.0.0.1:9/none"))
    old = facts.settings(tmp_path)
    engine = database.connect(old.database_url)
    database.upgrade(engine)
    stamped(engine, "0001")
    engine.dispose()
    for settings, told in ((gone, "did not answer"), (old, "governance db upgrade")):
        kept = Serving(facts.runtime, settings)
        with (
            served(web.build(access(), None, lambda: None, kept)) as url,
            opened(chromium, extra_http_headers=LOGGED_IN) as seen,
        ):
            for path, width in itertools.product(("/", f"{facts.TASK}/0?bare=1"), (1280, 320)):
                seen.page.set_viewport_size({"width": width, "height": 500})
                answer = seen.page.goto(address(url, path, lang="en", theme="dark"))
                assert answer is not None
                assert answer.status == 503
                assert told in seen.page.locator("main").inner_text()
                assert broken_rules(seen.page) == []
                assert seen.page.evaluate(STICKS_OUT) == []


@pytest.mark.parametrize(
    ("lent", "made"),
    [
        ("delete globalThis.React", "http://{host}/governance/gate/d%2F/r%20%2B1/t/-1"),
        (
            "globalThis.ReactJSXRuntime = { jsx: (kind, told) => `${kind} ${told.href} ${told.children}` }",
            "a http://{host}/governance/gate/d%2F/r%20%2B1/t/-1 Gate report",
        ),
    ],
)
def test_without_what_the_ui_lends_the_tab_is_a_link_to_the_same_page(
    seen: Seen, site: str, lent: str, made: str
) -> None:
    seen.page.goto(f"{site}/ui")
    told: Any = seen.page.evaluate(
        f"""async () => {{
        {lent};
        await import("/governance/gate_report.js");
        return globalThis["Gate report"]({{ dagId: "d/", runId: "r +1", taskId: "t" }});
    }}"""
    )
    assert told == made.format(host=site.removeprefix("http://"))
