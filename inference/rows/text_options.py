"""What a content type says of a text beside its format: charset, header line, delimiter.

Written as in `text/csv; charset=latin-1; header=absent; delimiter=";"` (RFC 9110, 5.6.6).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from inference.errors import MalformedInput
from inference.rows import charsets

#: The parameters that are read. Others are ignored.
NAMES = ("charset", "header", "delimiter")

_PARAMETER = re.compile(r""";\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))""")
#: `"\t"` stays as it is: it means a tab, though RFC 9110 would make it the letter t.
_ESCAPED = re.compile(r"\\([^t])")
_DELIMITER = re.compile(r"[\t !#-/:-@\[-`{-~]")  # ASCII without letters, digits, quotes, line ends
_TABS = ("tab", "\\t", "\t")
_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How a text is written; None where the content type does not say."""

    #: The name of a Python codec, never UTF-8's. None: UTF-8. A byte order mark counts before it.
    charset: str | None = None
    #: Whether the first line names the columns.
    header: bool | None = None
    #: Between the cells of a line: one ASCII character.
    delimiter: str | None = None


UNSAID = TextOptions()


@lru_cache(128)  # callers send few different ones
def options_of(content_type: str) -> TextOptions:
    """Raises UnsupportedType for an unknown charset, MalformedInput for another unknown value."""
    if ";" not in content_type:
        return UNSAID
    said = _parameters(content_type)
    return TextOptions(
        charset=charsets.find_charset(said["charset"]) if "charset" in said else None,
        header=_header(said["header"]) if "header" in said else None,
        delimiter=_delimiter(said["delimiter"]) if "delimiter" in said else None,
    )


def with_options(form: str, content_type: str, metadata: Mapping[str, str]) -> str:
    """The content type `form` with the options that `content_type` has, and `metadata` overrides.

    `metadata`: by lower-case name; it may have any of NAMES.
    """
    said = _parameters(content_type)
    said |= {name: metadata[name] for name in NAMES if name in metadata}
    return form + "".join(f'; {name}="{_escape(value)}"' for name, value in said.items())


def _parameters(content_type: str) -> dict[str, str]:
    """Those of NAMES. The first one counts where a name is repeated."""
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(content_type):
        name, quoted, token = match[1].lower(), match[2], match[3]
        value = token.strip() if quoted is None else _ESCAPED.sub(r"\1", quoted)
        if name == "delimiter" and token == "" and content_type.startswith(";", match.end()):
            value = ";"  # it should be quoted, but can mean nothing else
        if name in NAMES:
            found.setdefault(name, value)
    return found


def _header(value: str) -> bool:
    match value.lower():
        case "present":
            return True
        case "absent":
            return False
        case _:
            raise MalformedInput(f'header: expected "present" or "absent", got {_show(value)}')


def _delimiter(value: str) -> str:
    if value.lower() in _TABS:
        return "\t"
    if not _DELIMITER.fullmatch(value):
        raise MalformedInput(
            'delimiter: expected "tab" or one ASCII character that is no letter, digit or quote,'
            f" got {_show(value)}"
        )
    return value


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _show(value: str) -> str:
    return json.dumps(value[:_MOST_SHOWN])
