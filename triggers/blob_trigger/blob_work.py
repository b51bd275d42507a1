"""What one call of the platform scores: a version of a blob, and what its metadata asks for."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

from inference.error_threshold import ErrorThreshold
from inference.errors import CallerError, MalformedInput
from inference.request import Request
from triggers.blob_trigger.blob_attempts import BlobVersion
from triggers.blob_trigger.blob_output import BlobOutput
from triggers.statuses import MAX_ID
from triggers.storage.blob_format import headers_of

#: Names of metadata. Azure allows only identifiers, so `x-request-id` can't be one.
REQUEST_ID, ERROR_THRESHOLD = "request_id", "error_threshold"


@dataclass(frozen=True, slots=True)
class BlobWork:
    """`request` is the one of the result document; its body is not the blob's."""

    version: BlobVersion
    request: Request
    properties: BlobProperties
    source: BlobClient
    output: BlobOutput
    #: By the metadata; None: by the setting.
    threshold: ErrorThreshold | None
    #: What is wrong with the metadata.
    error: CallerError | None

    @classmethod
    def of(
        cls, source: BlobClient, container: ContainerClient, properties: BlobProperties
    ) -> BlobWork:
        metadata = {key.lower(): text for key, text in (properties.metadata or {}).items()}
        threshold, error = None, None
        request_id = metadata.get(REQUEST_ID, "")
        try:
            _require_short(request_id)
            if text := metadata.get(ERROR_THRESHOLD):
                threshold = _threshold(text)
        except CallerError as refused:
            error = refused
        version = _version_of(properties, request_id[:MAX_ID] if error is None else "")
        return cls(
            version=version,
            request=version.request(headers_of(properties)),
            properties=properties,
            source=source,
            output=BlobOutput(container, properties.name),
            threshold=threshold,
            error=error,
        )

    @property
    def modified_at(self) -> float:
        """When this version was written, in seconds since 1970; 0: not known."""
        modified = self.properties.last_modified
        return modified.timestamp() if modified else 0.0

    @property
    def subject(self) -> str:
        """For log lines."""
        return f"request {self.request.id!r} (blob {self.properties.name!r})"

    def request_for(self, content_type: str) -> Request:
        """The request that the core gets."""
        return self.request.with_body(b"").with_content_type(content_type)


def _version_of(properties: BlobProperties, request_id: str) -> BlobVersion:
    name = f"{properties.container}/{properties.name}"
    return BlobVersion(
        id=hashlib.sha256(f"{name}\n{properties.etag}".encode()).hexdigest()[:32],
        container=properties.container,
        name=properties.name,
        etag=properties.etag,
        received_at=time.time(),
        request_id=request_id,
    )


def _require_short(request_id: str) -> None:
    if len(request_id) > MAX_ID:
        raise MalformedInput(
            f"{REQUEST_ID} in the blob's metadata: expected at most {MAX_ID} characters,"
            f" got {len(request_id):,}"
        )


def _threshold(text: str) -> ErrorThreshold:
    try:
        return ErrorThreshold.parse(text)
    except ValueError as error:
        raise MalformedInput(f"{ERROR_THRESHOLD} in the blob's metadata: {error}") from error
