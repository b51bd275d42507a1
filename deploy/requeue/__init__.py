"""Inputs whose tries ran out, listed and sent again.

They are the blobs in the poison queue and the dead letters of the input queue. Each is sent first
and removed from its queue afterwards: if the command is killed in between, the input is sent and is
still listed.
"""

from __future__ import annotations

from deploy.requeue.failed_inputs import Choice, FailedInput, Outcome
from deploy.requeue.runner import Summary, requeue

__all__ = ["Choice", "FailedInput", "Outcome", "Summary", "requeue"]
