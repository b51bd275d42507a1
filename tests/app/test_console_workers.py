"""The console of an app with two workers: it shows both of them, and outlives either."""

import os
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.app.browser import opened
from tests.faults import stack
from tests.running_app import ROOT, App
from tests.waiting import eventually

pytestmark = pytest.mark.long

ROW = b'{"data": [[' + b",".join(b"0" for _ in range(64)) + b"]]}"
REQUESTS = 60
#: Of the file that is dropped. It is scored for long enough to kill the worker meanwhile.
ROWS = 300_000
#: Seconds until another worker has scored a file of a killed one.
FOUND_AGAIN_S = 240
POLL_MS = 2000
DROP = """([name, line, rows]) => {
  const data = new DataTransfer();
  data.items.add(new File([line.repeat(rows)], name));
  document.querySelector("#panel-file .drop")
    .dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def app(make_app):
    digits = ROOT / "models" / "digits"
    app = make_app(model_dir=digits, host_args=("--workers", "2"), MAX_BODY_BYTES="")
    eventually(lambda: len(stack.children(app.host.process.pid)) == 2, 30)
    return app


@pytest.fixture
def page(browser, app):
    with opened(browser, f"{app.host.url}/api/console") as page:
        expect(state(page, "Service Bus")).to_have_text("ok", timeout=30_000)
        yield page


def state(page: Page, name: str) -> Locator:
    return page.locator(".band", has=page.get_by_text(name, exact=True)).locator(".tag")


def no_error(page: Page) -> None:
    expect(page.locator(".notice.bad:visible, .error:visible")).to_have_count(0)


def test_the_charts_show_the_requests_of_both_workers(page, app):
    page.clock.install()
    page.reload()
    expect(state(page, "Cache")).to_have_text("ok", timeout=30_000)
    rate = page.locator(".chart", has_text="Requests").locator("dd").first
    expect(rate).to_have_text("0.0/s", timeout=30_000)
    page.clock.pause_at(page.evaluate("Date.now()") + POLL_MS)
    with page.expect_response("**/api/metrics"):  # a look while time stands
        page.clock.run_for(POLL_MS)
    expect(rate).to_have_text("0.0/s")
    for _ in range(REQUESTS):  # each on a connection of its own: the kernel spreads them
        assert app.post(ROW).status == 200
    page.clock.run_for(POLL_MS)
    expect(rate).to_have_text(f"{REQUESTS * 1000 // POLL_MS}/s")


@pytest.mark.parametrize(
    ("server", "name", "bad"),
    [
        ("redis", "Cache", "degraded"),
        ("azurite", "Storage", "failed"),
        ("servicebus", "Service Bus", "failed"),
    ],
)
def test_the_health_of_each_dependency_goes_and_comes_back(page, app, server, name, bad):
    getattr(app, server).kill()
    try:
        expect(state(page, name)).to_have_text(bad, timeout=30_000)
    finally:
        getattr(app, server).start()
    expect(state(page, name)).to_have_text("ok", timeout=60_000)
    expect(state(page, "Redis breaker")).to_have_text("closed", timeout=30_000)
    no_error(page)


def test_a_dropped_file_comes_back_scored_though_its_worker_is_killed(page, app):
    page.locator("#tab-file").click()
    line = ",".join("0" for _ in range(64)) + "\n"
    page.evaluate(DROP, ["zeros.csv", line, ROWS])
    job = page.locator("#panel-file .job")
    expect(job).to_contain_text("rows/s", timeout=60_000)
    busy = _worker_at_work(app)
    os.kill(busy, signal.SIGKILL)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    eventually(lambda: len(set(stack.children(app.host.process.pid)) - {busy}) == 2, 30)
    expect(job).to_contain_text(f"{ROWS:,} of {ROWS:,} rows scored", timeout=FOUND_AGAIN_S * 1000)
    with page.expect_download() as found:
        page.get_by_role("button", name="Download zeros-scored.csv").click()
    assert found.value.path().read_bytes().count(b"\n") == ROWS
    expect(state(page, "Model")).to_have_text("ok", timeout=30_000)
    no_error(page)


def _worker_at_work(app: App) -> int:
    """The worker that has had a third of a second of a processor before any other."""
    before = {pid: _ticks(pid) for pid in stack.children(app.host.process.pid)}
    enough = os.sysconf("SC_CLK_TCK") // 3
    found: int = eventually(
        lambda: next((pid for pid, ticks in before.items() if _ticks(pid) - ticks > enough), None)
    )
    return found


def _ticks(pid: int) -> int:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)
