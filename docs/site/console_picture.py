"""`python -m docs.site.console_picture`: draw a digit in the console of a running app (`make run`),
with some load beside, and write docs/console.png from it. Of an app on another port: `python -m
docs.site.console_picture http://localhost:7072`.

It needs the test requirements, Debian's Chromium and its package fonts-inter.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright
from sklearn.datasets import load_digits

from tests.app.browser import FLAGS, draw
from triscore_client import Client

PICTURE = Path(__file__).resolve().parents[1] / "console.png"
APP = "http://localhost:7071"
SIZE = (1440, 1000)
#: So that the charts of the last minutes show something, but not the first misses.
WARM_S, LOAD_S = 10, 90
#: Seconds between two requests.
PACE_S = 0.02
#: A three that is nearly an eight, in shares of the grid's side.
STROKE = [
    *((0.3, 0.25), (0.5, 0.06), (0.72, 0.2), (0.62, 0.4), (0.42, 0.48)),
    *((0.66, 0.56), (0.72, 0.74), (0.5, 0.92), (0.3, 0.75)),
]


def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium was not found: apt-get install chromium", file=sys.stderr)
        return 2
    app = sys.argv[1] if len(sys.argv) > 1 else APP
    with sync_playwright() as playwright, _load(app):
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.wait_for_timeout(WARM_S * 1000)
        page.goto(f"{app}/api/console")
        page.wait_for_timeout(LOAD_S * 1000)
        page.get_by_role("button", name="Clear").click()
        draw(page, *STROKE)
        page.locator("#panel-draw .facts").wait_for()
        page.wait_for_timeout(1500)  # the bars move to their places
        page.screenshot(path=PICTURE, full_page=True)
        browser.close()
    return 0


@contextmanager
def _load(app: str) -> Iterator[None]:
    """Score digits, of which many come again, until the end of the block."""
    ended = threading.Event()
    thread = threading.Thread(target=_score, args=(app, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _score(app: str, ended: threading.Event) -> None:
    digits = load_digits().data
    draw = np.random.default_rng(1)
    with Client(app) as client:
        while not ended.wait(PACE_S):
            often = draw.random() < 0.7
            client.score([digits[draw.integers(20 if often else len(digits))].tolist()])


if __name__ == "__main__":
    sys.exit(main())
