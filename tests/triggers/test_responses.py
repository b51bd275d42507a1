"""triggers.responses.Response stands in for Microsoft's class. These fail when that one changes."""

import azure.functions as func
import pytest
from azure.functions.http import HttpResponseConverter

from triggers import responses


def members(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("__")}


def test_every_member_of_microsofts_class_is_replaced():
    replaced = members(responses.Response)
    assert members(func.HttpResponse) - replaced == {"_HttpResponse__set_body"}


def test_its_constructor_sets_nothing_that_the_members_do_not_return():
    own = vars(func.HttpResponse(b"[1]", status_code=201, mimetype="text/csv", charset="utf-8"))
    assert {name.removeprefix("_HttpResponse__") for name in own} == {
        "status_code", "mimetype", "charset", "headers", "body",
    }  # fmt: skip


@pytest.mark.parametrize("status", [200, 422, 503])
@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("application/json", "application/json"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/plain; version=0.0.4", "text/plain; version=0.0.4"),
    ],
)
def test_the_platform_encodes_it_as_microsofts_own(status, kind, sent):
    ours = responses.body(status, b"[1]", {"x-cache": "hit"}, kind=kind)
    theirs = func.HttpResponse(
        b"[1]", status_code=status, headers={"content-type": sent, "x-cache": "hit"}
    )
    assert encoded(ours) == encoded(theirs)


def encoded(response: func.HttpResponse) -> object:
    """What the platform's own converter sends of a response."""
    datum = HttpResponseConverter.encode(response, expected_type=None)
    value = dict(datum.value)
    headers = {name: header.value for name, header in value.pop("headers").items()}
    cookies = value.pop("cookies")
    return headers, cookies, {name: (part.type, part.value) for name, part in value.items()}
