"""The predictions and errors of a table, as Arrow columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa

from inference.errors import CallerError, ResultUnserialisable
from inference.limits import Limits
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns, width_of
from inference.rows.formats.parts import Part

#: Of the errors' texts before the first prediction.
MAX_WAITING_BYTES = 32 * 1024 * 1024


class PredictionColumns:
    """Rows in, columns out. The first prediction decides the columns' types.

    `taken`: the names of the input's columns.
    """

    def __init__(
        self, taken: Collection[str], limits: Limits, columns: OutputColumns = PREDICTION_ALONE
    ) -> None:
        self._taken, self._limits, self._columns = taken, limits, columns
        #: The types of the predictions; None before the first one that is not null.
        self._kinds: list[pa.DataType] | None = None
        self._width = None if columns.known is None else len(columns.known)
        self._parts: list[pa.Table] = []
        #: Of parts without a prediction, before the first one.
        self._errors: list[pa.Array] = []
        self._count = 0

    def __len__(self) -> int:
        """How many rows wait to be taken."""
        return self._count

    @property
    def is_typed(self) -> bool:
        return self._kinds is not None

    @property
    def schema(self) -> pa.Schema:
        names = self._columns.added(self._width, self._taken)
        kinds = [*(self._kinds or ()), pa.string()]
        return pa.schema(list(zip(names, kinds, strict=True)))

    def append(self, part: Part, predictions: Sequence[Any]) -> None:
        """Raises ResultUnserialisable; the part's first error if too many rows only fail."""
        predictions = self._columns.cells(predictions)
        count = len(part.originals)
        errors = _errors(part.coerced.errors, count)
        self._count += count
        if self._kinds is None and all(each is None for each in predictions):
            self._errors.append(errors)
            self._require_room_to_wait(part.coerced.errors)
            return
        if part.coerced.errors:
            predictions = [prediction for prediction, _ in part.outcomes(predictions)]
        columns = self._typed(predictions)
        self._release()
        self._parts.append(pa.table([*columns, errors], schema=self.schema))

    def require_type(self) -> None:
        """Decide the type, though there was no prediction."""
        if self._kinds is None:
            self._kinds = [pa.float64()] * (self._width or 1)
            self._release()

    def take(self, count: int) -> pa.Table:
        """The first `count` rows that wait."""
        table = pa.concat_tables([self.schema.empty_table(), *self._parts])
        self._parts = [table.slice(count)]
        self._count -= count
        return table.slice(0, count)

    def _typed(self, predictions: Sequence[Any]) -> list[pa.Array]:
        """The predictions of each output. Decides the types, if they are not known yet."""
        if self._kinds is None:
            self._width = width_of([each for each in predictions if each is not None])
        try:
            outputs = _columns(predictions, self._width)
            kinds = self._kinds or [None] * len(outputs)
            columns = [column_of(each, kind) for each, kind in zip(outputs, kinds, strict=True)]
        except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
            raise ResultUnserialisable(
                f"the predictions are no column of one type: {error}"
            ) from error
        columns = [_numbers_if_null(column) for column in columns]
        self._kinds = [column.type for column in columns]
        return columns

    def _release(self) -> None:
        """Give the rows without a prediction the type that is known now."""
        for errors in self._errors:
            columns = [pa.nulls(len(errors), kind) for kind in self._kinds or ()]
            self._parts.append(pa.table([*columns, errors], schema=self.schema))
        self._errors = []

    def _require_room_to_wait(self, errors: dict[int, CallerError]) -> None:
        size = sum(each.nbytes for each in self._errors)
        if errors and (self._count > self._limits.rows or size > MAX_WAITING_BYTES):
            raise errors[min(errors)]


def column_of(predictions: Sequence[Any], kind: pa.DataType | None = None) -> pa.Array:
    """Predictions as a column of the type `kind`, or else of the narrowest type that holds them.

    Raises ArrowException, OverflowError.
    """
    try:
        return pa.array(predictions, kind)
    except OverflowError:  # pyarrow infers no unsigned type
        return pa.array(predictions, _unsigned(predictions))


def _unsigned(values: Sequence[Any]) -> pa.DataType:
    first = next((value for value in values if value is not None), None)
    return pa.list_(_unsigned(first)) if isinstance(first, list) else pa.uint64()


def _numbers_if_null(column: pa.Array) -> pa.Array:
    """NaN and infinity are null in JSON: if all are null, they were numbers."""
    return column.cast(pa.float64()) if pa.types.is_null(column.type) else column


def _columns(predictions: Sequence[Any], width: int | None) -> list[Sequence[Any]]:
    """The cells of the predictions, column by column. Raises ValueError, TypeError."""
    if width is None:
        return [predictions]
    nothing = [None] * width
    rows = [nothing if each is None else each for each in predictions]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _errors(errors: dict[int, CallerError], count: int) -> pa.Array:
    if not errors:
        return pa.nulls(count, pa.string())
    texts = [str(errors[at]) if at in errors else None for at in range(count)]
    return pa.array(texts, pa.string())
