"""What the host prints once it serves: each function and where it listens, like `func start`."""

from __future__ import annotations

from collections.abc import Iterable

from local.host.app.bindings import BlobTrigger, Function, HttpTrigger, ServiceBusTrigger
from local.host.http_listener.routes import Routes


def render(functions: Iterable[Function], routes: Routes, address: str) -> str:
    templates = {route.function.name: route.template for route in routes.all}
    lines = [
        f"  {function.name}: {_source(function, templates, address)}"
        for function in sorted(functions, key=lambda function: function.name)
    ]
    return "\n".join(["", "Functions:", "", *lines, ""])


def _source(function: Function, templates: dict[str, str], address: str) -> str:
    match function.trigger:
        case HttpTrigger(methods=methods):
            names = ",".join(sorted(methods)) or "ANY"
            return f"[{names}] {address}/{templates[function.name]}"
        case BlobTrigger(path=path):
            return f"[BLOB] {path}"
        case ServiceBusTrigger(entity=entity, many=many, has_sessions=has_sessions):
            how = [*(["batches"] if many else []), *(["sessions"] if has_sessions else [])]
            return f"[QUEUE] {entity}{f' ({", ".join(how)})' if how else ''}"
