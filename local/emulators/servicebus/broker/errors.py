"""The errors of queues and their store.

BrokerError
├── LockLost                the lock has expired, was settled, or never existed
├── MessageNotFound         no message with that sequence number in the requested state
├── SessionLockLost         the session's lock has expired, was released, or never existed
├── SessionCannotBeLocked   another receiver has locked the session
├── NotAllowed              the entity's properties forbid it
├── RuleError               the SQL of a filter or an action is wrong
└── StoreError              the database cannot be opened or written
"""

from __future__ import annotations


class BrokerError(Exception):
    """The text is one sentence, which the client's SDK shows."""


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


class SessionLockLost(BrokerError):
    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"The lock of session {session_id!r} is lost: it expired, or its receiver was closed. "
            "Accept the session again."
        )


class SessionCannotBeLocked(BrokerError):
    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"The requested session {session_id!r} cannot be accepted. It may be locked by another "
            "receiver."
        )


class NotAllowed(BrokerError):
    pass


class RuleError(BrokerError):
    pass


class StoreError(BrokerError):
    pass
