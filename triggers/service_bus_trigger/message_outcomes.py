"""What the scoring of a message, and of a batch, ends in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from inference.errors import ScoringError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one message ends in. All are empty if nothing is sent."""

    #: For the output queue.
    document: str = ""
    #: For the input queue.
    requeued: str = ""
    #: Why the broker has to deliver the message again.
    error: ScoringError | None = None
    #: The document for the output queue, if no attempt is left after `error`.
    exhausted: str = ""


class Sent(NamedTuple):
    """What a batch sends, each a JSON object."""

    #: To the output queue, in the order of the messages.
    documents: list[str]
    #: To the input queue: requests whose results can't be stored, to be scored again.
    requeued: list[str]
