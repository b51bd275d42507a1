"""Python's garbage collector, which a model need not go through."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Collect nothing within, and never walk again what was made within.

    What a model brings along stays. To walk it costs a sixth of loading the demo's, and later tens
    of milliseconds at a time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def settle() -> None:
    """As `paused` does in the end, after somebody else's code, which may leave garbage."""
    gc.collect()
    gc.freeze()
