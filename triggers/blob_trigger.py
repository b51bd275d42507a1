"""The blob door: blobs of the input container to scored blobs, reports and result documents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import azure.functions as func

from inference.results import Results
from inference.scorer import Scorer
from triggers.blob_places import Place
from triggers.settings import SERVICE_BUS, STORAGE, DoorSettings

if TYPE_CHECKING:
    from triggers.blob_door import BlobDoor
    from triggers.blob_storage import BlobStorage


def blueprint(
    scorer: Scorer, results: Results, settings: DoorSettings, env: Mapping[str, str]
) -> func.Blueprint:
    """`env` holds the connections' settings, which are read when the first blob comes."""
    functions = func.Blueprint()

    @cache
    def opened() -> tuple[BlobDoor, BlobStorage]:
        # The storage SDK takes as long to import as all the rest, which must not wait for it.
        from triggers.blob_door import BlobDoor  # noqa: PLC0415
        from triggers.blob_storage import BlobStorage  # noqa: PLC0415

        return BlobDoor(scorer, results), BlobStorage(env)

    # Deferred (names, not bytes): a large blob never passes through the worker. That forbids a
    # `{name}` in any other binding, so the output is a container.
    @functions.blob_trigger(
        "source", settings.input_blob_path, STORAGE, source=func.BlobSource(settings.blob_source)
    )
    @functions.blob_input("output", settings.output_container, STORAGE)
    @functions.service_bus_queue_output("document", SERVICE_BUS, settings.output_queue)
    async def score_blob(source: Place, output: Place, document: func.Out[str]) -> None:
        door, storage = await asyncio.to_thread(opened)
        document.set(await door.score(storage.blob(source), storage.container(output)))

    return functions
