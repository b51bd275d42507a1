"""In which format a blob is written: a name's ending says more than a content type."""

from __future__ import annotations

from pathlib import PurePosixPath

from azure.storage.blob import BlobProperties

from inference.errors import UnsupportedType
from inference.rows import media_types

#: Uploads rarely set a content type.
FORMATS_BY_SUFFIX = {
    ".json": media_types.JSON,
    ".csv": media_types.CSV,
    ".npy": media_types.NPY,
    ".jsonl": media_types.JSON_LINES,
    ".ndjson": media_types.JSON_LINES,
    ".parquet": media_types.PARQUET,
    ".arrow": media_types.ARROW,
    ".arrows": media_types.ARROW,
}


def type_of(properties: BlobProperties) -> str:
    """For a script that takes any bytes: what the name says, else what the upload said."""
    suffix = PurePosixPath(properties.name).suffix.lower()
    return FORMATS_BY_SUFFIX.get(suffix) or properties.content_settings.content_type or ""


def format_of(properties: BlobProperties) -> str:
    """One of media_types.FORMATS. Raises UnsupportedType."""
    suffix = PurePosixPath(properties.name).suffix.lower()
    if known := FORMATS_BY_SUFFIX.get(suffix):
        return known
    told = properties.content_settings.content_type or ""
    if suffix and media_types.is_untold(told):
        raise UnsupportedType(got=f"*{suffix}", supported=tuple(FORMATS_BY_SUFFIX))
    return media_types.format_of(told, b"")
