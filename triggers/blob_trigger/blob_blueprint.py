"""The blob trigger: blobs of the input container to scored blobs, reports and result documents."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import azure.functions as func

from inference.errors import SettingError
from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from triggers import background
from triggers.blob_trigger.blob_names import Place
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

if TYPE_CHECKING:
    from triggers.blob_trigger.blob_components import BlobService

log = logging.getLogger(__name__)

#: From the start of a process to its first look for blobs whose tries are over: long enough for
#: the model to load first.
FIRST_LOOK_S = 10.0


def blueprint(
    scorer: Scorer,
    results: ResultStore,
    settings: TriggerSettings,
    env: Mapping[str, str],
    root: Path,
) -> func.Blueprint:
    """`env` holds the connections' settings, which are read when the first blob comes; `root` is
    the app's folder.
    """
    functions = func.Blueprint()

    one_at_a_time = threading.Lock()

    @cache
    def service() -> BlobService:
        # The storage SDK takes as long to import as all the rest, which must not wait for it.
        from triggers.blob_trigger.blob_components import BlobService  # noqa: PLC0415

        return BlobService(scorer, results, settings, env, root)

    def opened() -> BlobService:
        with one_at_a_time:
            return service()

    async def end_what_is_over() -> None:
        await asyncio.sleep(FIRST_LOOK_S)
        try:
            await (await asyncio.to_thread(opened)).endings.keep_looking()
        except SettingError as error:  # the first blob says so, too
            log.warning("%s", error)

    background.begin(end_what_is_over())

    # Deferred (names, not bytes): a large blob never passes through the worker. That forbids a
    # `{name}` in any other binding, so the output is a container.
    @functions.blob_trigger(
        "source", settings.input_blob_path, STORAGE, source=func.BlobSource(settings.blob_source)
    )
    @functions.blob_input("output", settings.output_container, STORAGE)
    @functions.service_bus_queue_output("document", SERVICE_BUS, settings.output_queue)
    async def score_blob(source: Place, output: Place, document: func.Out[str]) -> None:
        handler = await asyncio.to_thread(opened)
        told = await handler.score(source, output)
        if told is not None:
            document.set(told)

    return functions
