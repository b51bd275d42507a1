"""Binding expressions: `%Setting%` once at the start, `{name}` at each invocation."""

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
    """A path asks for a value that the trigger does not have."""


def resolve_settings(text: str, env: Mapping[str, str], *, where: str) -> str:
    """Replace each `%Name%` by the setting's value. Raises HostError for an absent one."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in env:
            raise HostError(f"{where}: %{name}% names no app setting; set {name}")
        return env[name]

    return _SETTING.sub(value, text)


def has_expression(path: str) -> bool:
    return _NAME.search(path) is not None


def render(path: str, values: Mapping[str, str]) -> str:
    """`path` with each `{name}` replaced; `{rand-guid}` and `{DateTime}` are always there.

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
        raise UnknownExpression(f"{path!r}: the trigger has no value {name!r}")

    return _NAME.sub(value, path)


@dataclass(frozen=True)
class BlobPattern:
    """A trigger's path: which blobs of one container, and the parts of their names.

    A placeholder is as long as it can be, so that `{name}.{ext}` divides at the last dot, and may
    hold slashes, as in Azure. A path without a name takes every blob of the container.
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
                raise HostError(f"blob path {path!r}: {match[0]} is no name, or is there twice")
            seen.add(match[1])
            expression += re.escape(pattern[end : match.start()]) + f"(?P<{match[1]}>.+)"
            end = match.end()
        expression += re.escape(pattern[end:])
        return cls(container, re.compile(expression or ".+", re.DOTALL))

    def match(self, blob: str) -> dict[str, str] | None:
        """The placeholders' values, or None for a blob that is not meant."""
        found = self.names.fullmatch(blob)
        return found and found.groupdict()
