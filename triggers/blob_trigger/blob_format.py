"""The format of a blob. The ending of its name counts before its content type."""

from __future__ import annotations

from pathlib import PurePosixPath

from azure.storage.blob import BlobProperties

from inference.errors import UnsupportedType
from inference.rows import media_types

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


def type_of(properties: BlobProperties) -> str:
    """The content type for a script that takes any bytes: by the name, else the upload's."""
    suffix = PurePosixPath(properties.name).suffix.lower()
    return FORMATS_BY_SUFFIX.get(suffix) or properties.content_settings.content_type or ""


def format_of(properties: BlobProperties) -> str:
    """One of media_types.FORMATS. Raises UnsupportedType."""
    suffix = PurePosixPath(properties.name).suffix.lower()
    if known := FORMATS_BY_SUFFIX.get(suffix):
        return known
    content_type = properties.content_settings.content_type or ""
    if suffix and media_types.is_untold(content_type):
        raise UnsupportedType(got=f"*{suffix}", supported=tuple(FORMATS_BY_SUFFIX))
    return media_types.format_of(content_type, b"")
