"""Batches of some columns of a table, kept until those of its other columns are read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from inference.errors import MalformedInput
from inference.limits import PART_BYTES

#: Written to a file at a time.
_WRITE_BYTES = 256 * 1024


def combined(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Fewer batches, of at most so many rows and PART_BYTES unless one alone has more."""
    waiting: list[pa.RecordBatch] = []
    room, count = PART_BYTES, rows
    for batch in batches:
        room, count = room - batch.nbytes, count - len(batch)
        if waiting and min(room, count) < 0:
            yield pa.concat_batches(waiting)
            waiting, room, count = [], PART_BYTES - batch.nbytes, rows - len(batch)
        waiting.append(batch)
    if waiting:
        yield pa.concat_batches(waiting)


def keep_in_memory(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read all batches now, and return them one by one."""
    sink = pa.BufferOutputStream()
    _write(batches, sink)
    return iter(pa.ipc.open_stream(sink.getvalue()))


def keep_on_disk(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """As keep_in_memory, but by a temporary file, which is deleted with the iterator."""
    with tempfile.NamedTemporaryFile() as file:
        with pa.output_stream(file.name, buffer_size=_WRITE_BYTES) as sink:
            _write(batches, sink)
        return iter(pa.ipc.open_stream(pa.OSFile(file.name)))


def _write(batches: Iterable[pa.RecordBatch], sink: pa.NativeFile) -> None:
    writer = None
    for batch in batches:
        writer = writer or pa.ipc.new_stream(sink, batch.schema)
        writer.write_batch(batch)
    if writer is None:
        raise MalformedInput("a row group of the Parquet file has fewer rows than it claims")
    writer.close()


def joined(steps: Sequence[Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Batches with the columns of all steps. Their batches may differ in length."""
    heads = [next(step) for step in steps]
    while len(heads) == len(steps):
        rows = min(map(len, heads))
        yield _side_by_side([head.slice(0, rows) for head in heads])
        rest = zip((head.slice(rows) for head in heads), steps, strict=True)
        following = [head if len(head) else next(step, None) for head, step in rest]
        heads = [head for head in following if head is not None]


def _side_by_side(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    columns = [column for batch in batches for column in batch.columns]
    schema = pa.schema([field for batch in batches for field in batch.schema])
    return pa.RecordBatch.from_arrays(columns, schema=schema)
