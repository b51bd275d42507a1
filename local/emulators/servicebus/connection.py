"""A connection: SASL, open, sessions by channel, heartbeats, close."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import cast

from local.emulators.servicebus.amqp import frames
from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import (
    CONNECTION_FORCED,
    INTERNAL_ERROR,
    NOT_ALLOWED,
    AmqpError,
    FramingError,
)
from local.emulators.servicebus.amqp.frames import Frame, FrameSplitter
from local.emulators.servicebus.amqp.performatives import (
    Begin,
    Close,
    End,
    Error,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
)
from local.emulators.servicebus.amqp.values import Array, Symbol, UByte, UInt, UShort
from local.emulators.servicebus.group_commit import GroupCommit
from local.emulators.servicebus.link import Link
from local.emulators.servicebus.sas import Grants
from local.emulators.servicebus.session import Attacher, Session
from local.emulators.servicebus.transactions import Transactions

log = logging.getLogger(__name__)

#: SASL accepts everyone: access is decided by the tokens that a client sends to `$cbs`.
_MECHANISMS = ("MSSBCBS", "ANONYMOUS", "PLAIN", "EXTERNAL")

_MAX_FRAME_SIZE = 65_536
_CHANNEL_MAX = 4_999
_IDLE_TIME_OUT_MS = 120_000
#: Seconds in which the peer may read what was sent before the end.
FLUSH_S = 2.0

#: The lowest max-frame-size that AMQP allows; it applies until the open frame.
_MIN_MAX_FRAME_SIZE = 512


class Connection(asyncio.Protocol):
    """One peer. Replies are buffered until the group commit of the iteration."""

    def __init__(
        self,
        group_commit: GroupCommit,
        loop: asyncio.AbstractEventLoop,
        attach: Attacher,
        on_lost: Callable[[Connection], None],
    ) -> None:
        self.grants = Grants()
        self.transactions = Transactions()
        self.sessions: dict[int, Session] = {}
        self.max_frame_size = _MIN_MAX_FRAME_SIZE
        self._group_commit = group_commit
        self._loop = loop
        self._attach = attach
        self._on_lost = on_lost
        self._splitter = FrameSplitter(_MAX_FRAME_SIZE)
        self._transport: asyncio.Transport | None = None
        self._out = bytearray()
        self._open = False
        self._authenticated = False
        self._awaits_header = True
        self._closing = False
        self._writable = True
        self._heartbeat: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._last_received_s = loop.time()
        self._peer = "a peer"

    def __repr__(self) -> str:
        return f"<Connection {self._peer}: {len(self.sessions)} sessions>"

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = "{0[0]}:{0[1]}".format(transport.get_extra_info("peername"))
        self._check_idle()
        log.info("%s connected", self._peer)

    def data_received(self, data: bytes) -> None:
        self._last_received_s = self._loop.time()
        if self._closing:
            return
        self._splitter.feed(data)
        try:
            self._handle_all()
        except AmqpError as error:
            log.warning("%s is disconnected: %s", self._peer, error)
            self.close(error)
        except Exception:
            # A peer's bytes must not end the server; only this connection is closed.
            log.exception("%s is disconnected", self._peer)
            self.close(AmqpError(INTERNAL_ERROR, "The emulator failed: see its log."))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._closing = True
        for timer in (self._heartbeat, self._idle):
            if timer is not None:
                timer.cancel()
        for session in self.sessions.values():
            session.close()
        self.sessions.clear()
        self._on_lost(self)
        log.info("%s disconnected", self._peer)

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        for session in self.sessions.values():
            session.writable()

    def links(self) -> Iterator[Link]:
        """The links of all sessions."""
        for session in self.sessions.values():
            yield from session.links.values()

    # -- the peer's frames ---------------------------------------------------------------------

    def _handle_all(self) -> None:
        while not self._closing:
            if self._awaits_header:
                if (header := self._splitter.header()) is None:
                    return
                self._on_header(header)
            elif (frame := self._splitter.next_frame()) is not None:
                self._on_frame(frame)
            else:
                return

    def _on_header(self, header: bytes) -> None:
        self._awaits_header = False
        if header == frames.SASL_HEADER and not self._authenticated:
            mechanisms = SaslMechanisms(Array(Symbol(name) for name in _MECHANISMS))
            self._write(header + frames.frame(0, mechanisms, kind=frames.SASL_FRAME))
        elif header == frames.AMQP_HEADER and self._authenticated:
            self._write(header)
        else:
            # AMQP: reply with the expected header and close.
            expected = frames.AMQP_HEADER if self._authenticated else frames.SASL_HEADER
            self._write(expected)
            self._end()

    def _on_frame(self, frame: Frame) -> None:
        performative = frame.performative
        if performative is None:
            return
        if not self._authenticated:
            self._on_sasl(performative)
        elif frame.kind != frames.AMQP_FRAME:
            raise FramingError("a SASL frame arrived after the end of SASL")
        elif isinstance(performative, Open):
            self._on_open(performative)
        elif not self._open:
            raise AmqpError(NOT_ALLOWED, "The first frame is not an open.")
        else:
            self._on_opened(frame.channel, performative, frame.payload)

    def _on_sasl(self, performative: Composite) -> None:
        if not isinstance(performative, SaslInit):
            raise AmqpError(NOT_ALLOWED, "SASL begins with an init.")
        known = performative.mechanism in _MECHANISMS
        outcome = SaslOutcome(UByte(0 if known else 1))
        self._write(frames.frame(0, outcome, kind=frames.SASL_FRAME))
        if not known:
            self._end()
            return
        self._authenticated = self._awaits_header = True

    def _on_open(self, opening: Open) -> None:
        if self._open:
            raise AmqpError(NOT_ALLOWED, "The connection is open already.")
        self._open = True
        requested = (
            _MAX_FRAME_SIZE if opening.max_frame_size is None else int(opening.max_frame_size)
        )
        self.max_frame_size = max(_MIN_MAX_FRAME_SIZE, min(requested, _MAX_FRAME_SIZE))
        self.send(
            0,
            Open(
                container_id="servicebus-emulator",
                max_frame_size=UInt(_MAX_FRAME_SIZE),
                channel_max=UShort(_CHANNEL_MAX),
                idle_time_out=UInt(_IDLE_TIME_OUT_MS),
            ),
        )
        if opening.idle_time_out:
            self._send_heartbeat(int(opening.idle_time_out) / 2000)

    def _on_opened(self, channel: int, performative: Composite, payload: bytes) -> None:
        match performative:
            case Begin():
                self._on_begin(channel, performative)
            case End():
                self._on_end(channel)
            case Close():
                self.send(0, Close())
                self._end()
            case _:
                self._on_session_frame(channel, performative, payload)

    def _on_begin(self, channel: int, begin: Begin) -> None:
        if channel in self.sessions or channel > _CHANNEL_MAX:
            raise AmqpError(NOT_ALLOWED, f"Channel {channel} is taken or too high.")
        self.sessions[channel] = Session(self, channel, begin, self._attach)

    def _on_end(self, channel: int) -> None:
        session = self.sessions.pop(channel, None)
        # None: this frame answers an end that was sent from here.
        if session is not None:
            session.close()
            self.send(channel, End())

    def _on_session_frame(self, channel: int, performative: Composite, payload: bytes) -> None:
        session = self.sessions.get(channel)
        # None: a frame of a session that was ended here.
        if session is None:
            return
        try:
            session.on_frame(performative, payload)
        except AmqpError as error:
            log.warning("a session of %s is ended: %s", self._peer, error)
            del self.sessions[channel]
            session.close()
            reason = Error(error.condition, error.description)
            self.send(channel, End(reason.described()))

    # -- sending -------------------------------------------------------------------------------

    def send(self, channel: int, performative: Composite, payload: bytes = b"") -> None:
        self._write(frames.frame(channel, performative, payload))

    def can_send(self) -> bool:
        return self._writable and not self._closing

    def after_delivery(self, callback: Callable[[], None]) -> None:
        self._group_commit.after_delivery(callback)

    def flush(self) -> None:
        """Send what is buffered. GroupCommit calls it after the store has committed."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._out:
            self._transport.write(bytes(self._out))
            self._out.clear()
        if self._closing:
            self._transport.close()
            if self._transport.get_write_buffer_size():
                # `close` waits until the peer has read it, which a silent peer never does.
                self._loop.call_later(FLUSH_S, self._transport.abort)

    def _write(self, data: bytes) -> None:
        self._out += data
        self._group_commit.write(self)

    # -- closing -------------------------------------------------------------------------------

    def close(self, error: AmqpError | None = None) -> None:
        """Send the reason if the connection is open, and disconnect after the group commit."""
        if self._open and not self._closing:
            reason = Error(error.condition, error.description).described() if error else None
            self.send(0, Close(reason))
        self._end()

    def _end(self) -> None:
        self._closing = True
        self._group_commit.write(self)

    def _send_heartbeat(self, every_s: float) -> None:
        self._heartbeat = self._loop.call_later(every_s, self._send_heartbeat, every_s)
        self._write(frames.HEARTBEAT)

    def _check_idle(self) -> None:
        """The limit is twice the announced idle time-out, as AMQP recommends."""
        limit_s = 2 * _IDLE_TIME_OUT_MS / 1000
        left_s = self._last_received_s + limit_s - self._loop.time()
        if left_s > 0:
            self._idle = self._loop.call_later(left_s, self._check_idle)
            return
        self.close(AmqpError(CONNECTION_FORCED, f"The peer sent nothing for {limit_s:.0f} s."))
