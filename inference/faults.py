"""This program's own faults: the log says where, the caller that it was not the request."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from inference import frames
from inference.errors import InternalError, ScoringError


@contextlib.contextmanager
def named(log: logging.Logger) -> Iterator[None]:
    """Nothing but a ScoringError leaves the block. Raises InternalError for what is none."""
    try:
        yield
    except ScoringError:
        raise
    except Exception as error:
        log.error("%s at %s", type(error).__name__, frames.where(error))
        raise InternalError(type(error).__name__) from error
