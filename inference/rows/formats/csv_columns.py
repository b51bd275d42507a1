"""CSV with texts, gaps or quotes, read by pyarrow without making an object of each cell.

A column of numbers is read as float64. Of any other column each different cell is read once, as
inference.rows.typed_columns reads it. Where a cell is wrong or unusual, nothing is read:
inference.rows.formats.csv_reader reads these rows cell by cell, and names the errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from inference.rows import numeric
from inference.rows.formats import csv_numbers
from inference.rows.number_cells import with_missing
from inference.rows.row_types import Array, Values
from inference.rows.schema import Schema
from inference.rows.typed_columns import ColumnReader, readers
from inference.rows.typed_rows import INTEGER_OR_MISSING, TypedRows, storage

_NUMBERS, _TEXTS = pa.float64(), pa.dictionary(pa.int32(), pa.string())
#: pyarrow skips it at the beginning of a text, where it may belong to a cell.
_BOM = b"\xef\xbb\xbf"
#: More than a block of whole lines ever has.
_MOST_BYTES = 2**30


class ColumnsReader:
    """Reads the columns of a model's features.

    `width`: of the table. `order`: as in csv_header.Header.
    """

    def __init__(
        self, schema: Schema, width: int, order: Sequence[int] | None, delimiter: str
    ) -> None:
        self._schema, self._readers = schema, readers(schema, text=True)
        names = [str(at) for at in range(width)]
        chosen = names if order is None else [names[at] for at in order]
        types = [_NUMBERS if each.takes_numbers else _TEXTS for each in self._readers]
        self._read_options = pyarrow.csv.ReadOptions(
            use_threads=False, block_size=_MOST_BYTES, column_names=names
        )
        self._parse_options = pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        self._convert_options = pyarrow.csv.ConvertOptions(
            include_columns=chosen,
            column_types=dict(zip(chosen, types or [_NUMBERS] * len(chosen), strict=True)),
            null_values=list(schema.na),
            # In a model of texts a word for a missing cell is a document.
            strings_can_be_null=schema.kind != "texts",
        )

    def read(self, block: bytes) -> Values | None:
        """The rows of whole lines in UTF-8, in the model's types; None if one may be wrong."""
        if block.startswith(_BOM):
            return None
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(block),
                self._read_options,
                self._parse_options,
                self._convert_options,
                memory_pool=pa.system_memory_pool(),
            )
        except ValueError:  # pa.ArrowInvalid, or its message is cut within a character
            return None
        columns = [column.combine_chunks() for column in table.columns]
        if self._schema.columns is None:
            return self._numbers(columns)
        typed: list[Array] = []
        for reader, column in zip(self._readers, columns, strict=True):
            found = (_numbers if reader.takes_numbers else _by_value)(reader, column)
            if found is None or (reader.takes_numbers and not reader.accepts(found)):
                return None
            typed.append(found)
        return TypedRows(typed)

    def _numbers(self, columns: Sequence[Any]) -> Array | None:
        """Rows of an array of numbers."""
        values = np.empty((len(columns[0]), len(columns)))
        for at, column in enumerate(columns):
            numbers = _floats(column, missing=self._schema.allows_missing)
            if numbers is None:
                return None
            values[:, at] = numbers
        rows = csv_numbers.coerce(values, None, self._schema)
        return None if rows is None else rows.numbers()


def _floats(column: Any, *, missing: bool) -> Array | None:
    """Finite numbers, and NaN for a missing cell; None if one is anything else."""
    values: Array = column.to_numpy(zero_copy_only=False)
    gaps = column.null_count
    if (gaps and not missing) or np.count_nonzero(np.isfinite(values)) + gaps != len(values):
        return None
    return values


def _numbers(reader: ColumnReader, column: Any) -> Array | None:
    feature = reader.feature
    values = _floats(column, missing=feature.missing)
    if values is None:
        return None
    if feature.type == "number":
        return values if values.flags.writeable else values.copy()
    gone = np.isnan(values)
    filled = np.where(gone, 0.0, values)
    if not _are_integers(filled, reader.limits):
        return None
    integers, dtype = filled.astype(np.int64), storage(feature)
    if dtype == INTEGER_OR_MISSING:
        return with_missing(integers, gone)
    stored = integers.astype(dtype, copy=False)
    if column.null_count:
        stored[gone] = np.nan
    return stored


def _are_integers(values: Array, limits: range) -> bool:
    """Whether all values are whole, within the limits, and exact."""
    if not len(values):
        return True
    least, most = values.min(), values.max()
    if least <= -numeric.EXACT_INTEGER or most >= numeric.EXACT_INTEGER:
        return False
    return bool(
        int(least) >= limits.start and int(most) < limits.stop and (values == np.rint(values)).all()
    )


def _by_value(reader: ColumnReader, column: Any) -> Array | None:
    gaps = column.null_count
    if gaps and not reader.feature.missing:
        return None
    values: list[str | None] = column.dictionary.to_pylist()
    codes: Array = column.indices.to_numpy(zero_copy_only=False)
    if gaps:
        codes = np.where(np.isnan(codes), len(values), codes)
        values.append(None)
    known, wrong = reader.read(values)
    return None if wrong else known[codes.astype(np.intp, copy=False)]
