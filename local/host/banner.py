"""What is printed when the host is up: the functions and where they listen."""

from __future__ import annotations

from collections.abc import Iterable

from local.host.app.bindings import BlobTrigger, Function, HttpTrigger, ServiceBusTrigger
from local.host.http_listener.routes import Routes


def text(functions: Iterable[Function], routes: Routes, address: str) -> str:
    """A line a function, as `func start` prints them."""
    templates = {route.function.name: route.template for route in routes.all}
    lines = [
        f"  {function.name}: {_where(function, templates, address)}"
        for function in sorted(functions, key=lambda function: function.name)
    ]
    return "\n".join(["", "Functions:", "", *lines, ""])


def _where(function: Function, templates: dict[str, str], address: str) -> str:
    match function.trigger:
        case HttpTrigger(methods=methods):
            names = ",".join(sorted(methods)) or "ANY"
            return f"[{names}] {address}/{templates[function.name]}"
        case BlobTrigger(path=path):
            return f"[BLOB] {path}"
        case ServiceBusTrigger(queue=queue, many=many):
            return f"[QUEUE] {queue}{' (batches)' if many else ''}"
