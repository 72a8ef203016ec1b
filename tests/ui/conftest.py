# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium under Playwright, and what it says while a page is open."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Frame, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from starlette.routing import BaseRoute

expect.set_options(timeout=30_000)  # an Airflow that starts tasks meanwhile is slow to answer


@dataclass
class Seen:
    """A page, and everything about it that nobody wants to see."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def asked(self, dialog: Dialog) -> None:
        """A dialog is never ours."""
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def harmless(self) -> None:
        """No script of somebody else ran, and none of ours failed."""
        for frame in self.page.frames:
            assert told_by(frame, "window.__pwned") is None, frame.url
        assert self.complaints == []


def told_by(frame: Frame, question: str) -> Any:
    """What a page answers. Airflow loads a frame again when it has taken its address over: then the new page is asked."""
    until = time.monotonic() + 30
    while True:
        frame.wait_for_load_state()
        try:
            return frame.evaluate(question)
        except Error as error:
            if "navigation" not in error.message or time.monotonic() > until:
                raise


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed: apt-get install chromium")
        pytest.skip("chromium is not installed: apt-get install chromium")
    words = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=words)
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[Seen]:
    """A fresh profile with one page."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
    page = context.new_page()
    seen = Seen(page, context)
    page.on("dialog", seen.asked)
    page.on("pageerror", lambda error: seen.complaints.append(f"error: {error}"))
    page.on("console", lambda told: seen.complaints.append(told.text) if told.type == "error" else None)
    try:
        yield seen
    finally:
        context.close()


@contextlib.contextmanager
def served(app: FastAPI, *beside: BaseRoute) -> Iterator[str]:
    """The pages where Airflow would mount them, on loopback."""
    icon = Route("/favicon.ico", lambda _request: Response(status_code=204))
    config = uvicorn.Config(Starlette(routes=[icon, *beside, Mount("/governance", app)]), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
