"""`Name=value;Name=value`, as Azure's portal shows connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

#: From a value, what to write in its place; nothing where it can work.
type Check = Callable[[str], Iterator[str]]


def parts(text: str) -> Mapping[str, str] | None:
    """Each value by its name in lower case; None for a text that is no such list."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(";")):
        name, equals, value = part.partition("=")
        # A key alone ends in an equals sign, and an address with a signature has some, too.
        if not (equals and name.isalpha()):
            return None
        found[name.lower()] = value
    return found
