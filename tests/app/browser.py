"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from local.emulators.commands import STATE

#: The browser makes no network requests of its own, and runs as root.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
)
#: Where the pictures of the last run are kept.
PICTURES = STATE / "console"
WIDTHS = {"phone": 360, "desktop": 1440}
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips the test where there is none, but fails it in CI."""
    path = shutil.which("chromium")
    if path is None:
        sentence = "chromium was not found: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """A page without cookies. Fails if the page reports an error or asks another host."""
    with browser.new_context(viewport={"width": WIDTHS["desktop"], "height": 900}) as context:
        page = context.new_page()
        faults: list[str] = []
        asked: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.extend(_fault(message)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        yield page
        assert faults == []
        root = "/".join(url.split("/", 3)[:3])
        assert [each for each in asked if not each.startswith((root, "data:", "blob:"))] == []


def draw(page: Page, *points: tuple[float, float]) -> None:
    """One stroke in the console's grid. Points are shares of the grid's side."""
    box = page.get_by_role("grid").bounding_box()
    assert box is not None, "the console shows no grid: is the model the digits'?"
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def check_looks(page: Page, name: str) -> None:
    """On a phone and a desktop, in light and in dark: axe finds nothing, nothing overflows. Keeps a
    picture of each.
    """
    PICTURES.mkdir(parents=True, exist_ok=True)
    for device, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == [], f"{name}, {device}, {scheme}"
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, f"{name}, {device}: {over} px too wide"
            page.screenshot(path=PICTURES / f"{name}-{device}-{scheme}.png", full_page=True)


def violations(page: Page) -> list[str]:
    """What axe finds: the rule and the first element of each."""
    return [
        f"{each['id']}: {each['nodes'][0]['html']}"
        for each in Axe().run(page).response["violations"]
    ]


def _fault(message: ConsoleMessage) -> list[str]:
    """The browser reports each response above 399 as an error, which the page shows as well."""
    is_response = message.text.startswith("Failed to load resource")
    return [message.text] if message.type == "error" and not is_response else []
