"""The console in a real browser: what a newcomer does first."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.app.browser import check_looks, draw, opened, violations

ROOT = Path(__file__).resolve().parents[2]
KEY = "opensesame"


@pytest.fixture(scope="module")
def url(start_host):
    """The digits behind a key, without any server beside them."""
    trained = ROOT / "models" / "digits" / "model.joblib"
    assert trained.is_file(), f"{trained} is missing: `make setup-test` trains it"
    settings = {"TRIGGERS": "http", "HOST_FUNCTION_KEY": KEY}
    return f"{start_host(ROOT, settings).url}/api/console"


@pytest.fixture
def page(browser, url):
    """With the key."""
    with opened(browser, url) as page:
        page.get_by_label("Function key").fill(KEY)
        yield page


def describe(page: Page, **changes: object) -> None:
    """Open the page of a model that differs from the digits in its `console/model`."""

    def answer(route: Route) -> None:
        document = route.fetch().json()
        if document["form"]:  # null while the model loads: the page asks again
            document["form"] |= changes.get("form", {})
        route.fulfill(json=document | {"triggers": changes.get("triggers", ["http"])})

    page.route("**/api/console/model", answer)
    page.reload()
    page.get_by_label("Function key").fill(KEY)


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


@pytest.mark.long
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


READ = """async ([text, width]) => {
  const { readRows, requestOf } = await import("/api/console/assets/rows.js");
  const form = { kind: "array", named: false, columns: Array(width).fill({ name: "a" }) };
  const read = readRows(text, form);
  return requestOf(read, read.rows.slice(0, 1), "").body;
}"""
LARGE = "[9007199254740993, 1e400]"


@pytest.mark.parametrize(
    ("text", "width", "body"),
    [
        (f"[{LARGE}, [1, 2]]", 2, f"[{LARGE}]"),
        (
            f'{{"id": "a,b", "inputs": [{LARGE}, [1, 2]]}}',
            2,
            f'{{"id": "a,b","inputs": [{LARGE}]}}',
        ),
        (
            '{"columns": ["b", "a"], "data": [[1, 2]]}',
            2,
            '{"columns": ["b", "a"],"data": [[1, 2]]}',
        ),
        (f"{LARGE}\n[1, 2]", 2, f"[{LARGE}]"),
        ('{"a": 1.0}\n{"a": 2}', 1, '[{"a": 1.0}]'),
        ('[["x], \\"y", 1], ["z", 2]]', 2, '[["x], \\"y", 1]]'),
    ],
)
def test_rows_are_sent_as_they_were_written(reader, text, width, body):
    assert reader.evaluate(READ, [text, width]) == body


DELIMITER = """async ([text, width]) => {
  const { delimiterOf } = await import("/api/console/assets/rows.js");
  return delimiterOf(text, width);
}"""


@pytest.mark.parametrize(
    ("text", "width", "delimiter"),
    [
        ("1,5;2,5", 2, ";"),
        ("id;a;b,c;d", 3, ";"),
        ("1.5,2.5\n3;4", 2, ","),
        ("1,5\t2,5", 2, "\t"),
        ('1,"a;b"', 2, ","),
        ("1,a;b,c", 3, ","),
        ("text", 1, ","),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_a_line_into_the_columns(reader, text, width, delimiter):
    assert reader.evaluate(DELIMITER, [text, width]) == delimiter


@pytest.fixture(scope="module")
def reader(browser, url):
    with opened(browser, url) as page:
        yield page


METRICS = """async text => {
  const { Increases, parse, quantile } = await import("/api/console/assets/metrics.js");
  const increases = new Increases();
  increases.since(parse(text[0]), 0);
  const { grown } = increases.since(parse(text[1]), 1000);
  return [0.5, 0.99].map(share => quantile(grown, "t_seconds", share, { trigger: "http" }));
}"""


def test_a_percentile_is_of_all_statuses_of_a_trigger_since_the_last_scrape(reader):
    def scrape(fast: int, slow: int) -> str:
        lines = [
            f't_seconds_bucket{{host="a",trigger="http",status="2xx",le="0.1"}} {fast}',
            f't_seconds_bucket{{host="a",trigger="http",status="2xx",le="+Inf"}} {fast}',
            't_seconds_bucket{host="a",trigger="http",status="5xx",le="0.1"} 0',
            f't_seconds_bucket{{host="a",trigger="http",status="5xx",le="1"}} {slow}',
            f't_seconds_bucket{{host="a",trigger="http",status="5xx",le="+Inf"}} {slow}',
            't_seconds_bucket{host="a",trigger="blob",status="failed",le="+Inf"} 1000',
        ]
        return "\n".join(lines)

    half, most = reader.evaluate(METRICS, [scrape(1000, 1000), scrape(1050, 1050)])
    assert half == pytest.approx(0.1)
    assert 0.9 < most <= 1


def test_the_time_of_a_lone_request_is_its_own_and_not_a_guess_within_its_bucket(reader):
    def scrape(count: int, seconds: float) -> str:
        labels = 'host="a",trigger="http",status="2xx"'
        return "\n".join(
            [
                f't_seconds_bucket{{{labels},le="10"}} 0',
                f't_seconds_bucket{{{labels},le="30"}} {count}',
                f't_seconds_bucket{{{labels},le="+Inf"}} {count}',
                f"t_seconds_sum{{{labels}}} {seconds}",
            ]
        )

    assert reader.evaluate(METRICS, [scrape(1, 20), scrape(2, 31)]) == [11, 11]


DATE = """async ([zone, cells, cell]) => {
  const { dateControl, picked, readDate } = await import("/api/console/assets/dates.js");
  const column = { zone, missing: true };
  const control = dateControl(column, cells);
  control.value = picked(cell, control.type === "datetime-local");
  return [control.type, control.step, readDate(column, control).cell];
}"""
NOON, DAY = "2024-03-01T12:30:00", "2024-03-01T00:00:00"


@pytest.mark.parametrize(
    ("zone", "cells", "cell", "found"),
    [
        (False, [DAY, None], DAY, ["date", "", "2024-03-01"]),
        (False, [NOON, DAY], DAY, ["datetime-local", "60", "2024-03-01T00:00"]),
        (False, [f"{NOON[:-2]}05"], NOON, ["datetime-local", "1", "2024-03-01T12:30"]),
        (False, [f"{NOON}.250"], f"{NOON}.250", ["datetime-local", "0.001", f"{NOON}.25"]),
        (True, [f"{NOON}+02:00"], f"{NOON}+02:00", ["datetime-local", "60", "2024-03-01T10:30Z"]),
        (False, [f"{NOON}.123456"], "", ["text", "", None]),  # no picker can hold it
        (False, [DAY], "", ["date", "", None]),
    ],
)
def test_a_date_is_picked_and_sent_as_the_model_takes_it(reader, zone, cells, cell, found):
    assert reader.evaluate(DATE, [zone, cells, cell]) == found


def test_the_options_of_a_file_go_with_it(page):
    describe(page, triggers=["http", "blob"])
    document = {"status": "failed", "error": {"message": "no"}}
    page.route("**/api/console/files*", lambda route: route.fulfill(json={"id": "console-1"}))
    page.route("**/api/results/console-1", lambda route: route.fulfill(json=document))
    page.locator("#tab-file").click()
    page.get_by_text("More options").click()
    page.get_by_label("Format of the output").select_option("parquet")
    page.get_by_label("Delimiter of a CSV").select_option("tab")
    page.get_by_label("Columns of the output").fill("a, größe")
    page.get_by_role("textbox", name="Rows").fill("1\t2")
    with page.expect_request("**/api/console/files*") as sent:
        page.get_by_role("button", name="Score the rows").click()
    query = parse_qs(urlsplit(sent.value.url).query)
    wanted = {"output_format": ["parquet"], "delimiter": ["tab"], "keep": ["a, größe"]}
    assert query == wanted | {"name": ["rows.csv"], "output": ["probabilities"]}


def test_an_option_that_the_app_refuses_is_named_at_its_field(page):
    describe(page, triggers=["http", "blob"])
    error = {"error": {"code": "malformed_input", "message": "keep in the query: expected names"}}
    page.route("**/api/console/files*", lambda route: route.fulfill(status=400, json=error))
    page.locator("#tab-file").click()
    page.get_by_text("More options").click()
    keep = page.get_by_label("Columns of the output")
    keep.fill("[1]")
    page.get_by_role("button", name="Example rows").click()
    expect(keep).to_have_accessible_description(re.compile("eep in the query"))
    expect(keep).to_be_focused()


def test_a_script_gets_a_file_or_a_text_and_its_body_can_be_enqueued(page, tmp_path):
    describe(page, form={"kind": "body", "example": {"x": 1}}, triggers=["http", "servicebus"])
    file = tmp_path / "seven.png"
    file.write_bytes(b"\x89PNG")
    page.route("**/api/score*", lambda route: route.fulfill(json={"digit": 7}))
    with page.expect_request("**/api/score*") as sent:
        page.locator("#body-file").set_input_files(file)
    assert sent.value.headers["content-type"] == "image/png"
    assert sent.value.post_data_buffer == b"\x89PNG"
    expect(page.locator("#panel-body pre").first).to_contain_text('"digit": 7')
    expect(page.get_by_text("seven.png was sent: 4 bytes of image/png.")).to_be_visible()
    expect(page.get_by_label("Content-Type")).to_have_value("application/json")  # of the text
    page.get_by_role("textbox", name="Body").fill('{"x": 2}')
    page.locator("#tab-queue").click()
    page.get_by_label("How many messages").fill("1")
    with page.expect_request("**/api/score*") as sent:
        page.get_by_role("button", name="Enqueue").click()
    assert sent.value.headers["prefer"] == "respond-async"
    assert sent.value.post_data_json == {"x": 2}


@pytest.mark.parametrize(
    ("body", "headline", "text"),
    [
        ("7", "7", None),
        ('["seven"]', "seven", None),
        ("a seven", "a seven", None),
        ("", "(empty)", None),
        ("a seven\nor a one", None, "a seven\nor a one"),
        ('{"digit": 7}', None, '"digit": 7'),
    ],
)
def test_a_short_answer_of_a_script_is_a_headline_and_a_long_one_a_text(page, body, headline, text):
    describe(page, form={"kind": "body"})
    page.route("**/api/score*", lambda route: route.fulfill(body=body))
    page.get_by_role("button", name="Send", exact=True).click()
    shown = page.locator("#panel-body .headline")
    expect(page.locator("#panel-body .facts")).to_be_visible()
    expect(shown).to_have_text(headline) if headline else expect(shown).to_be_hidden()
    whole = page.get_by_role("region", name="Body of the answer")
    expect(whole).to_contain_text(text) if text else expect(whole).to_have_count(0)


def test_an_error_goes_when_its_cause_has_gone(browser, url):
    with opened(browser, url) as page:
        error = page.locator("#panel-draw .notice.bad")
        expect(error).to_have_text("Type the function key above.")
        page.get_by_label("Function key").fill(KEY)
        page.get_by_label("Function key").press("Enter")
        expect(error).to_be_hidden()
        page.context.set_offline(True)
        page.get_by_role("button", name="Clear").click()
        draw(page, (0.5, 0.06), (0.5, 0.94))
        expect(error).to_have_text("The app does not answer; is it running?")
        page.context.set_offline(False)
        expect(error).to_be_hidden()
        expect(page.locator("#panel-draw .headline")).to_have_text("1")


def test_a_file_that_a_script_got_is_enqueued_and_a_document_says_why_it_failed(page, tmp_path):
    describe(page, form={"kind": "body"}, triggers=["http", "servicebus"])
    file = tmp_path / "seven.png"
    file.write_bytes(b"\x89PNG")
    page.route("**/api/score*", lambda route: route.fulfill(json=7))
    page.locator("#body-file").set_input_files(file)
    expect(page.locator("#panel-body .headline")).to_have_text("7")
    why = "the script answered 400: " + "expected an image, such as a PNG or JPEG; " * 3
    moment = "2026-11-27T10:00:00Z"
    document = {"status": "failed", "error": {"message": why}, "cache": "bypass"}
    document |= {"received_at": moment, "finished_at": moment, "model": {"version": "1"}}
    page.route("**/api/results/*", lambda route: route.fulfill(json=document))
    page.unroute("**/api/score*")
    page.route("**/api/score*", lambda route: route.fulfill(status=202, body="{}"))
    page.locator("#tab-queue").click()
    page.get_by_label("How many messages").fill("1")
    with page.expect_request("**/api/score*") as sent:
        page.get_by_role("button", name="Enqueue").click()
    assert sent.value.headers["content-type"] == "image/png"
    assert sent.value.post_data_buffer == b"\x89PNG"
    cell = page.get_by_role("cell", name=why.strip())
    expect(cell).to_be_visible()
    assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth")


def test_a_text_of_a_column_with_many_values_is_shown_and_sent_as_a_text(page):
    zips = [f"{number:05}" for number in range(10000, 10600)]
    column = {"name": "zip", "type": "text", "missing": False, "values": zips, "zone": False}
    form = {"named": True, "columns": [column], "rows": [["10115"]], "grid": None, "kind": "frame"}
    describe(page, form=form)
    field = page.get_by_role("form", name="One row").get_by_label("zip")
    expect(field).to_have_value("10115")
    field.fill("10116")
    with page.expect_request("**/api/score*") as sent:
        page.get_by_role("button", name="Predict").click()
    assert sent.value.post_data_json == {"data": [{"zip": "10116"}]}


def test_a_refusal_stands_at_the_field_that_it_names(page):
    column = {"name": "wind: top", "type": "number", "missing": True, "values": None, "zone": False}
    describe(page, form={"named": True, "columns": [column], "rows": [[1]], "grid": None})
    why = "row 0, column 'wind: top': expected at most 100, got 999"
    error = {"error": {"code": "invalid_input", "message": why}}
    page.route("**/api/score*", lambda route: route.fulfill(status=422, json=error))
    field = page.get_by_role("form", name="One row").get_by_label("wind: top")
    field.fill("999")
    expect(field).to_have_accessible_description("Expected at most 100, got 999.")


def test_an_answer_to_an_earlier_input_is_said_to_be_one(page):
    headline = page.locator("#panel-form .headline")
    earlier = page.locator("#panel-form").get_by_text("An earlier answer:")
    page.locator("#tab-form").click()
    expect(headline).to_be_visible()
    expect(earlier).to_be_hidden()
    pixel = page.get_by_role("form", name="One row").get_by_role("textbox").first
    pixel.fill("many")
    expect(earlier).to_be_visible()
    assert violations(page) == []
    pixel.fill("1")
    expect(earlier).to_be_hidden()
    page.locator("#panel-form").get_by_role("button", name="Clear").click()
    expect(earlier).to_be_visible()


def test_messages_that_are_answered_at_once_are_not_called_enqueued(page):
    describe(page, triggers=["http", "servicebus"])
    page.route("**/api/score*", lambda route: route.fulfill(json=[1]))
    page.locator("#tab-queue").click()
    page.get_by_label("How many messages").fill("3")
    page.get_by_role("button", name="Enqueue").click()
    line = "0 of 3 enqueued, 0 documents arrived, 3 answered at once"
    expect(page.locator("#panel-queue .small")).to_contain_text(line)


def test_the_health_is_in_view_while_the_model_loads(page):
    loading = {"status": "loading", "message": "", "name": "digits", "version": ""}

    def answer(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"form": None, "model": loading})

    page.route("**/api/console/model", answer)
    page.reload()
    expect(page.get_by_text("The model is loading")).to_be_visible()
    expect(page.locator(".band", has_text="Cache")).to_be_visible()
    assert violations(page) == []
    page.unroute("**/api/console/model")
    expect(page.locator("#tab-draw")).to_be_visible()
    expect(page.locator(".band", has_text="Cache")).to_have_count(1)


def test_a_page_that_waits_for_a_slow_answer_says_so(page):
    held = []

    def hold(route: Route) -> None:
        held.append(route)

    describe(page, form={"kind": "body"})
    page.route("**/api/score*", hold)
    page.get_by_role("button", name="Send", exact=True).click()
    waits = page.locator("#panel-body").get_by_text("Waiting for the answer")
    expect(waits).to_be_visible()
    held[0].fulfill(json=7)
    expect(page.locator("#panel-body .headline")).to_have_text("7")
    expect(waits).to_be_hidden()


def test_the_rows_of_a_try_go_when_the_next_one_fails(page):
    page.locator("#tab-file").click()
    page.get_by_role("button", name="Example rows").click()
    rows = page.get_by_role("region", name="Scored rows")
    expect(rows).to_be_visible()
    page.get_by_role("textbox", name="Rows").fill("{")
    page.get_by_role("button", name="Score the rows").click()
    expect(page.get_by_text("These are no rows")).to_be_visible()
    expect(rows).to_have_count(0)


def test_a_key_that_no_header_can_hold_is_an_error_at_its_field(page):
    key = page.get_by_label("Function key")
    key.fill("key-€")
    page.get_by_role("button", name="Another example").first.click()
    expect(key).to_have_accessible_description(re.compile("has a character that no key has"))
    key.fill(f" {KEY} ")
    page.get_by_role("button", name="Another example").first.click()
    expect(key).not_to_have_attribute("aria-invalid", "true")


LOOK_NOW = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.mark.long
def test_the_page_says_that_the_app_does_not_answer(page):
    state = page.locator(".band", has_text="Model").locator(".tag")
    expect(state).to_have_text("ok")
    page.context.set_offline(True)
    page.evaluate(LOOK_NOW)
    expect(page.locator("#live .notice")).to_have_text("The app does not answer.")
    expect(state).to_have_text("unknown")
    expect(page.locator("#states .unknown").first).to_be_attached()
    changes = page.get_by_label("Changes of health")
    expect(changes).to_contain_text("The app: answers → does not answer")
    page.context.set_offline(False)
    page.evaluate(LOOK_NOW)
    expect(state).to_have_text("ok")
    expect(page.locator("#live .notice")).to_be_hidden()


@pytest.mark.long
def test_charts_show_no_old_figures_while_the_metrics_fail(page):
    figures = page.locator("#live .chart", has_text="Requests").locator("dd")
    page.evaluate(LOOK_NOW)
    expect(figures.first).not_to_have_text("\u2013")
    page.route("**/api/metrics", lambda route: route.fulfill(status=500, body="{}"))
    expect(figures.first).to_have_text("\u2013")
    note = page.locator("#live .notice")
    expect(note).to_contain_text("The metrics could not be read")
    page.unroute("**/api/metrics")
    expect(figures.first).not_to_have_text("\u2013")
    expect(note).to_be_hidden()


def test_a_report_is_asked_for_again_after_a_failure_that_passes(page):
    describe(page, triggers=["http", "blob"])
    asked = []
    document = {"status": "succeeded", "cache": "miss", "model": {"version": "1"}}
    report = {"rows": 7, "failed": 0, "cache_hits": 0, "seconds": 1, "output": "o/rows.csv"}

    def answer(route: Route) -> None:
        if "part=report" not in route.request.url:
            route.fulfill(json={"id": "console-1"})
            return
        asked.append(route.request.url)
        if len(asked) == 1:
            route.fulfill(status=503, json={"error": {"code": "busy", "message": "busy"}})
        else:
            route.fulfill(json=report)

    page.route("**/api/console/files**", answer)
    page.route("**/api/results/console-1", lambda route: route.fulfill(json=document))
    page.locator("#tab-file").click()
    page.get_by_text("More options").click()
    page.get_by_label("Format of the output").select_option("parquet")
    page.get_by_role("textbox", name="Rows").fill("1,2")
    page.get_by_role("button", name="Score the rows").click()
    expect(page.get_by_text("7 of 7 rows scored in 1.0 s").first).to_be_visible()
    assert len(asked) == 2


@pytest.mark.long
def test_a_file_that_waits_for_a_worker_can_be_stopped(page, tmp_path):
    asked = []

    def answer(route: Route) -> None:
        asked.append(route.request.method)
        if asked.count("DELETE") < 3:
            return route.fulfill(status=404)
        if route.request.method == "DELETE":
            return route.fulfill(status=204)
        return route.fulfill(json={"status": "failed", "error": {"message": "it was cancelled"}})

    describe(page, triggers=["http", "blob"])
    page.route("**/api/console/files*", lambda route: route.fulfill(json={"id": "console-1"}))
    page.route("**/api/results/console-1", answer)
    page.locator("#tab-file").click()
    file = tmp_path / "rows.npy"
    file.write_bytes(b"1")
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#panel-file .job .notice")).to_contain_text("it was cancelled")
    assert asked.count("DELETE") == 3
    status = page.locator("#panel-file [role=status]")
    expect(status.last).to_contain_text("The file was not scored")


@pytest.mark.long
def test_documents_are_collected_though_the_app_refuses_a_request_for_them(page):
    refused = set()

    def answer(route: Route) -> None:
        if route.request.url not in refused:
            refused.add(route.request.url)
            return route.fulfill(status=(429, 503)[len(refused) % 2])
        moment = "2026-11-27T10:00:00Z"
        times = {"received_at": moment, "finished_at": moment}
        document = {"result": [1], "cache": "miss", "model": {"version": "1"}}
        return route.fulfill(json={"status": "succeeded"} | times | document)

    describe(page, triggers=["http", "servicebus"])
    page.route("**/api/score*", lambda route: route.fulfill(status=202, body="{}"))
    page.route("**/api/results/*", answer)
    page.locator("#tab-queue").click()
    page.get_by_label("How many messages").fill("10")
    page.get_by_role("button", name="Enqueue").click()
    expect(page.locator("#panel-queue [role=status]")).to_contain_text("10 documents arrived")
    expect(page.get_by_role("button", name="Enqueue")).to_be_enabled()
