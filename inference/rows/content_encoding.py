"""Names of compressions: in the header `Content-Encoding`, and at the end of a file's name."""

from __future__ import annotations

from inference.errors import UnsupportedType

SUPPORTED = ("gzip", "deflate", "zstd")
#: Of names, in lower case.
ENDINGS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
#: The content type of a compressed file.
CONTENT_TYPES = {"gzip": "application/gzip", "zstd": "application/zstd"}
#: Endings of compressions that are refused by name.
_OTHER_ENDINGS = (".br", ".bz2", ".lz4", ".xz", ".z", ".zip", ".7z")

#: Names of RFC 9110, 8.4.1, that say the same as others, or nothing.
_ALIASES = {"x-gzip": "gzip", "identity": "", "": ""}


def parse_encoding(header: str) -> str:
    """One of SUPPORTED, or "" for content that is not compressed. Raises UnsupportedType."""
    names = [name.strip().lower() for name in header.split(",")]
    found = [plain for name in names if (plain := _ALIASES.get(name, name))]
    if not found:
        return ""
    if len(found) > 1 or found[0] not in SUPPORTED:
        raise UnsupportedType(
            got=header.strip().lower()[:40], supported=SUPPORTED, what="content encoding"
        )
    return found[0]


def split_ending(name: str) -> tuple[str, str]:
    """A name without the ending of a compression, and the compression, or "".

    Raises UnsupportedType for the ending of another compression.
    """
    stem, dot, ending = name.rpartition(".")
    ending = dot + ending.lower()
    if ending in _OTHER_ENDINGS:
        raise UnsupportedType(got=f"*{ending}", supported=tuple(ENDINGS), what="compression")
    encoding = ENDINGS.get(ending, "")
    return (stem, encoding) if encoding else (name, "")
