"""Keeps a model's objects out of Python's garbage collection."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Collect no garbage inside the block, and freeze all objects at its end.

    A model's objects live as long as the process. To visit them takes a sixth of the demo model's
    loading time, and tens of milliseconds at each later full collection.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def collect_and_freeze() -> None:
    """Collect garbage once and freeze the rest, after a user's code that may have left garbage."""
    gc.collect()
    gc.freeze()
