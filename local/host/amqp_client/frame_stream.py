"""Frames over a socket: split, written together, with heartbeats, until either end is gone."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from local.emulators.servicebus.amqp import frames
from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.frames import FrameSplitter

MAX_FRAME_SIZE = 1024 * 1024
#: Milliseconds after which a silent peer is given up. Peers send heartbeats in half of it.
IDLE_TIME_OUT_MS = 60_000
#: Seconds in which the peer may read what was written before the end.
FLUSH_S = 2.0


class ConnectionClosed(ConnectionError):
    """The peer closed the connection, ended the session, detached a link, or is silent."""


class FrameReceiver(Protocol):
    """What a stream calls. An exception ends the stream."""

    def on_frame(self, performative: Composite, payload: bytes) -> None: ...

    def on_end(self, error: Exception) -> None:
        """Called once."""


class FrameStream(asyncio.Protocol):
    """It begins with a SASL header of each end. After `expect_header` comes another one."""

    def __init__(self, receiver: FrameReceiver) -> None:
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._splitter = FrameSplitter(MAX_FRAME_SIZE)
        self._transport: asyncio.Transport | None = None
        self._awaits_header = True
        self._out: list[bytes] = []
        self._heartbeat: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()
        #: Why it ended.
        self.error: Exception | None = None

    def __repr__(self) -> str:
        return f"<FrameStream {'closed' if self.error else 'open'}>"

    def expect_header(self) -> None:
        self._awaits_header = True

    def write(self, data: bytes) -> None:
        """What is written in one iteration of the event loop goes out together."""
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(data)

    def flush(self) -> None:
        data, self._out = self._out, []
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(data))

    def send_heartbeats(self, every_s: float) -> None:
        self.write(frames.HEARTBEAT)
        self._heartbeat = self._loop.call_later(every_s, self.send_heartbeats, every_s)

    def end(self, error: Exception) -> None:
        """Close the socket, if it is open."""
        if self.error is not None:
            return
        self.error = error
        for timer in (self._heartbeat, self._idle):
            if timer is not None:
                timer.cancel()
        if self._transport is not None:
            self._transport.close()
            if self._transport.get_write_buffer_size():
                # `close` waits until the peer has read it, which a silent peer never does.
                self._loop.call_later(FLUSH_S, self._transport.abort)
        self._receiver.on_end(error)

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.write(frames.SASL_HEADER)
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self._splitter.feed(data)
        try:
            self._read_all()
        except Exception as error:  # noqa: BLE001 - a peer's bytes end this connection alone
            self.end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(exc or ConnectionClosed("the peer closed the connection"))

    def _read_all(self) -> None:
        while self.error is None:
            if self._awaits_header:
                if (header := self._splitter.header()) is None:
                    return
                if header not in (frames.SASL_HEADER, frames.AMQP_HEADER):
                    raise ConnectionClosed("the peer does not speak AMQP 1.0")
                self._awaits_header = False
            elif (frame := self._splitter.next_frame()) is None:
                return
            elif frame.performative is not None:
                self._receiver.on_frame(frame.performative, frame.payload)

    def _watch(self) -> None:
        """End the stream if the peer has been silent for too long."""
        left_s = self._heard_at + IDLE_TIME_OUT_MS / 1000 - self._loop.time()
        if left_s <= 0:
            self.end(ConnectionClosed("the peer is silent"))
        else:
            self._idle = self._loop.call_later(left_s, self._watch)
