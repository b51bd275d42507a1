"""A blob's trigger metadata, as the real host passes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from azure.storage.blob import BlobProperties

from local.host.app.protos import TypedData


def metadata(blob: BlobProperties, uri: str, values: Mapping[str, str]) -> dict[str, TypedData]:
    """`values` are those of the placeholders in the trigger's path."""
    return {
        "BlobTrigger": TypedData(string=f"{blob.container}/{blob.name}"),
        "Uri": TypedData(json=json.dumps(uri)),
        "Properties": TypedData(json=json.dumps(_properties(blob))),
        "Metadata": TypedData(json=json.dumps(dict(blob.metadata or {}))),
        **{name: TypedData(string=value) for name, value in values.items()},
    }


def _properties(blob: BlobProperties) -> dict[str, object]:
    """Under .NET's names."""
    content = blob.content_settings
    return {
        "LastModified": _time(blob.last_modified),
        "CreatedOn": _time(blob.creation_time),
        "BlobType": 0,
        "ContentLength": blob.size,
        "ContentType": content.content_type,
        "ContentEncoding": content.content_encoding,
        "ContentLanguage": content.content_language,
        "ContentDisposition": content.content_disposition,
        "CacheControl": content.cache_control,
        "ETag": f'"{blob.etag.strip(chr(34))}"',
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
