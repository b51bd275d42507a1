"""What a queue refuses.

BrokerError
├── LockLost           the lock ran out, was settled, or never was
├── MessageNotFound    no message of that sequence number in the state that was asked for
└── StoreError         the database cannot be opened or written
"""

from __future__ import annotations


class BrokerError(Exception):
    """The message is one sentence for the person who reads the client's error."""


class LockLost(BrokerError):
    def __init__(self) -> None:
        super().__init__(
            "The lock supplied is invalid. Either the lock expired, or the message has already "
            "been removed from the queue."
        )


class MessageNotFound(BrokerError):
    def __init__(self, sequence: int, wanted: str) -> None:
        super().__init__(f"There is no {wanted} message with sequence number {sequence}.")
        self.sequence = sequence


class StoreError(BrokerError):
    pass
