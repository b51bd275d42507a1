"""`python -m docs.site.console_picture`: draw a digit in the console of a running app (`make run`,
on its usual port), with some load beside, and write docs/console.png from it.

It needs the test requirements and Debian's Chromium.
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
#: So that the charts of the last minutes show something.
LOAD_S = 90
#: A three, in shares of the grid's side.
STROKE = [
    *((0.25, 0.14), (0.5, 0.06), (0.72, 0.2), (0.62, 0.4), (0.42, 0.48)),
    *((0.66, 0.56), (0.75, 0.74), (0.55, 0.92), (0.25, 0.86)),
]


def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium was not found: apt-get install chromium", file=sys.stderr)
        return 2
    with sync_playwright() as playwright, _load():
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.goto(f"{APP}/api/console")
        page.wait_for_timeout(LOAD_S * 1000)
        page.get_by_role("button", name="Clear").click()
        draw(page, *STROKE)
        page.locator("#panel-draw .facts").wait_for()
        page.wait_for_timeout(1500)  # the bars move to their places
        page.screenshot(path=PICTURE)
        browser.close()
    return 0


@contextmanager
def _load() -> Iterator[None]:
    """Score digits, of which many come again, until the end of the block."""
    ended = threading.Event()
    thread = threading.Thread(target=_score, args=(ended,))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _score(ended: threading.Event) -> None:
    digits = load_digits().data
    draw = np.random.default_rng(1)
    with Client(APP) as client:
        while not ended.wait(draw.uniform(0, 0.02)):
            often = draw.random() < 0.7
            client.score([digits[draw.integers(20 if often else len(digits))].tolist()])


if __name__ == "__main__":
    sys.exit(main())
