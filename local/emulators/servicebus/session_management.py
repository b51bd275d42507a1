"""The requests about sessions that a queue's `$management` node answers."""

from __future__ import annotations

from collections.abc import Callable

from local.emulators.servicebus.amqp.errors import NOT_ALLOWED, AmqpError
from local.emulators.servicebus.amqp.values import Int, Timestamp, Value
from local.emulators.servicebus.broker.errors import NotAllowed
from local.emulators.servicebus.broker.lifecycle import Clock
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.sessions import Sessions
from local.emulators.servicebus.request_body import get
from local.emulators.servicebus.request_response import Reply

#: A client that asks for sessions since this time wants those with messages or state: it is
#: .NET's DateTime.MaxValue, in milliseconds since the epoch.
_MAX_TIME_MS = 253_402_300_799_999


class SessionManagement:
    """`operations` maps their names to handlers, which raise SessionLockLost and NotAllowed."""

    def __init__(self, queue: MessageQueue, now_ms: Clock) -> None:
        self._queue = queue
        self._now_ms = now_ms
        self.operations: dict[str, Callable[[dict[Value, Value]], Reply]] = {
            "renew-session-lock": self._renew,
            "get-session-state": self._get_state,
            "set-session-state": self._set_state,
            "get-message-sessions": self._list,
        }

    def __repr__(self) -> str:
        return f"<SessionManagement of {self._queue.path}>"

    def _renew(self, body: dict[Value, Value]) -> Reply:
        self._sessions()
        until_ms = self._queue.renew_session(get(body, "session-id", str))
        return Reply(200, body={"expiration": Timestamp(until_ms)})

    def _get_state(self, body: dict[Value, Value]) -> Reply:
        session_id = self._locked(body)
        return Reply(200, body={"session-state": self._queue.session_states.get(session_id)})

    def _set_state(self, body: dict[Value, Value]) -> Reply:
        session_id, state = self._locked(body), body.get("session-state")
        if state is not None and not isinstance(state, bytes):
            raise AmqpError(NOT_ALLOWED, "Expected session-state as bytes or null.")
        self._queue.session_states.put(session_id, state, self._now_ms())
        return Reply(200)

    def _list(self, body: dict[Value, Value]) -> Reply:
        sessions, states = self._sessions(), self._queue.session_states
        since_ms = get(body, "last-updated-time", int)
        skip, top = get(body, "skip", int), get(body, "top", int)
        everything = since_ms >= _MAX_TIME_MS
        found = sessions.ids() | states.ids() if everything else states.ids(since_ms)
        page = sorted(found)[skip : skip + top]
        if not page:
            return Reply(204, "No sessions", condition="com.microsoft:session-not-found")
        return Reply(200, body={"skip": Int(skip + len(page)), "sessions-ids": page})

    def _locked(self, body: dict[Value, Value]) -> str:
        """The session's id. Raises SessionLockLost."""
        session_id = get(body, "session-id", str)
        self._sessions().until_ms(session_id)
        return session_id

    def _sessions(self) -> Sessions:
        if self._queue.sessions is None:
            raise NotAllowed("The entity has no sessions: RequiresSession is false.")
        return self._queue.sessions
