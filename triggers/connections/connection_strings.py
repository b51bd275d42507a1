"""Connection strings: `Name=value;Name=value`, as the Azure portal shows them.

A check takes a setting's value and yields what was expected; it yields nothing if the value can
work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

type Check = Callable[[str], Iterator[str]]

#: Characters that come along when a value is copied from a page or a shell.
_COPIED_ALONG = " \t\r\n\"'`"
#: The platform leaves this in a setting whose Key Vault reference it could not resolve.
_REFERENCE = "@microsoft.keyvault("


def parse(text: str) -> Mapping[str, str] | None:
    """The values by their lower-case names; None if the text is not a connection string."""
    values: dict[str, str] = {}
    for part in filter(None, text.split(";")):
        name, equals, value = part.partition("=")
        # An account key alone ends in an equals sign, and an address with a signature has some.
        if not (equals and name.isalpha()):
            return None
        values[name.lower()] = value
    return values


def check_copied(text: str) -> Iterator[str]:
    """The check of any value, before that of its own form."""
    if text.strip(_COPIED_ALONG) != text:
        yield "the value alone: take away the spaces, line ends or quotes around it"
    elif text.lower().startswith(_REFERENCE):
        yield (
            "the value that its Key Vault reference stands for, and the reference was not resolved:"
            " in Azure the portal shows why (the secret's name, the identity's role); elsewhere set"
            " the value itself"
        )
