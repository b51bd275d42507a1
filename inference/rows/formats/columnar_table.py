"""Parquet and Arrow streams: the columns of the input, then the columns `prediction` and `error`.

A Parquet file has its footer at the end, so the file is stored on disk before it is read. An Arrow
stream is read as it comes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from inference.errors import InputTooLarge, ResultUnserialisable, UnfitInput
from inference.limits import Limits
from inference.rows import media_types
from inference.rows.formats import column_batches, column_types, columnar, parquet_layout
from inference.rows.formats.column_batches import ParquetBody
from inference.rows.formats.parts import Outcome, Part, Table, read_file
from inference.rows.schema import Schema

PREDICTION, ERROR = "prediction", "error"

#: A row group of a Parquet file. Smaller ones are slow to read.
GROUP_ROWS = 50_000
GROUP_BYTES = 8 * 1024 * 1024
#: pyarrow keeps 100 bytes to some KB of each column and row group that it reads or writes: a blob
#: of 4,000 columns and 96 MB takes 215 MB, one of 10,000 columns 400 MB.
MAX_PARQUET_COLUMNS = 4_096
#: Of rows with errors before the first prediction.
MAX_WAITING_BYTES = 4 * GROUP_BYTES


class ColumnarTable(Table):
    """Replaces the columns of an earlier scoring."""

    def __init__(self, form: str, source: BinaryIO, schema: Schema, limits: Limits) -> None:
        self._source, self._schema, self._limits = source, schema, limits
        self._parquet = form == media_types.PARQUET
        self._out = io.BytesIO()
        self._writer: pq.ParquetWriter | pa.RecordBatchStreamWriter | None = None
        #: Type of the predictions; None before the first one.
        self._kind: pa.DataType | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._outcomes: list[Outcome] = []

    def parts(self) -> Iterator[Part]:
        count = 0
        for batch in self._batches():
            column_types.require_flat(
                dict(zip(batch.schema.names, batch.schema.types, strict=True))
            )
            chosen = columnar.choose(batch, self._schema)
            yield Part(columnar.coerce(chosen, self._schema, first=count), batch)
            count += len(batch)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        self._waiting.append(part.originals)
        self._outcomes.extend(part.outcomes(predictions))
        if self._kind is None and not predictions:
            self._require_room_to_wait(part)
        elif not self._parquet or self._is_group():
            self._flush()
        return self._written()

    def end(self) -> Iterator[bytes]:
        self._flush()
        if self._writer is None:
            raise UnfitInput(field="data", expected="at least one row", got="none")
        self._writer.close()
        yield self._written()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        limit = self._limits.body_bytes
        if not self._parquet:
            return column_batches.of_arrow(self._source, max_bytes=limit)
        body = read_file(self._source, self._limits)
        columns = max((len(group.chunks) for group in parquet_layout.groups(body)), default=0)
        if columns > MAX_PARQUET_COLUMNS:
            raise InputTooLarge(
                size=columns,
                limit=MAX_PARQUET_COLUMNS,
                unit="columns of Parquet",
                setting="fixed; an Arrow stream, CSV or JSON lines may have more",
            )
        return ParquetBody(body, None, max_rows=None, max_bytes=limit).parts()

    def _require_room_to_wait(self, part: Part) -> None:
        """Rows wait until the first prediction shows the type of its column."""
        if len(self._outcomes) > self._limits.rows or self._size() > MAX_WAITING_BYTES:
            raise part.coerced.errors[min(part.coerced.errors)]

    def _is_group(self) -> bool:
        return len(self._outcomes) >= GROUP_ROWS or self._size() >= GROUP_BYTES

    def _size(self) -> int:
        return sum(batch.nbytes for batch in self._waiting)

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = _without(pa.Table.from_batches(self._waiting), (PREDICTION, ERROR))
        predicted = self._column([prediction for prediction, _ in self._outcomes])
        errors = [error and str(error) for _, error in self._outcomes]
        table = table.append_column(PREDICTION, predicted)
        table = table.append_column(ERROR, pa.array(errors, pa.string()))
        if self._writer is None:
            new = pq.ParquetWriter if self._parquet else pa.ipc.new_stream
            self._writer = new(self._out, table.schema)
        self._writer.write_table(table)
        self._kind = predicted.type
        self._waiting, self._outcomes = [], []

    def _column(self, predictions: list[Any]) -> pa.Array:
        try:
            column = columnar.column_of(predictions, self._kind)
        except (pa.ArrowException, OverflowError) as error:
            raise ResultUnserialisable(
                f"the predictions are no column of one type: {error}"
            ) from error
        # NaN and infinity are null in JSON: if all are null, they were numbers.
        return column.cast(pa.float64()) if pa.types.is_null(column.type) else column

    def _written(self) -> bytes:
        """The bytes written since the last call."""
        written = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return written


def _without(table: pa.Table, names: Sequence[str]) -> pa.Table:
    return table.drop_columns([name for name in names if name in table.schema.names])
