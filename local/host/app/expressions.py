"""Binding expressions: `%Setting%`, replaced at start, and `{name}`, at each invocation."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from local.host.errors import BindingFailed, HostError

_SETTING = re.compile(r"%([^%]+)%")
_NAME = re.compile(r"\{([^{}]+)\}")


class UnknownExpression(BindingFailed):
    """A path refers to a value that the trigger does not provide."""


def resolve_settings(text: str, env: Mapping[str, str], *, where: str) -> str:
    """Replace each `%Name%` by the setting's value. Raises HostError for a missing setting."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in env:
            raise HostError(f"{where}: %{name}% refers to a missing app setting; set {name}")
        return env[name]

    return _SETTING.sub(value, text)


def has_expression(path: str) -> bool:
    return _NAME.search(path) is not None


def render(path: str, values: Mapping[str, str]) -> str:
    """Replace each `{name}` in `path`. `{rand-guid}` and `{DateTime}` are always available.

    Raises UnknownExpression.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in values:
            return values[name]
        match name.lower():
            case "rand-guid":
                return str(uuid.uuid4())
            case "datetime":
                return datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        raise UnknownExpression(f"path {path!r}: the trigger provides no value {name!r}")

    return _NAME.sub(value, path)


@dataclass(frozen=True)
class BlobPattern:
    """A blob trigger's path: a container and a pattern of blob names.

    As in Azure, placeholders are greedy, so `{name}.{ext}` splits at the last dot, and they match
    slashes. A path without a pattern matches every blob of the container.
    """

    container: str
    names: re.Pattern[str]

    @classmethod
    def parse(cls, path: str) -> BlobPattern:
        """Raises HostError."""
        container, _, pattern = path.partition("/")
        expression, end, seen = "", 0, set[str]()
        for match in _NAME.finditer(pattern):
            if not match[1].isidentifier() or match[1] in seen:
                raise HostError(f"blob path {path!r}: {match[0]} is not a name, or occurs twice")
            seen.add(match[1])
            expression += re.escape(pattern[end : match.start()]) + f"(?P<{match[1]}>.+)"
            end = match.end()
        expression += re.escape(pattern[end:])
        return cls(container, re.compile(expression or ".+", re.DOTALL))

    def match(self, blob: str) -> dict[str, str] | None:
        """The placeholders' values; None if the name does not match."""
        found = self.names.fullmatch(blob)
        return found and found.groupdict()
