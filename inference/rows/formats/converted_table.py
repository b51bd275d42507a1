"""A table whose output has another format than its input, or some of its columns only.

Rows pass from a source to a writer as record batches of Arrow: the input's columns, and ours. A
text stays the text that it was. The model's columns of CSV have the schema's types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from inference.limits import Limits
from inference.rows.formats.output_columns import OutputColumns
from inference.rows.formats.parts import HeaderLine, Part, Table
from inference.rows.formats.prediction_columns import PredictionColumns


class Source(Protocol):
    """One format: rows for the model, and the same rows as the columns that the output has."""

    @property
    def header(self) -> HeaderLine | None:
        """As Table.header."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """Of the columns. Known once `parts` began."""
        ...

    def parts(self) -> Iterator[Part]:
        """As Table.parts."""
        ...

    def batch(self, part: Part) -> pa.RecordBatch:
        """The columns of a part. Raises CallerError."""
        ...

    def end(self) -> None:
        """Called behind the last part. Raises CallerError."""


class Writer(Protocol):
    """One format. `theirs`: the input's columns; `ours`: predictions and errors, as many rows."""

    def write(self, theirs: pa.RecordBatch, ours: pa.RecordBatch) -> bytes:
        """Some output may come later."""
        ...

    def end(self, theirs: pa.Schema, ours: pa.Schema) -> Iterator[bytes]: ...


class ConvertedTable(Table):
    """Rows wait until the first prediction shows the type of its column."""

    def __init__(
        self, source: Source, writer: Writer, columns: OutputColumns, limits: Limits
    ) -> None:
        self._source, self._writer = source, writer
        self._columns, self._limits = columns, limits
        self._waiting: list[pa.RecordBatch] = []
        self._added: PredictionColumns | None = None

    def parts(self) -> Iterator[Part]:
        for part in self._source.parts():
            self.header = self._source.header
            yield part
        self.header = self._source.header

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        batch = self._source.batch(part)
        added = self._ours()
        added.append(part, predictions)
        self._waiting.append(batch)
        return self._written() if added.is_typed else b""

    def end(self) -> Iterator[bytes]:
        self._source.end()
        added = self._ours()
        added.require_type()
        yield self._written()
        yield from self._writer.end(self._source.schema, added.schema)

    def _ours(self) -> PredictionColumns:
        if self._added is None:
            taken = self._source.schema.names
            self._added = PredictionColumns(taken, self._limits, self._columns)
        return self._added

    def _written(self) -> bytes:
        waiting, self._waiting = self._waiting, []
        return b"".join(
            self._writer.write(batch, one_batch(self._ours().take(len(batch)))) for batch in waiting
        )


def one_batch(table: pa.Table) -> pa.RecordBatch:
    arrays = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)
