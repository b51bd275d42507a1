"""The console's pages and their files as they are served. tests/app/test_console.py opens them."""

import asyncio
import json
import re
import threading
from html.parser import HTMLParser

import azure.functions as func
import pytest

from tests.triggers.description import documented
from triggers.console import api_viewer, console_blueprint, model_description
from triggers.settings import TriggerSettings

FILES = sorted(path.name for path in console_blueprint.FOLDER.iterdir() if path.suffix != ".html")


@pytest.fixture
def ask(scorer):
    """`await ask("console/assets/{file}", file="app.js")`: the response to a GET."""
    app = func.FunctionApp()
    app.register_functions(console_blueprint.blueprint(scorer, TriggerSettings(), {}))
    functions = {each.get_trigger().route: each for each in app.get_functions()}

    async def get(route, *, prefix="/api", headers=None, **params):
        path = route.format(**params)
        request = func.HttpRequest(
            method="GET", url=f"http://h{prefix}/{path}", body=b"", headers=headers or {},
            route_params=params,
        )  # fmt: skip
        return await functions[route].get_user_function()(request)

    return get


class Elements(HTMLParser):
    """The elements of a page, and what is written inside of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.lasttag in ("script", "style"):
            self.inline += data.strip()


@pytest.mark.parametrize("route", ["console", "docs"])
async def test_a_page_loads_files_of_the_app_alone(ask, route):
    response = await ask(route, prefix="/models/v1")
    assert (response.status_code, response.headers["content-type"]) == (
        200, "text/html; charset=utf-8",
    )  # fmt: skip
    page = Elements(response.get_body().decode())
    links = [
        value
        for _, attributes in page.found
        for name, value in attributes.items()
        if name in ("src", "href") and not value.startswith("#")
    ]
    assert links
    assert all(link.startswith("/models/v1/") for link in links)
    assert page.inline == ""
    assert not [name for _, attributes in page.found for name in attributes if name[:2] == "on"]
    assert not [each for each in page.found if "style" in each[1]]


async def test_the_policy_of_the_console_allows_its_own_files_and_no_inline_code(ask):
    policy = (await ask("console")).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert {rules[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert "unsafe" not in policy


@pytest.mark.parametrize("file", FILES)
async def test_a_file_has_its_type_and_is_revalidated_by_its_etag(ask, file):
    response = await ask("console/assets/{file}", file=file)
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    assert response.mimetype == kinds[file[file.rindex(".") :]]
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    etag = response.headers["etag"]
    again = await ask("console/assets/{file}", file=file, headers={"if-none-match": etag})
    assert (again.status_code, again.get_body()) == (304, b"")
    assert again.headers["etag"] == etag


@pytest.mark.parametrize("file", ["../__init__.py", "app.py", "nothing.js", "console.html/..", "",
                                  "console.html", "docs.html"])  # fmt: skip
async def test_no_other_file_can_be_reached(ask, file):
    response = await ask("console/assets/{file}", file=file)
    assert response.status_code == 404
    assert json.loads(response.get_body())["error"]["code"] == "unknown_file"


def test_the_scripts_write_texts_and_never_markup():
    for name in FILES:
        text = (console_blueprint.FOLDER / name).read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert len(text.splitlines()) <= 150, name


async def test_docs_says_what_is_missing_where_the_viewer_is_not_installed(ask, monkeypatch):
    monkeypatch.setattr(api_viewer, "PACKAGE", "no_such_package")
    response = await ask("docs")
    assert response.status_code == 501
    message = json.loads(response.get_body())["error"]["message"]
    assert "pip install mkdocs-swagger-ui-tag" in message
    assert (await ask("docs/assets/{file}", file="swagger-ui.css")).status_code == 404


async def test_the_viewer_brings_its_files_along(ask):
    for file in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert (await ask("docs/assets/{file}", file=file)).status_code == 200


async def test_the_page_is_told_of_a_model_that_is_loading(ask):
    about = json.loads((await ask("console/model")).get_body())
    assert (about["form"], about["model"]["name"]) == (None, "sum")


async def test_the_form_is_made_once_for_each_loaded_model_and_not_on_the_event_loop(
    ask, scorer, monkeypatch
):
    await scorer.script()
    threads = []
    real = model_description.describe_form
    monkeypatch.setattr(
        model_description,
        "describe_form",
        lambda script: threads.append(threading.current_thread()) or real(script),
    )
    answers = await asyncio.gather(*(ask("console/model") for _ in range(3)))
    assert len({answer.get_body() for answer in answers}) == 1
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


async def test_the_page_learns_what_it_needs_of_a_model(ask, scorer):
    await scorer.script()
    about = json.loads((await ask("console/model")).get_body())
    assert about["model"]["status"] == "ok"
    assert about["limits"] == {"body_bytes": 300_000, "rows": 50_000}
    assert about["triggers"] == ["http", "blob", "servicebus"]
    assert len(about["form"]["columns"]) == 3


@pytest.mark.parametrize("kind", documented.KINDS)
async def test_every_kind_of_model_and_script_has_a_form(documented_scorer, kind):
    scorer = await documented_scorer(kind)
    app = func.FunctionApp()
    app.register_functions(console_blueprint.blueprint(scorer, TriggerSettings(), {}))
    functions = {each.get_trigger().route: each for each in app.get_functions()}
    request = func.HttpRequest(method="GET", url="http://h/api/console/model", body=b"")
    response = await functions["console/model"].get_user_function()(request)
    form = json.loads(response.get_body())["form"]
    assert (form["kind"] == "body") == (kind in documented.SCRIPTS)
