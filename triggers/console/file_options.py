"""How a file is written and how its output shall be: what the query of `console/files` says.

The parameters have the names that a blob's metadata have. The page sends them as they are typed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from inference.output_choice import choose
from inference.rows import text_options
from inference.rows.output_options import parse_names
from triggers import blob_options
from triggers.blob_options import DROP, FORMAT, IGNORE, KEEP, OUTPUT

#: Lists of columns.
_COLUMNS = (IGNORE, KEEP, DROP)
#: All parameters.
NAMES = (OUTPUT, FORMAT, *_COLUMNS, *text_options.NAMES)


@dataclass(frozen=True, slots=True)
class FileOptions:
    """A blob has them in its metadata and its content type."""

    metadata: Mapping[str, str]
    _text: Mapping[str, str]

    @classmethod
    def read(cls, query: Mapping[str, str]) -> FileOptions:
        """Of a query's parameters; an empty one counts as absent. Raises CallerError."""
        given = {name: query[name] for name in NAMES if query.get(name)}
        text = {name: given.pop(name) for name in text_options.NAMES if name in given}
        if OUTPUT in given:
            choose(given[OUTPUT])  # refused as over HTTP
        blob_options.NO_OPTIONS.overridden(given, place="in the query")
        for name in _COLUMNS:
            if name in given:  # metadata are headers, which hold ASCII only
                given[name] = json.dumps(parse_names(given[name]))
        if text.get("delimiter") == "\t":
            text["delimiter"] = "tab"
        options = cls(given, text)
        text_options.options_of(options.content_type("text/csv"))
        return options

    def content_type(self, kind: str) -> str:
        """`kind` with charset, header line and delimiter as its parameters."""
        return text_options.with_options(kind, "", self._text)


NO_OPTIONS = FileOptions({}, {})
