# SPDX-License-Identifier: Apache-2.0
"""`make screenshots`: photograph the demo's pages, inside the real Airflow, for README and docs.

What is seen is what the demo recorded; only times and digests differ from one demo to the next.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from playwright.sync_api import sync_playwright

from include.demo import airflow_api as api
from include.demo import layout as places
from include.demo import report, standing, story
from include.demo.environment import USER, password
from include.demo.errors import DemoError
from include.demo.layout import REPO
from include.demo.report import Stages
from include.demo.signals import interruptible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from include.demo.layout import Layout

IMAGES: Final = REPO / "docs" / "images"
MOST_BYTES: Final = 250_000
SIZE: Final = {"width": 1280, "height": 1000}
_LOOKS: Final = 20
SUBJECT: Final = "credit-scoring v2"
_PAGES: Final = {
    "overview": ("", ""),
    "what-to-do": ("models/credit-scoring/versions/2", "help-1"),
    "ask-waiver": ("waivers/new?model=credit-scoring&version=2&gate=G3&check=bias", ""),
}
"""Address below *AI governance*, and the id of what comes first in the picture."""


def main() -> int:
    """Serve the demo, which is run first if it never was, take the pictures, and stop it."""
    layout, out = places.from_environment(os.environ), report.console()
    with interruptible():
        if not (layout.airflow_home / "airflow.db").is_file():
            story.tell(layout, Stages(out))
        standing.up(layout, out)
        try:
            taken = _take(layout)
        finally:
            standing.down(layout, out)
    for name, content in taken.items():
        if len(content) > MOST_BYTES:
            out.print(f"{name} has {len(content):,} bytes, more than {MOST_BYTES:,}")
            return 1
    for name, content in taken.items():
        (IMAGES / name).write_bytes(content)
        out.print(f"docs/images/{name}  {len(content):,} bytes")
    return 0


def _take(layout: Layout) -> dict[str, bytes]:
    """Pictures by file name; Japanese ones are called `.ja.png`."""
    task, taken = _red_task(layout), {}
    with _chromium() as browser:
        for language, mark in (("en", ""), ("ja", ".ja")):
            page = _logged_in(browser, layout, language)
            page.goto(f"{task}/plugin/gate_report")
            _give_room(page)
            taken[f"gate-report{mark}.png"] = _picture(page, language)
            for name, (path, first) in _PAGES.items():
                page.goto(f"/plugin/ai_governance/governance/{path}")
                taken[f"{name}{mark}.png"] = _picture(page, language, first)
            page.context.close()
    return taken


def _red_task(layout: Layout) -> str:
    """The path of the newest red task of the version that the story is about."""
    with api.connect(layout.airflow_url, USER, password(layout)) as client:
        for run in reversed(api.runs(client, "model_gate")):
            for task in api.task_instances(client, "model_gate", run["dag_run_id"]):
                if (task["task_id"], task["state"], task["rendered_map_index"]) == ("gate", "failed", SUBJECT):
                    run_id = quote(run["dag_run_id"], safe=":+")  # as the UI writes it, or it marks no tab
                    return f"/dags/model_gate/runs/{run_id}/tasks/gate/mapped/{task['map_index']}"
    raise DemoError(f"no gate of {SUBJECT} is red", hint="run `make demo` again")


@contextmanager
def _chromium() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        raise DemoError("chromium is not installed", hint="on Debian, apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        words = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=found, args=words)
        yield browser
        browser.close()


def _logged_in(browser: Browser, layout: Layout, language: str) -> Page:
    page = browser.new_context(base_url=layout.airflow_url, viewport=SIZE, color_scheme="light").new_page()
    page.add_init_script(f"localStorage.setItem('i18nextLng', '{language}')")
    page.goto("/")
    page.locator("[name=username]").fill(USER)
    page.locator("[name=password]").fill(password(layout))
    page.locator("[type=submit]").click()
    page.get_by_role("link", name="AI governance").wait_for()
    return page


def _give_room(page: Page) -> None:
    """Draw the grid beside the task to its least width."""
    page.frame_locator("iframe").locator("h1").first.wait_for()
    handle = page.locator(".resize-handle").bounding_box()
    assert handle is not None  # noqa: S101 - it has a place on every task's page
    page.mouse.move(handle["x"], handle["y"] + 200)
    page.mouse.down()
    page.mouse.move(0, handle["y"] + 200, steps=8)
    page.mouse.up()


def _picture(page: Page, language: str, first: str = "") -> bytes:
    """What is on screen once the page inside the frame is there in its language; with `first`, from the part of that id on."""
    page.frame_locator("iframe").locator(f"html[lang={language}] h1").first.wait_for()
    if first:
        page.frame_locator("iframe").locator(f"#{first}").evaluate("(part) => part.scrollIntoView()")
    page.mouse.move(0, 0)
    taken, before = _shot(page), b""
    for _ in range(_LOOKS):  # the UI goes on asking its server: it is never idle, but stands still
        if taken == before:
            break
        page.wait_for_timeout(1_000)
        taken, before = _shot(page), taken
    return taken


def _shot(page: Page) -> bytes:
    return page.screenshot(animations="disabled", caret="hide")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DemoError as error:
        report.fail(report.console(stderr=True), error)
        sys.exit(1)
