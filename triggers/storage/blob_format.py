"""The format of a blob. The ending of its name counts before its content type."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from inference.rows.file_formats import FileFormat
from inference.rows.output_options import AS_IT_CAME, OutputOptions
from inference.rows.text_options import with_options
from triggers.blob_options import NO_OPTIONS, BlobOptions

#: Also of compressed files. Their names' endings say it already.
_COMPRESSED = (*CONTENT_TYPES.values(), "application/x-gzip", "application/x-zstd")


#: A text of no more bytes is read on the event loop, in 3 ms at most.
QUICK_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class BlobFormat:
    """How a blob is written."""

    #: With the options of a text, from the blob's own content type and its metadata.
    content_type: str
    #: The compressions to undo, in order.
    encodings: tuple[str, ...] = ()
    #: The compression that the name's ending says. The output has it too, unless it has a format of
    #: its own.
    ending: str = ""
    output: OutputOptions = AS_IT_CAME
    #: None: as the input.
    output_format: FileFormat | None = None

    def decompress(self, stream: BinaryIO) -> BinaryIO:
        """The blob's rows. Reading them raises MalformedInput."""
        for encoding in self.encodings:
            stream = decompress(stream, encoding)
        return stream

    def is_quick(self, size: int) -> bool:
        """Whether a blob of so many bytes can be read and written on the event loop."""
        is_text = media_types.essence(self.content_type) in media_types.TEXTS
        return size <= QUICK_BYTES and is_text and not (self.encodings or self.output_format)

    @property
    def output_encoding(self) -> str:
        """The compression of the output."""
        return self.output_format.encoding if self.output_format else self.ending

    def output_type(self, content_type: str) -> str:
        """The content type of an output that is `content_type` before compression."""
        return CONTENT_TYPES.get(self.output_encoding, content_type)

    def output_ending(self, name: str) -> str:
        """What the output's name has behind the blob's: nothing if it ends as its format does."""
        form = self.output_format
        return "" if form is None or form.names(name) else form.ending


def format_for(properties: BlobProperties, options: BlobOptions, *, reads_rows: bool) -> BlobFormat:
    """As format_of for a script that reads rows, else as raw_format_of. Raises CallerError."""
    return format_of(properties, options) if reads_rows else raw_format_of(properties)


def raw_format_of(properties: BlobProperties) -> BlobFormat:
    """For a script that takes any bytes: it gets them as they are stored."""
    suffix = PurePosixPath(properties.name).suffix.lower()
    return BlobFormat(media_types.BY_ENDING.get(suffix) or _content_type(properties))


def format_of(properties: BlobProperties, options: BlobOptions = NO_OPTIONS) -> BlobFormat:
    """The formats of a blob that holds rows, and of its output. Raises CallerError.

    `options`: what the settings say of every blob.
    """
    content_type = _content_type(properties)
    name, ending = split_ending(properties.name)
    suffix = PurePosixPath(name).suffix.lower()
    shown = f"*{suffix}{properties.name[len(name) :].lower()}"
    form = media_types.BY_ENDING.get(suffix) or _declared_format(shown, content_type, ending)
    if ending and form == media_types.PARQUET:
        raise UnsupportedType(
            got=shown,
            supported=("*.parquet",),
            why="is not read, because Parquet compresses its columns itself",
            what="format",
        )
    encodings = encodings_of(properties)
    metadata = metadata_of(properties)
    options = options.overridden(metadata)
    output = replace(options.columns, form=options.format.form if options.format else "")
    content_type = with_options(form, content_type, metadata)
    return BlobFormat(content_type, encodings, ending, output, options.format)


def encodings_of(properties: BlobProperties) -> tuple[str, ...]:
    """The compressions to undo, in order. Raises UnsupportedType."""
    ending = split_ending(properties.name)[1]
    encoding = parse_encoding(properties.content_settings.content_encoding or "")
    # Tools that see the ending set the header too, for bytes that are compressed once.
    return tuple(each for each in dict.fromkeys((encoding, ending)) if each)


def metadata_of(properties: BlobProperties) -> dict[str, str]:
    """By lower-case name."""
    return {key.lower(): text for key, text in (properties.metadata or {}).items()}


def headers_of(properties: BlobProperties) -> dict[str, str]:
    """What a script sees of a blob. The metadata has the storage service's own names."""
    encoding = properties.content_settings.content_encoding
    return {
        "x-blob-name": f"{properties.container}/{properties.name}",
        "x-blob-etag": str(properties.etag),
        **({"content-encoding": encoding} if encoding else {}),
        **{f"x-ms-meta-{key}": text for key, text in metadata_of(properties).items()},
    }


def _content_type(properties: BlobProperties) -> str:
    return properties.content_settings.content_type or ""


def _declared_format(shown: str, content_type: str, ending: str) -> str:
    """The format by the content type. Raises UnsupportedType. `shown`: the name's ending."""
    is_untold = media_types.is_untold(content_type)
    is_untold |= bool(ending) and media_types.essence(content_type) in _COMPRESSED
    if is_untold and shown != "*":
        supported = tuple(media_types.BY_ENDING)
        if ending:
            supported = tuple(form + packed for form in (".csv", ".jsonl") for packed in ENDINGS)
        raise UnsupportedType(got=shown, supported=supported)
    return media_types.format_of(content_type, b"")
