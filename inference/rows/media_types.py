"""Content types: the format of a body, and the format of the answer."""

from __future__ import annotations

from functools import lru_cache

from inference.errors import UnacceptableAnswer, UnsupportedType

JSON = "application/json"
JSON_LINES = "application/jsonl"
CSV = "text/csv"
NPY = "application/x-npy"
PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"

FORMATS = (JSON, CSV, NPY, JSON_LINES, PARQUET, ARROW, ARROW_FILE)
TEXTS = (JSON, JSON_LINES, CSV)
#: These need pyarrow, which is imported when the first one comes.
COLUMNAR = (PARQUET, ARROW, ARROW_FILE)

#: By the ending of a file's name, in lower case.
BY_ENDING = {
    ".json": JSON,
    ".csv": CSV,
    ".npy": NPY,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".parquet": PARQUET,
    ".arrow": ARROW_FILE,
    ".feather": ARROW_FILE,
    ".arrows": ARROW,
}

_ALIASES = {
    "text/json": JSON,
    "application/csv": CSV,
    "application/npy": NPY,
    "application/x-ndjson": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    "application/parquet": PARQUET,
    "application/x-parquet": PARQUET,
    "application/arrow": ARROW,
    "application/x-apache-arrow-stream": ARROW,
    "application/x-apache-arrow-file": ARROW_FILE,
}
#: Types that say nothing about the format; the body's first bytes decide. The last one is curl's
#: default.
_UNTOLD = (
    "",
    "application/octet-stream",
    "text/plain",
    "application/x-www-form-urlencoded",
)
#: First bytes by which a body is recognised. No JSON begins with them.
_MAGIC = {b"\x93NUMPY": NPY, b"PAR1": PARQUET, b"\xff\xff\xff\xff": ARROW, b"ARROW1": ARROW_FILE}


@lru_cache(128)  # callers send few different ones
def essence(content_type: str) -> str:
    """The type in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def type_of_output(form: str) -> str:
    """The content type of what the app writes in one of FORMATS. JSON is UTF-8 by its standard."""
    return f"{form}; charset=utf-8" if form == CSV else form


def is_untold(content_type: str) -> bool:
    """Whether a content type says nothing about the format."""
    return essence(content_type) in _UNTOLD


def format_of(content_type: str, body: bytes) -> str:
    """The format of a body, one of FORMATS. Raises UnsupportedType."""
    form = known_format(content_type, body)
    if form is None:
        raise UnsupportedType(got=essence(content_type), supported=FORMATS)
    return form


def known_format(content_type: str, body: bytes) -> str | None:
    """As format_of, but None for any other format."""
    kind = essence(content_type)
    if kind in _UNTOLD:
        return next((form for magic, form in _MAGIC.items() if body.startswith(magic)), JSON)
    kind = _ALIASES.get(kind, kind)
    return kind if kind in FORMATS else None


def negotiate(accept: str) -> str:
    """The best of FORMATS that the header `accept` allows; JSON among equals."""
    if not accept or accept == "*/*":
        return JSON
    ranked: list[tuple[float, int, str]] = []
    for position, item in enumerate(accept.split(",")):
        kind = essence(item)
        if chosen := _match(_ALIASES.get(kind, kind)):
            ranked.append((-_quality(item), position, chosen))
    ranked = [choice for choice in ranked if choice[0] < 0]
    if not ranked:
        raise UnacceptableAnswer(got=accept[:100], supported=FORMATS)
    return min(ranked)[2]


def _match(kind: str) -> str | None:
    if kind in FORMATS:
        return kind
    return {"*/*": JSON, "application/*": JSON, "text/*": CSV}.get(kind)


def _quality(item: str) -> float:
    for parameter in item.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
