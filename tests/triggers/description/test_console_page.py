"""The console page as it is served. tests/app/test_console.py opens it in a browser."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from tests.triggers.description import documented

#: What would make a page load something, or go somewhere.
LOADING = {"src", "href", "action", "data", "formaction", "poster", "srcset", "style"}


class Elements(HTMLParser):
    """The page's elements with their attributes, and the text inside of each kind."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        self.inside[self._open] = self.inside.get(self._open, "") + data


@pytest.fixture
async def response(scorer):
    return await documented.asking(scorer)("console")


@pytest.fixture
def page(response):
    return response.get_body().decode()


async def test_the_page_is_served_whole_and_revalidated(response, page):
    assert (response.status_code, response.headers["content-type"]) == (
        200, "text/html; charset=utf-8",
    )  # fmt: skip
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")


async def test_its_policy_allows_its_own_script_and_style_and_the_app_alone(response, page):
    policy = dict(
        rule.split(" ", 1) for rule in response.headers["content-security-policy"].split("; ")
    )
    for kind in ("script", "style"):
        (_, own), *others = [each for each in Elements(page).found if each[0] == kind]
        assert (own, others) == ({}, [])
        digest = hashlib.sha256(Elements(page).inside[kind].encode()).digest()
        assert policy.pop(f"{kind}-src") == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert policy.pop("connect-src") == "'self'"
    assert set(policy.values()) == {"'none'"}
    assert set(policy) == {"default-src", "base-uri", "form-action", "frame-ancestors"}


async def test_the_page_names_no_other_host(page):
    elements = Elements(page).found
    attributes = {name for _, attributes in elements for name in attributes}
    assert not attributes & LOADING
    assert not {name for name in attributes if name.startswith("on")}
    assert "//" not in re.sub(r"  // .*", "", page)
    asked = re.findall(r"fetch\((.*?)[,)]", page)
    assert sorted(asked) == ['base + "health/ready"', 'base + "openapi.json"', 'base + "score"']


async def test_every_control_has_a_label(page):
    elements = Elements(page).found
    labelled = {attributes.get("for") for tag, attributes in elements if tag == "label"}
    controls = {
        attributes["id"] for tag, attributes in elements if tag in ("input", "select", "textarea")
    }
    assert controls == labelled == {"body", "type", "key"}
