"""The console over the whole app: customers, files, messages, and Redis that goes away."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from deploy import manifest
from inference.models import manifest_file
from tests.app.browser import check_looks, opened

pytestmark = pytest.mark.long

PLANS = ["basic", "family", "premium"]


def customers(count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    age = random.integers(18, 90, count).astype(float)
    return pd.DataFrame(
        {
            "age": np.where(random.random(count) < 0.1, np.nan, age),
            "calls": random.integers(0, 9, count),
            "plan": random.choice(PLANS, count),
            "member": random.random(count) < 0.5,
            "note": random.choice(["very happy", "wants to leave", "asks, and asks"], count),
        }
    )


@pytest.fixture(scope="module")
def churn(tmp_path_factory):
    """A folder with a model that takes numbers, categories, booleans and texts, with gaps."""
    folder = tmp_path_factory.mktemp("models") / "churn"
    folder.mkdir()
    rows = customers(300)
    columns = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), ["age", "calls"]),
            ("kinds", OneHotEncoder(), ["plan", "member"]),
            ("words", TfidfVectorizer(), "note"),
        ]
    )
    leaves = np.where(rows["note"] == "wants to leave", "leaves", "stays")
    model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(rows, leaves)
    joblib.dump(model, folder / "model.joblib")
    rows.head(20).to_csv(folder / "rows.csv", index=False)
    manifest_file.write(folder, manifest.describe(folder, rows_file=folder / "rows.csv"))
    return folder


@pytest.fixture(scope="module")
def whole_app(make_app, churn):
    return make_app(model_dir=churn, MAX_BODY_BYTES="", CACHE_MODE="always")


@pytest.fixture(scope="module")
def page(browser, whole_app):
    with opened(browser, f"{whole_app.host.url}/api/console") as page:
        expect(page.locator("#states")).to_contain_text("Service Bus", timeout=15_000)
        yield page


def test_the_form_has_a_field_a_column_and_says_what_is_wrong_at_the_field(page):
    page.locator("#tab-form").click()
    form = page.get_by_role("form", name="One row")
    form.get_by_label("plan").select_option("premium")
    form.get_by_label("member").select_option("true")
    form.get_by_label("note").fill("wants to leave")
    form.get_by_label("age").fill("")
    form.get_by_label("calls").fill("3")
    form.get_by_role("button", name="Predict").click()
    expect(page.locator("#panel-form .headline")).to_have_text("leaves")
    form.get_by_label("note").fill("very happy")
    expect(page.locator("#panel-form .headline")).to_have_text("stays")
    expect(page.locator("#panel-form .facts")).to_contain_text("Model version")
    form.get_by_label("calls").fill("3.5")
    form.get_by_role("button", name="Predict").click()
    wrong = form.get_by_label("calls")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_accessible_description('Expected a whole number, got "3.5".')
    expect(wrong).to_be_focused()
    check_looks(page, "churn")


def test_pasted_rows_are_scored_and_the_wrong_ones_are_marked(page):
    page.locator("#tab-file").click()
    lines = customers(6).to_csv(index=False).splitlines()
    lines[2] = '41,many,basic,True,"asks, and asks"'
    lines[5] = "41,2,platinum,True,very happy"
    page.get_by_role("textbox", name="Rows").fill("\n".join(lines))
    page.get_by_role("button", name="Score the rows").click()
    rows = page.locator("#panel-file tbody tr")
    expect(rows).to_have_count(6)
    expect(page.locator("#panel-file tbody tr.wrong")).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("calls")
    expect(rows.nth(4)).to_contain_text("plan")
    expect(rows.nth(0)).to_contain_text("%")
    check_looks(page, "pasted")


def test_a_large_file_goes_through_the_blob_trigger_and_comes_back_scored(page, tmp_path):
    page.locator("#tab-file").click()
    file = tmp_path / "customers.csv"
    table = customers(50_000)
    table["calls"] = table["calls"].astype(object)
    table.loc[7, "calls"] = "many"
    table.to_csv(file, index=False)
    page.locator("#file").set_input_files(file)
    expect(page.locator("progress")).to_be_visible()
    download = page.get_by_role("button", name="Download customers-scored.csv")
    expect(download).to_be_visible(timeout=60_000)
    expect(page.locator("#panel-file .job")).to_contain_text("49,999 of 50,000 rows scored")
    expect(page.locator("#panel-file tbody tr")).to_have_count(200)
    expect(page.locator("#panel-file tbody tr.wrong")).to_have_count(1)
    with page.expect_download() as found:
        download.click()
    lines = found.value.path().read_text().splitlines()
    assert len(lines) == 50_001
    assert lines[0].endswith("prediction,probability_leaves,probability_stays,error")
    check_looks(page, "file")


def test_a_hundred_messages_are_enqueued_and_their_documents_arrive(page):
    page.locator("#tab-queue").click()
    page.get_by_label("How many messages").fill("0")
    page.get_by_role("button", name="Enqueue").click()
    expect(page.get_by_label("How many messages")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("How many messages").fill("100")
    page.get_by_role("button", name="Enqueue").click()
    arrived = page.locator("#panel-queue [role=status]")
    expect(arrived).to_contain_text("100 documents arrived", timeout=30_000)
    expect(page.locator("#panel-queue .dots .succeeded")).to_have_count(100)
    check_looks(page, "queue")


def test_the_live_panel_shows_redis_go_away_and_come_back(page, whole_app):
    cache = page.locator(".band", has_text="Cache").locator(".tag")
    expect(cache).to_have_text("ok", timeout=15_000)
    whole_app.redis.kill()
    try:
        expect(cache).to_have_text("degraded", timeout=15_000)
        check_looks(page, "degraded")
    finally:
        whole_app.redis.start()
    expect(cache).to_have_text("ok", timeout=30_000)
    for title in ("Requests", "Time of an HTTP request", "Hit rate by cache", "Messages that wait"):
        expect(page.locator(".chart", has_text=title).locator("path.line").first).to_be_attached()
    assert json.loads(whole_app.get("/api/console/state").body)["servicebus"]["queues"]


def test_docs_answer_a_request_that_nobody_changed(browser, whole_app):
    with opened(browser, f"{whole_app.host.url}/api/docs") as page:
        score = page.locator("#operations-default-score")
        score.click(timeout=15_000)
        score.get_by_role("button", name="Execute").click()
        status = score.locator(".live-responses-table .response-col_status").last
        expect(status).to_contain_text("200")


def test_docs_shows_every_operation_of_the_document(browser, whole_app):
    with opened(browser, f"{whole_app.host.url}/api/docs") as page:
        expect(page.locator("#operations-default-score")).to_be_visible(timeout=15_000)
        expect(page.locator("#operations-default-submitFile")).to_be_visible()
        page.locator("#operations-default-live").click()
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text(
            "200"
        )
