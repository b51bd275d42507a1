"""The console in a real browser: what a newcomer does first."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.app.browser import check_looks, chromium, opened

ROOT = Path(__file__).resolve().parents[2]
KEY = "opensesame"


@pytest.fixture(scope="module")
def url(start_host):
    """The digits behind a key, without any server beside them."""
    settings = {"TRIGGERS": "http", "HOST_FUNCTION_KEY": KEY}
    return f"{start_host(ROOT, settings).url}/api/console"


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


def draw(page, *points: tuple[float, float]) -> None:
    """One stroke. Points are shares of the grid's side."""
    box = page.get_by_role("grid").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def test_the_prediction_changes_while_one_draws(browser, url):
    with opened(browser, url) as page:
        expect(page.locator("#key-error")).to_have_text("this app needs its function key here")
        page.get_by_label("Function key").fill(KEY)
        page.get_by_role("button", name="Clear").click()
        headline = page.locator("#panel-draw .headline")
        draw(page, (0.5, 0.06), (0.5, 0.94))
        expect(headline).to_have_text("1")
        page.get_by_role("button", name="Clear").click()
        ring = [(0.5, 0.1), (0.3, 0.25), (0.25, 0.5), (0.3, 0.75), (0.5, 0.9)]
        draw(page, *ring, *[(1 - x, y) for x, y in reversed(ring)])
        expect(headline).to_have_text("0")
        rows = page.locator("#panel-draw .bars tbody tr")
        expect(rows).to_have_count(10)
        expect(page.locator("#panel-draw .facts")).to_contain_text("HTTP")
        page.get_by_text("The same with curl and Python").click()
        snippet = page.get_by_role("region", name="curl snippet")
        expect(snippet).to_contain_text("x-functions-key: $TRISCORE_KEY")
        assert KEY not in page.content() + page.evaluate("location.href + document.cookie")
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_every_tab_looks_right_on_every_device(browser, url):
    with opened(browser, url) as page:
        page.get_by_label("Function key").fill(KEY)
        for name in ("draw", "form", "file"):
            page.locator(f"#tab-{name}").click()
            page.locator(f"#panel-{name} button", has_text="xample").first.click()
            expect(page.locator(f"#panel-{name} .facts")).to_be_visible()
            check_looks(page, name)


def test_the_page_works_by_keyboard(browser, url):
    with opened(browser, url) as page:
        page.get_by_label("Function key").fill(KEY)
        page.locator("#tab-draw").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#tab-form")).to_be_focused()
        expect(page.locator("#panel-form")).to_be_visible()
        page.keyboard.press("Home")
        page.keyboard.press("Tab")
        cell = page.get_by_role("gridcell").first
        expect(cell).to_be_focused()
        expect(cell).to_have_accessible_name("row 1, column 1: 0")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        expect(page.get_by_role("gridcell").nth(1)).to_have_accessible_name("row 1, column 2: 16")
        expect(page.locator("#panel-draw .facts")).to_be_visible()
