"""Routes of HTTP functions: ASP.NET's templates, in ASP.NET's order of precedence.

Python's routers (starlette's, werkzeug's) have other templates: no `{id:int?}`, no `{**rest}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from local.host.app.bindings import Function, HttpTrigger
from local.host.errors import HostError

_PARAMETER = re.compile(r"\{(\*{0,2})(\w+)(?::(\w+))?(\?)?\}")

#: The constraints that can stand after a parameter's name.
CONSTRAINTS = {
    "alpha": "[A-Za-z]+",
    "bool": "(?i:true|false)",
    "guid": "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "int": r"-?\d+",
    "long": r"-?\d+",
}

#: The methods of a function that names none.
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")

#: Routes that begin with this, after the prefix, are health checks.
HEALTH = "health/"

_ENCODED_SLASH = re.compile("(%2f)", re.IGNORECASE)


@dataclass(frozen=True)
class Route:
    """The route of one function."""

    function: Function
    trigger: HttpTrigger
    #: With the prefix, for display.
    template: str
    expression: re.Pattern[str]
    #: Per segment: 0 literal, 1 constrained parameter, 2 parameter, 3 catch-all. Lowest first.
    precedence: tuple[int, ...]

    @cached_property
    def is_health(self) -> bool:
        """Health checks are answered whatever the load is."""
        return self.trigger.route.strip("/").lower().startswith(HEALTH)


class Routes:
    """Finds a request's function by its method and path."""

    def __init__(self, functions: Iterable[Function], *, prefix: str) -> None:
        self.all = tuple(
            sorted(
                (
                    _route(function, function.trigger, prefix)
                    for function in functions
                    if isinstance(function.trigger, HttpTrigger)
                ),
                key=lambda route: route.precedence,
            )
        )
        # Most requests have a route without parameters, spelt as in its function: a dict lookup.
        self._literal_routes = {
            (method, f"/{route.template}"): self._search(method, f"/{route.template}")
            for route in self.all
            if not any(route.precedence)
            for method in route.trigger.methods or _METHODS
        }

    def __repr__(self) -> str:
        return f"<Routes {' '.join(route.template for route in self.all)}>"

    def find(self, method: str, raw_path: str) -> tuple[Route, Mapping[str, str]] | None:
        """The first route that matches, and its parameters.

        `raw_path` is percent-encoded. An encoded slash stays encoded, as in Kestrel.
        """
        return self._literal_routes.get((method, raw_path)) or self._search(method, raw_path)

    def _search(self, method: str, raw_path: str) -> tuple[Route, Mapping[str, str]] | None:
        path = decode(raw_path).strip("/")
        for route in self.all:
            if route.trigger.methods and method not in route.trigger.methods:
                continue
            if found := route.expression.fullmatch(path):
                return route, {
                    name: value for name, value in found.groupdict().items() if value is not None
                }
        return None


def decode(raw_path: str) -> str:
    """Percent-decode everything but slashes."""
    if "%" not in raw_path:
        return raw_path
    parts = _ENCODED_SLASH.split(raw_path)
    return "".join(part if _ENCODED_SLASH.fullmatch(part) else unquote(part) for part in parts)


def _route(function: Function, trigger: HttpTrigger, prefix: str) -> Route:
    template = "/".join(part for part in (prefix, trigger.route.strip("/")) if part)
    expression, precedence = "", list[int]()
    for number, segment in enumerate(template.split("/")):
        text, rank = _segment(function, segment)
        optional = segment.endswith("?}") or rank == 3
        slash = "/" if number else ""
        expression += f"(?:{slash}{text})?" if optional else f"{slash}{text}"
        precedence.append(rank)
    return Route(
        function=function,
        trigger=trigger,
        template=template,
        expression=re.compile(expression),
        precedence=tuple(precedence),
    )


def _segment(function: Function, segment: str) -> tuple[str, int]:
    """A segment's regular expression and precedence. Literals match in any case."""
    expression, end, rank = "", 0, 0
    for match in _PARAMETER.finditer(segment):
        stars, name, constraint, _ = match.groups()
        if constraint and constraint not in CONSTRAINTS:
            raise HostError(
                f"function {function.name}: unknown route constraint {constraint!r}, "
                f"expected one of {', '.join(CONSTRAINTS)}"
            )
        value = "(?s:.*)" if stars else CONSTRAINTS.get(constraint or "", "[^/]+")
        rank = max(rank, 3 if stars else 1 if constraint else 2)
        expression += _literal(segment[end : match.start()]) + f"(?P<{name}>{value})"
        end = match.end()
    rest = segment[end:]
    if "{" in rest or "}" in rest:
        raise HostError(f"function {function.name}: unbalanced braces in route part {segment!r}")
    return expression + _literal(rest), rank


def _literal(text: str) -> str:
    return f"(?i:{re.escape(text)})" if text else ""
