"""The format of a blob. The ending of its name counts before its content type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from azure.storage.blob import BlobProperties

from inference.errors import UnsupportedType
from inference.rows import media_types
from inference.rows.content_encoding import (
    CONTENT_TYPES,
    ENDINGS,
    parse_encoding,
    split_ending,
)
from inference.rows.decompression import decompress
from inference.rows.text_options import with_options

#: Uploads rarely set the content type.
FORMATS_BY_SUFFIX = {
    ".json": media_types.JSON,
    ".csv": media_types.CSV,
    ".npy": media_types.NPY,
    ".jsonl": media_types.JSON_LINES,
    ".ndjson": media_types.JSON_LINES,
    ".parquet": media_types.PARQUET,
    ".arrow": media_types.ARROW_FILE,
    ".feather": media_types.ARROW_FILE,
    ".arrows": media_types.ARROW,
}
#: Also of compressed files. Their names' endings say it already.
_COMPRESSED = (*CONTENT_TYPES.values(), "application/x-gzip", "application/x-zstd")


@dataclass(frozen=True, slots=True)
class BlobFormat:
    """How a blob is written."""

    #: With the options of a text, from the blob's own content type and its metadata.
    content_type: str
    #: The compressions to undo, in order.
    encodings: tuple[str, ...] = ()
    #: The compression that the name's ending says. The output has it too.
    ending: str = ""

    def decompress(self, stream: BinaryIO) -> BinaryIO:
        """The blob's rows. Reading them raises MalformedInput."""
        for encoding in self.encodings:
            stream = decompress(stream, encoding)
        return stream

    def output_type(self, content_type: str) -> str:
        """The content type of an output that is `content_type` before compression."""
        return CONTENT_TYPES.get(self.ending, content_type)


def raw_format_of(properties: BlobProperties) -> BlobFormat:
    """For a script that takes any bytes: it gets them as they are stored."""
    suffix = PurePosixPath(properties.name).suffix.lower()
    return BlobFormat(FORMATS_BY_SUFFIX.get(suffix) or _content_type(properties))


def format_of(properties: BlobProperties) -> BlobFormat:
    """The format of a blob that holds rows. Raises UnsupportedType."""
    content_type = _content_type(properties)
    name, ending = split_ending(properties.name)
    suffix = PurePosixPath(name).suffix.lower()
    shown = f"*{suffix}{properties.name[len(name) :].lower()}"
    form = FORMATS_BY_SUFFIX.get(suffix) or _declared_format(shown, content_type, ending)
    if ending and form == media_types.PARQUET:
        raise UnsupportedType(
            got=shown,
            supported=("*.parquet",),
            why="is not read, because Parquet compresses its columns itself",
            what="format",
        )
    encoding = parse_encoding(properties.content_settings.content_encoding or "")
    # Tools that see the ending set the header too, for bytes that are compressed once.
    encodings = tuple(each for each in dict.fromkeys((encoding, ending)) if each)
    metadata = {key.lower(): value for key, value in (properties.metadata or {}).items()}
    return BlobFormat(with_options(form, content_type, metadata), encodings, ending)


def _content_type(properties: BlobProperties) -> str:
    return properties.content_settings.content_type or ""


def _declared_format(shown: str, content_type: str, ending: str) -> str:
    """The format by the content type. Raises UnsupportedType. `shown`: the name's ending."""
    is_untold = media_types.is_untold(content_type)
    is_untold |= bool(ending) and media_types.essence(content_type) in _COMPRESSED
    if is_untold and shown != "*":
        supported = tuple(FORMATS_BY_SUFFIX)
        if ending:
            supported = tuple(form + packed for form in (".csv", ".jsonl") for packed in ENDINGS)
        raise UnsupportedType(got=shown, supported=supported)
    return media_types.format_of(content_type, b"")
