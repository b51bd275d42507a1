"""The seam between the app and its traces. While `recorder` is None, nothing is traced.

Code that runs in every request asks for the recorder itself, which costs 20 ns:

    if (recorder := spans.recorder) is not None:
        recorder.annotate({"triscore.cache": "hit"})

The functions below are for all other places.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from inference.tracing.model_calls import WaitSpan
    from inference.tracing.recorder import Recorder

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | int | float | bool]
#: Headers or properties that carry a trace from one process to the next.
Carrier = Mapping[str, str]

#: Set by inference.tracing.exporting.
recorder: Recorder | None = None

_NONE: Carrier = {}
_NO_SPAN = nullcontext()


def span(
    name: str, attributes: Attributes, *, kind: Kind = "internal"
) -> AbstractContextManager[object]:
    """A block that is a child of the current span."""
    return _NO_SPAN if recorder is None else recorder.span(name, attributes, kind=kind)


def process(name: str, carrier: Carrier, attributes: Attributes) -> AbstractContextManager[object]:
    """A block that processes an input, which a sender's trace came with."""
    return _NO_SPAN if recorder is None else recorder.process(name, carrier, attributes)


def begin_wait() -> WaitSpan | None:
    """A wait for the model, which ends with the model's call, or with `end`."""
    return None if recorder is None else recorder.model_calls.begin_wait()


def annotate(attributes: Attributes, *, failed: bool = False) -> None:
    """Add to the current span."""
    if recorder is not None:
        recorder.annotate(attributes, failed=failed)


def carrier() -> Carrier:
    """The current span as headers: `traceparent`, and `tracestate` and `baggage` if there are any.

    Empty if nothing is traced.
    """
    return _NONE if recorder is None else recorder.carrier()
