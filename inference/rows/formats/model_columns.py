"""The model's columns of an Arrow table, found by name and converted to the model's types."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

from inference.limits import MAX_ROW_CELLS
from inference.rows import numeric, typed_cells, typed_columns
from inference.rows.formats import arrow_columns
from inference.rows.formats.gathering import Part
from inference.rows.row_types import Array, Rows
from inference.rows.schema import Schema, require_once

#: Columns in which pandas stores the index of a frame that has no names for it.
_INDEX = re.compile(r"__index_level_\d+__|Unnamed: 0|")

#: Of a body, if the model has fewer itself. pyarrow holds the interpreter for 5 us a column.
_MAX_BODY_COLUMNS = 4_096

#: Rows that are converted in one call.
_SHORT_ROWS = 500


class ColumnsPart(Part):
    """Some rows. `batch`: the model's columns, in its order. `originals`: all columns."""

    def __init__(self, batch: pa.RecordBatch, originals: pa.RecordBatch) -> None:
        self.batch, self.originals = batch, originals

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        """Raises UnfitInput for a column of another type than the model's."""
        if (table := _short_table(self.batch, schema)) is not None:
            return numeric.coerce_array(table, schema, first=first)
        named = zip(self.batch.schema.names, self.batch.columns, strict=True)
        if schema.kind == "array":
            columns = [arrow_columns.numbers(name, column) for name, column in named]
            return numeric.coerce_columns(columns, schema, first=first)
        known = typed_columns.readers(schema, text=False)
        read = [
            arrow_columns.read(reader, name, column)
            for reader, (name, column) in zip(known, named, strict=True)
        ]
        return typed_cells.rows_of(read, schema, first=first)


def _short_table(batch: pa.RecordBatch, schema: Schema) -> Array | None:
    """Few rows as float64, with NaN for null; None of more rows, and where integers are wanted.

    pyarrow converts all columns at once, in a tenth of the time. Of many rows it takes longer.
    """
    if schema.kind != "array" or schema.features not in (None, batch.num_columns):
        return None
    if schema.dtype not in ("float64", "float32") or not 0 < len(batch) <= _SHORT_ROWS:
        return None
    try:
        tensor = batch.to_tensor(null_to_nan=True, row_major=True)
    except (pa.ArrowException, TypeError):  # no numbers
        return None
    return tensor.to_numpy() if tensor.type == pa.float64() else None


def max_body_columns(schema: Schema) -> int:
    """How many columns a body may have. Further ones may stand beside the model's."""
    if schema.features is None:
        return MAX_ROW_CELLS
    return max(_MAX_BODY_COLUMNS, 2 * schema.features)


def choose(schema: Schema, names: Sequence[str]) -> Sequence[str]:
    """The names of the model's columns, in its order; all but pandas' index if it has none.

    Raises UnfitInput.
    """
    if schema.names is not None:
        schema.order(names)
        return schema.names_among(names)
    require_once(names, names)
    return [name for name in names if not _INDEX.fullmatch(name) and name not in schema.ignored]
