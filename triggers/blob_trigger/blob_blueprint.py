"""The blob trigger: blobs of the input container in; scored blobs, reports and documents out."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import azure.functions as func

from inference.errors import SettingError
from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from inference.serving.shutdown import close_with_loop, run_with_loop
from triggers.settings import STORAGE, TriggerSettings
from triggers.storage.blob_names import Place

if TYPE_CHECKING:
    from triggers.blob_trigger.blob_components import BlobService

log = logging.getLogger(__name__)

#: Seconds from the start of a process to its first poll for exhausted blobs. The model loads first.
FIRST_POLL_S = 10.0


def blueprint(
    scorer: Scorer,
    results: ResultStore,
    settings: TriggerSettings,
    env: Mapping[str, str],
    root: Path,
) -> func.Blueprint:
    """`env` holds the connections' settings, which are read when the first blob comes. `root` is
    the app's folder.
    """
    functions = func.Blueprint()
    constructing = threading.Lock()

    constructed: list[BlobService] = []

    def construct() -> BlobService:
        # The storage SDK takes as long to import as the rest of the app. Nothing else waits for it.
        from triggers.blob_trigger.blob_components import BlobService  # noqa: PLC0415

        with constructing:
            if not constructed:
                constructed.append(BlobService(scorer, results, settings, env, root))
            return constructed[0]

    async def service() -> BlobService:
        return constructed[0] if constructed else await asyncio.to_thread(construct)

    async def finish_exhausted() -> None:
        await asyncio.sleep(FIRST_POLL_S)
        try:
            await (await service()).exhausted.poll_forever()
        except SettingError as error:  # the first blob fails with it too
            log.warning("%s", error)

    async def close() -> None:
        for each in constructed:
            await each.close()

    run_with_loop(finish_exhausted())
    close_with_loop(close)

    # The binding passes names, not bytes: a large blob never passes through the worker. With it, no
    # other binding may hold `{name}`, so the output is a container. No binding sends the document:
    # see triggers.blob_trigger.document_delivery.
    @functions.blob_trigger(
        "source", settings.input_blob_path, STORAGE, source=func.BlobSource(settings.blob_source)
    )
    @functions.blob_input("output", settings.output_container, STORAGE)
    async def score_blob(source: Place, output: Place) -> None:
        await (await service()).score(source, output)

    return functions
