"""Frames: splits a byte stream into performatives and payloads (AMQP 1.0, part 2.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.decoding import decode
from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.errors import DecodeError, FramingError
from local.emulators.servicebus.amqp.performatives import PERFORMATIVES
from local.emulators.servicebus.amqp.values import Described, ULong

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"

AMQP_FRAME = 0
SASL_FRAME = 1

#: An empty frame, which keeps an idle connection alive.
HEARTBEAT = b"\x00\x00\x00\x08\x02\x00\x00\x00"

_HEAD = struct.Struct(">IBBH")


@dataclass(frozen=True, slots=True)
class Frame:
    """A performative (None in a heartbeat) and its payload: for a transfer, a part of a message."""

    kind: int
    channel: int
    performative: Composite | None
    payload: bytes = b""


class FrameSplitter:
    """Splits the bytes fed to it into frames, and buffers incomplete ones."""

    def __init__(self, max_frame_size: int) -> None:
        self._max = max_frame_size
        self._buffer = bytearray()
        #: Where the next frame begins.
        self._at = 0

    def __repr__(self) -> str:
        return f"<FrameSplitter {len(self._buffer) - self._at} bytes waiting>"

    def feed(self, data: bytes) -> None:
        # Once a read, not once a frame: what is left is moved to the front.
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += data

    def header(self) -> bytes | None:
        """The eight bytes of a protocol header; None until they have arrived."""
        end = self._at + len(AMQP_HEADER)
        if len(self._buffer) < end:
            return None
        header = bytes(self._buffer[self._at : end])
        self._at = end
        return header

    def next_frame(self) -> Frame | None:
        """The next complete frame, or None. Raises FramingError and DecodeError."""
        begin, waiting = self._at, len(self._buffer) - self._at
        if waiting < _HEAD.size:
            return None
        size, offset, kind, channel = _HEAD.unpack_from(self._buffer, begin)
        if size > self._max:
            raise FramingError(f"a frame has {size} bytes, expected at most {self._max}")
        if not _HEAD.size <= 4 * offset <= size:
            raise FramingError(f"a frame of {size} bytes cannot begin at byte {4 * offset}")
        if waiting < size:
            return None
        body = bytes(self._buffer[begin + 4 * offset : begin + size])
        self._at = begin + size
        return _frame(kind, channel, body)


def _frame(kind: int, channel: int, body: bytes) -> Frame:
    if not body:
        return Frame(kind, channel, None)
    value, end = decode(body)
    performative = PERFORMATIVES.get(value.descriptor) if _is_composite(value) else None
    if performative is None:
        raise DecodeError("a frame's body is not a known performative")
    return Frame(kind, channel, performative.of(value.value), body[end:])


def _is_composite(value: object) -> bool:
    return isinstance(value, Described) and isinstance(value.descriptor, ULong)


def frame(
    channel: int, performative: Composite, payload: bytes = b"", kind: int = AMQP_FRAME
) -> bytes:
    """Encode a frame."""
    body = encode(performative.described())
    return b"".join(
        (_HEAD.pack(_HEAD.size + len(body) + len(payload), 2, kind, channel), body, payload)
    )
