"""The state that clients keep with each session of a queue."""

from __future__ import annotations

from collections.abc import Iterable

from local.emulators.servicebus.broker.journal import Journal


class SessionStates:
    """Bytes by session id. The broker does not read them."""

    def __init__(self, queue: str, journal: Journal) -> None:
        self._queue = queue
        self._journal = journal
        self._states: dict[str, tuple[bytes, int]] = {}

    def __repr__(self) -> str:
        return f"<SessionStates of {self._queue}: {len(self._states)}>"

    def restore(self, states: Iterable[tuple[str, bytes, int]]) -> None:
        self._states = {session_id: (state, set_ms) for session_id, state, set_ms in states}

    def get(self, session_id: str) -> bytes | None:
        state = self._states.get(session_id)
        return state[0] if state else None

    def put(self, session_id: str, state: bytes | None, now_ms: int) -> None:
        """None removes the state."""
        if state is None:
            self._states.pop(session_id, None)
        else:
            self._states[session_id] = (state, now_ms)
        self._journal.set_session_state(self._queue, session_id, state, now_ms)

    def ids(self, since_ms: int | None = None) -> set[str]:
        """Sessions with a state that was set after `since_ms`."""
        return {
            session_id
            for session_id, (_, set_ms) in self._states.items()
            if since_ms is None or set_ms > since_ms
        }
