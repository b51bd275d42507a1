"""The console page in a real browser, on a running app."""

import json
import shutil
from pathlib import Path

import pytest

from tests import small_model
from tests.app.browser import CONTROL, ENTER, TAB, Browser
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
KEY = "opensesame"
PREFIX = "models/v1"
ROW = "0.8125,0.9,0.9"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def host(start_host, tmp_path_factory):
    """The app behind another prefix, with a key."""
    app = tmp_path_factory.mktemp("elsewhere")
    for name in ("triggers", "inference", "cache"):
        shutil.copytree(ROOT / name, app / name)
    shutil.copy(ROOT / "function_app.py", app)
    settings = json.loads((ROOT / "host.json").read_text())
    settings["extensions"]["http"]["routePrefix"] = PREFIX
    (app / "host.json").write_text(json.dumps(settings))
    model = small_model.save(app)
    return start_host(
        app, {"AZUREML_MODEL_DIR": str(model), "TRIGGERS": "http", "HOST_FUNCTION_KEY": KEY}
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page(browser, host):
    """The page, freshly opened, with its example."""
    browser.open(f"{host.url}/{PREFIX}/console")
    eventually(lambda: browser.value("#body"), 30)
    return browser


def score(page, says: str) -> None:
    """Press the button, and wait for an answer whose status begins so."""
    page.run("document.getElementById('status').textContent = ''")
    page.click("#score")
    eventually(lambda: page.text("#status"))
    assert page.text("#status").startswith(says)


def test_a_person_scores_the_example_and_then_meets_the_cache(page):
    assert page.text("#name") == "sum"
    assert page.text("#health") == page.text("#cache") == "ok"
    example = json.loads(page.value("#body"))
    page.type("#key", KEY)
    score(page, "200")
    assert page.text("#hit") == "miss"
    assert "s" not in page.text("#age")
    assert json.loads(page.text("#answer")) == [int(sum(row) > 1.5) for row in example["data"]]
    score(page, "200")
    assert page.text("#hit") == "hit"
    assert page.text("#age") == "0 s"
    assert float(page.text("#took").removesuffix(" ms")) < float(page.text("#trip")[:-3])
    # It may have asked while the model was loading.
    assert [each for each in page.console() if "/health/ready" not in each] == []


def test_the_key_goes_into_a_header_and_nowhere_else(page, host):
    score(page, "401 a function key is needed")
    page.type("#key", KEY)
    score(page, "200")
    asked = page.run("return performance.getEntriesByType('resource').map(each => each.name)")
    assert f"{host.url}/{PREFIX}/score" in asked
    assert KEY not in json.dumps(asked) + page.run("return location.href") + host.log()
    assert page.run("return [document.cookie, localStorage.length, sessionStorage.length]") == [
        "", 0, 0,
    ]  # fmt: skip


def test_every_control_works_by_keyboard_and_has_a_name(page, host):
    focused = "return document.activeElement.id"
    page.run("document.getElementById('body').select()")
    page.type("#body", ROW)
    order = []
    for each in ("#body", "#type", "#key"):
        page.type(each, TAB)
        order.append(page.run(focused))
    assert order == ["type", "key", "score"]
    page.type("#type", "C")
    page.type("#key", KEY + ENTER)
    eventually(lambda: page.text("#answer") == "[1]")
    assert page.text("#hit") == "miss"
    page.type("#body", CONTROL + ENTER)
    eventually(lambda: page.text("#hit") == "hit")
    page.type("#score", TAB)
    assert page.run(focused) == "answer"
    names = [page.name(each) for each in ("#body", "#type", "#key", "#score", "#answer")]
    assert names == [
        "Rows to score", "Format", "Function key, if one is needed", "Score", "Body of the answer",
    ]  # fmt: skip
    assert "0.8125" not in host.log()


def test_the_format_changes_the_example_but_not_edited_text(page):
    page.type("#type", "C")
    rows = page.value("#body")
    assert "{" not in rows
    page.type("#key", KEY)
    score(page, "200")
    page.type("#body", "\n1,1")
    page.type("#type", "J")
    assert page.value("#body") == rows + "\n1,1"
    score(page, "400")
    assert json.loads(page.text("#answer"))["error"]["code"] == "malformed_input"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast_in_light_and_in_dark(page, scheme):
    page.media(prefers_color_scheme=scheme)
    ratios = page.run(CONTRASTS)
    assert set(ratios) >= {"DT", "DD", "P", "BUTTON", "TEXTAREA", "LABEL"}
    assert min(ratios.values()) >= 4.5, ratios


#: WCAG 2's contrast of each kind of element that has text, against what lies behind it.
CONTRASTS = """
const parts = color => color.match(/[\\d.]+/g).map(Number);
const linear = part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
const light = color => parts(color).slice(0, 3).map(linear)
  .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
const behind = element => {
  const color = getComputedStyle(element).backgroundColor;
  return parts(color)[3] === 0 ? behind(element.parentElement) : color;
};
const ratios = {};
const kinds = "h1, h2, p, dt, dd, label, input, select, textarea, button";
for (const each of document.querySelectorAll(kinds)) {
  const [low, high] = [getComputedStyle(each).color, behind(each)].map(light).sort((a, b) => a - b);
  const ratio = (high + 0.05) / (low + 0.05);
  ratios[each.tagName] = Math.min(ratio, ratios[each.tagName] ?? Infinity);
}
return ratios;
"""
