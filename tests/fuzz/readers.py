"""The readers of Parquet, Arrow, JSON and AMQP bytes, each with valid bytes to damage.

A reader takes any bytes and either reads them or raises one of the errors that it documents.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from inference.errors import CallerError
from inference.limits import Limits
from inference.rows import formats, media_types
from inference.rows.formats import json_outline, parquet_layout
from inference.rows.formats.arrow_messages import BodySource, Messages
from inference.rows.schema import TEXTS, Schema
from local.emulators.servicebus import message_conversion
from local.emulators.servicebus.amqp import frames, sections
from local.emulators.servicebus.amqp.decoding import decode, skip
from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.frames import FrameSplitter
from local.emulators.servicebus.amqp.outcomes import Source, Target
from local.emulators.servicebus.amqp.performatives import Attach, Begin, Flow, Open, Transfer
from local.emulators.servicebus.amqp.values import Array, Described, Float, Symbol, UInt
from tests import bodies
from tests.fuzz.damage import damage
from tests.schemas import frame

LIMITS = Limits(body_bytes=1_000_000, rows=10_000)
#: Bytes of a piece, for a JSON body that is read in pieces like a long one.
SHORT_PIECE, LONG_PIECE = 48, json_outline.PIECE_BYTES

NUMBERS = Schema(features=2, names=("a", "b"))
FRAME = frame(("a", "t"), ("number", "text"), missing=True)
#: Most often the model takes any columns, so that no body is refused before it is read.
ANY = Schema(allows_missing=True)
SCHEMAS = (ANY, ANY, ANY, NUMBERS, FRAME, TEXTS)


@dataclass(frozen=True)
class Reader:
    read: Callable[[bytes], object]
    #: Draws damaged bytes.
    draw: Callable[[random.Random], bytes]
    #: The only errors that `read` may raise.
    errors: type[Exception]


def _tables() -> list[pa.Table]:
    rows = np.random.default_rng(0).random((40, 2)).round(2)
    texts = pa.array(["x", None, "long " * 9, ""] * 10)
    return [
        pa.table({"a": rows[:, 0], "b": rows[:, 1]}),
        pa.table({"a": rows[:, 0].astype(np.float32), "b": pa.array([1, None] * 20, pa.int8())}),
        pa.table({"b": pa.array([True, None] * 20), "a": pa.array(range(40)).dictionary_encode()}),
        pa.table({"a": pa.array([1, None, 3, 4] * 10, pa.int16()), "t": texts}),
        pa.table({"t": texts.dictionary_encode(), "text": pa.array(["a", "b"] * 20)}),
        pa.table({"text": texts.cast(pa.string_view()), "n": [[1], None] * 20}),
        pa.table({"a": [{"x": 1, "y": [2]}] * 40, "b": pa.array([True, None] * 20)}),
        pa.table({"a": pa.array([0, 1] * 20, pa.timestamp("us")), "b": pa.nulls(40)}),
    ]


def _parquet_files() -> list[bytes]:
    options: list[dict[str, object]] = [
        {},
        {"compression": "zstd", "row_group_size": 7},
        {"compression": "gzip", "use_dictionary": False, "data_page_size": 50},
        {"compression": "lz4", "use_dictionary": False, "data_page_version": "2.0"},
        {"write_statistics": False, "use_byte_stream_split": False, "compression": "none"},
    ]
    return [
        bodies.parquet(table, **option)
        for table in _tables()
        for option in options
        if pa.string_view() not in table.schema.types  # can't be written
    ]


def _arrow_streams() -> list[bytes]:
    return [
        bodies.arrow(table, compression=compression, rows=rows, file=file)
        for table in _tables()
        for compression in (None, "zstd", "lz4")
        for rows in (None, 9)
        for file in (False, True)
    ]


_PARQUET, _ARROW = _parquet_files(), _arrow_streams()


def _draw_parquet(random_: random.Random) -> bytes:
    """Damage anywhere, or in the footer only, followed by its right length."""
    body = random_.choice(_PARQUET)
    if random_.random() < 0.3:
        return damage(random_, body, _PARQUET)
    start = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    footer = damage(random_, body[start:-8], [each[-300:-8] for each in _PARQUET])
    return body[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _draw_arrow(random_: random.Random) -> bytes:
    return damage(random_, random_.choice(_ARROW), _ARROW)


def _read_layout(body: bytes) -> None:
    file = pa.BufferReader(body)
    for group in parquet_layout.groups(parquet_layout.read_footer(file)):
        for chunk in group.chunks:
            parquet_layout.unpacked(file, chunk, "a")


def _read_messages(body: bytes) -> None:
    source = Messages(BodySource(body), LIMITS.body_bytes)
    # pyarrow reads a message's prefix, then as many bytes as that says.
    while source.read(4):
        source.read(LIMITS.body_bytes)


def _score_table(form: str) -> Callable[[bytes], None]:
    """Read as a batch, and written with predictions."""

    def score(body: bytes) -> None:
        schema = SCHEMAS[zlib.crc32(body) % len(SCHEMAS)]
        table = formats.open_table(form, io.BytesIO(body), schema, LIMITS)
        for part in table.parts():
            table.write(part, [1] * len(part.coerced.values))
        for _ in table.end():
            pass

    return score


def _read_columns(form: str) -> Callable[[bytes], None]:
    def read(body: bytes) -> None:
        # The body decides the schema, so the same bytes find the same fault again.
        schema = SCHEMAS[zlib.crc32(body) % len(SCHEMAS)]
        formats.decode(body, form, schema, limits=LIMITS)

    return read


_JSON = [
    json.dumps(document).encode()
    for rows in (np.random.default_rng(0).random((9, 2)).round(3).tolist(), [[1, None]] * 20)
    for document in (
        rows,
        {"data": rows},
        {"columns": ["b", "a"], "data": rows, "more": {"x": [1, "]"]}},
        [{"a": a, "b": b} for a, b in rows],
        {"instances": [{"b": b, "t": 'x"\\,]}', "a": a} for a, b in rows]},
        {"text": "in, [brackets]", "a": 1, "b": 2},
        ["some, text", 'an\\"other', "\u00e9\ud83d\ude00"] * 3,
    )
]


def _read_json(body: bytes) -> None:
    """Read whole and in pieces: both give the same, or both refuse."""
    schema = SCHEMAS[zlib.crc32(body) % len(SCHEMAS)]
    whole, pieces = (_read_in_pieces(body, schema, size) for size in (LONG_PIECE, SHORT_PIECE))
    if isinstance(whole, CallerError) and isinstance(pieces, CallerError):
        raise whole
    if repr(whole) != repr(pieces):
        raise AssertionError(f"whole {whole!r:.80}, in pieces {pieces!r:.80}")


def _read_in_pieces(body: bytes, schema: Schema, size: int) -> object:
    json_outline.PIECE_BYTES = size
    try:
        read = formats.decode(body, media_types.JSON, schema, limits=LIMITS)
        return read.require_valid().tolist()
    except CallerError as error:
        return error
    finally:
        json_outline.PIECE_BYTES = LONG_PIECE


def _amqp_values() -> list[bytes]:
    deep: object = 1
    for _ in range(20):
        deep = [deep, {"a": b"x"}]
    values = [
        deep,
        Array([Float(1.5), Float(2.5)]),
        Array([Symbol("a"), Symbol("bc")]),
        {Symbol("x"): [1, -1, 2**40, True, None, 1.5, "é", b"\x00"]},
        Described(Symbol("odd"), Described(UInt(1), ["x" * 300])),
    ]
    return [encode(value) for value in values]


def _amqp_messages() -> list[bytes]:
    body = encode(Described(sections.DATA, b"body" * 20))
    whole = [
        encode(sections.Header(durable=True, priority=None, ttl=UInt(1000)).described()),
        encode(sections.Properties(message_id="id", subject="s").described()),
        encode(Described(sections.APPLICATION_PROPERTIES, {"a": 1, "b": "x", "c": True})),
        body,
        encode(Described(sections.FOOTER, {})),
    ]
    batch = b"".join(encode(Described(sections.DATA, b"".join(whole))) for _ in range(3))
    return [b"".join(whole), body, batch]


def _amqp_frames() -> list[bytes]:
    attach = Attach(
        name="link",
        handle=UInt(0),
        role=False,
        source=Source(address="q").described(),
        target=Target(address="q").described(),
        initial_delivery_count=UInt(0),
    )
    performatives = [
        Open(container_id="c", hostname="localhost", max_frame_size=UInt(65_536)),
        Begin(None, UInt(0), UInt(9), UInt(9)),
        attach,
        Flow(UInt(0), UInt(9), UInt(0), UInt(9)),
        Transfer(UInt(0), UInt(0), b"tag", UInt(0), more=False),
    ]
    return [frames.frame(0, each, b"payload") for each in performatives]


_VALUES, _MESSAGES, _FRAMES = _amqp_values(), _amqp_messages(), _amqp_frames()


def _draw_frame(random_: random.Random) -> bytes:
    """A frame with its right size, so that its contents are read."""
    body = damage(random_, random_.choice(_FRAMES)[8:], _FRAMES)[:60_000]
    return struct.pack(">IBBH", len(body) + 8, 2, random_.choice((0, 0, 0, 1)), 0) + body


def _read_value(data: bytes) -> None:
    skip(data, 0)
    decode(data)


def _read_message(data: bytes) -> None:
    sections.split(data)
    sections.application_properties(data)
    sections.data_bodies(data)
    sections.value_body(data)
    for message_format in (None, message_conversion.BATCH_FORMAT):
        message_conversion.read_transfer(data, message_format)


def _read_frame(data: bytes) -> None:
    splitter = FrameSplitter(65_536)
    splitter.feed(data)
    splitter.next_frame()


def _drawing(good: Sequence[bytes]) -> Callable[[random.Random], bytes]:
    return lambda random_: damage(random_, random_.choice(good), good)


READERS: dict[str, Reader] = {
    "Parquet's layout": Reader(_read_layout, _draw_parquet, CallerError),
    "Parquet's columns": Reader(_read_columns(media_types.PARQUET), _draw_parquet, CallerError),
    "Parquet's tables": Reader(_score_table(media_types.PARQUET), _draw_parquet, CallerError),
    "Arrow's tables": Reader(_score_table(media_types.ARROW), _draw_arrow, CallerError),
    "Arrow's messages": Reader(_read_messages, _draw_arrow, CallerError),
    "Arrow's columns": Reader(_read_columns(media_types.ARROW), _draw_arrow, CallerError),
    "JSON in pieces": Reader(_read_json, _drawing(_JSON), CallerError),
    "AMQP's values": Reader(_read_value, _drawing(_VALUES), AmqpError),
    "AMQP's messages": Reader(_read_message, _drawing(_MESSAGES), AmqpError),
    "AMQP's frames": Reader(_read_frame, _draw_frame, AmqpError),
}
