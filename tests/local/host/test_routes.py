"""A request finds its route in any spelling."""

import pytest

from local.host.app.bindings import Function, HttpTrigger
from local.host.http_listener.routes import Routes


def function(name: str, route: str, *methods: str) -> Function:
    trigger = HttpTrigger(
        name="req", route=route, methods=frozenset(methods), auth_level="anonymous"
    )
    return Function(name=name, id=name, trigger=trigger)


ROUTES = Routes(
    [
        function("catch_all", "{*rest}"),
        function("get", "Things/known", "GET"),
        function("post", "things/known", "POST"),
        function("any", "things/any"),
        function("one", "things/{name}"),
    ],
    prefix="api",
)


@pytest.mark.parametrize(
    ("method", "path", "name", "params"),
    [
        ("GET", "/api/Things/known", "get", {}),
        ("GET", "/api/things/KNOWN/", "get", {}),
        ("GET", "/api/things/%6Bnown", "get", {}),
        ("POST", "/api/things/known", "post", {}),
        ("PUT", "/api/things/known", "one", {"name": "known"}),
        ("GET", "/api/things/any", "any", {}),
        ("PROPFIND", "/api/things/any", "any", {}),
        ("GET", "/api/things/other", "one", {"name": "other"}),
        ("GET", "/api/things", "catch_all", {"rest": "things"}),
    ],
)
def test_a_path_and_a_method_select_one_function(method, path, name, params):
    route, found = ROUTES.find(method, path) or pytest.fail("no route")
    assert (route.function.name, found) == (name, params)


def test_a_path_outside_the_prefix_selects_none():
    assert ROUTES.find("GET", "/things/known") is None
