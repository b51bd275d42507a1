"""What a model takes, and golden rows with the answers that the model itself gives to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from deploy import sample
from deploy.columns import frames, gaps, learning, read_back
from deploy.columns.frames import Sample, Stated
from inference.errors import CallerError, ModelUnavailable
from inference.models import Model
from inference.models.answers import one_per_row
from inference.models.manifests import Golden
from inference.models.sklearn_model import SklearnModel
from inference.rows import coercion
from inference.rows.formats import json_codec
from inference.rows.row_types import Values
from inference.rows.schema import Column, Schema, frame_schema
from inference.rows.typed_rows import TypedRows

#: How many rows of a training frame or of a long file become golden rows.
GOLDEN_ROWS = 100

_GIVE_ROWS = (
    "give a few rows with `triscore describe DIR --rows FILE`, or the training frame with"
    " deploy.describe(model, X, folder)"
)


@dataclass(frozen=True, slots=True)
class Described:
    """What the model takes, and golden rows with its answers."""

    schema: Schema
    golden: Golden


class Describing:
    """One model that is described, and what the caller states of its columns."""

    def __init__(self, model: Model, method: str, stated: Stated) -> None:
        self._model, self._method, self._stated = model, method, stated
        own = model.schema()
        self._own = own if own.kind == "texts" else replace(own, na=stated.na)

    def describe(self, folder: Path, file: Path | None, training: Any) -> Described:
        if not isinstance(self._model, SklearnModel) or self._own.kind != "array":
            return self._of_own_schema(file, training)
        signature = learning.signature(folder)
        names = learning.names(self._model.estimator, signature)
        if names is None:
            return self._of_array(file, training)
        if training is None and file is None:
            return self._of_signature(names, signature)
        known = self._known(names, signature)
        if training is not None:
            return self._of_frame(_training_frame(training, names), names, known)
        assert file is not None  # noqa: S101 - for mypy
        texts = frames.texts(known, self._stated)
        found = sample.read_frame(file, names, texts=texts, na=self._stated.na)
        return self._of_frame(found, names, known)

    def _known(self, names: Sequence[str], signature: Sequence[Column] | None) -> dict[str, Column]:
        assert isinstance(self._model, SklearnModel)  # noqa: S101 - only such are asked
        known = learning.known(self._model.estimator, names, signature)
        learning.require_na_words(known, self._stated)
        return known

    def _of_signature(self, names: Sequence[str], signature: Sequence[Column] | None) -> Described:
        """Without rows. Raises ModelUnavailable without a signature too."""
        if signature is None:
            raise ModelUnavailable(
                f"the model's columns have names ({_some(names)}), and their types are not known:"
                f" {_GIVE_ROWS}"
            )
        known = self._known(names, signature)
        return Described(self._frame_schema([known[name] for name in names]), Golden())

    def _of_own_schema(self, file: Path | None, training: Any) -> Described:
        """Of a graph, or of a model that takes texts: it says itself what it takes."""
        if training is not None:
            rows = [[text] for text in _spread(_listed(training))]
            values = coercion.coerce_rows(rows, self._own, text=False).require_valid()
        elif file is not None:
            values = sample.read_values(file, self._own)
        elif self._own.kind == "array":
            values = self._drawn()
        else:
            return Described(self._own, Golden())
        golden = Golden(_cells(values, self._own), self._answers(self._own, values))
        return Described(self._with_gaps(self._own, golden), golden)

    def _of_array(self, file: Path | None, training: Any) -> Described:
        """Of a model whose columns have no names; else of the names that the rows have."""
        try:
            values, dtype = self._array(file, training)
        except CallerError as error:
            if file is None:
                raise
            found = self._frame_of_nameless(file, error)
            return self._of_frame(found, list(found.frame.columns), {})
        schema = replace(self._own, dtype=dtype, features=values.shape[1], allows_missing=False)
        taking = schema.allowing_missing()
        if dtype != "float64":
            values = coercion.coerce_array(np.asarray(values), taking).require_valid()
        golden = Golden(_cells(values, schema), self._answers(taking, values))
        return Described(self._with_gaps(schema, golden), golden)

    def _array(self, file: Path | None, training: Any) -> tuple[Values, str]:
        """Rows of numbers, shape (rows, features), and the dtype of the training array."""
        if training is not None:
            array = learning.training_array(training)
            return np.asarray(_spread(array)), sample.number_dtype(array.dtype)
        if file is None:
            return self._drawn(), "float64"
        taking = self._own.allowing_missing()
        return sample.read_values(file, taking), sample.array_dtype(file)

    def _drawn(self) -> Values:
        if not self._own.features:
            raise ModelUnavailable(
                "the width is not known: give --rows FILE, with a few rows that the model takes"
            )
        return sample.draw(self._own.features)

    def _frame_of_nameless(self, file: Path, error: CallerError) -> Sample:
        """The rows with the names that they have. Raises `error` if they have no text either."""
        if file.suffix.lower() == ".npy":
            raise error
        found = sample.read_frame(file, None, texts=set(), na=self._stated.na)
        if all(kind.kind in "iuf" for kind in found.frame.dtypes.map(np.dtype)):
            raise error
        return found

    def _of_frame(self, found: Sample, names: Sequence[str], known: dict[str, Column]) -> Described:
        frame, columns = frames.settle(found, names, known, self._stated)
        frame = frame.iloc[_spread_positions(len(frame))]
        predictions = self._direct(frame)
        schema = self._frame_schema(columns)
        cells = read_back.json_cells(frame, schema)
        golden = Golden(cells, predictions)
        schema = self._with_gaps(schema, golden)
        self._require_unseen(schema)
        answer = self._model.answer_function(self._method, schema)
        read_back.require_alike(frame, schema, answer, predictions)
        array = self._as_array(schema, golden)
        return Described(schema if array is None else array, golden)

    def _frame_schema(self, columns: Sequence[Column]) -> Schema:
        plain = [
            column if column.type == "category" else replace(column, categories=None)
            for column in columns
        ]
        return frame_schema(plain, na=self._stated.na, unseen=self._stated.unseen)

    def _direct(self, frame: Any) -> Sequence[Any]:
        """What the estimator itself answers to the frame."""
        assert isinstance(self._model, SklearnModel)  # noqa: S101 - only such are asked
        call = getattr(self._model.estimator, self._method)
        try:
            return plain(one_per_row(call(frame), len(frame))) or ()
        except Exception as error:
            raise _not_accepted(error) from error

    def _answers(self, schema: Schema, values: Values) -> Sequence[Any]:
        try:
            return plain(self._model.answer_function(self._method, schema)(values)) or ()
        except CallerError:
            raise
        except Exception as error:
            raise _not_accepted(error) from error

    def _with_gaps(self, schema: Schema, golden: Golden) -> Schema:
        """A text is never missing."""
        if schema.kind == "texts":
            return schema
        if not isinstance(self._model, SklearnModel):
            return gaps.of_rows(schema, golden.rows)
        answer = self._model.answer_function(self._method, schema.allowing_missing())
        return gaps.ask(answer, schema, golden.rows)

    def _as_array(self, schema: Schema, golden: Golden) -> Schema | None:
        """The schema of an array with the same names, where the model answers one alike: it needs
        no pandas. None if columns differ in type or in whether a cell may be missing.
        """
        columns = schema.columns or ()
        alike = {(column.type, column.pandas_dtype, column.missing) for column in columns}
        if len(alike) > 1:
            return None
        kind, dtype, missing = alike.pop()
        if kind not in ("integer", "number") or (kind == "integer" and missing):
            return None
        if dtype not in ("float64", "float32", "int64", "int32"):
            return None
        array = Schema(
            features=len(columns),
            names=schema.names,
            dtype=dtype,
            allows_missing=missing,
            na=schema.na,
        )
        try:
            rows = coercion.coerce_rows(golden.rows, array, text=False).require_valid()
            answers = plain(self._model.answer_function(self._method, array)(rows))
        except Exception:  # noqa: BLE001 - it takes only a DataFrame
            return None
        return array if answers == golden.predictions else None

    def _require_unseen(self, schema: Schema) -> None:
        if self._stated.unseen == "error":
            return
        for column in schema.columns or ():
            if column.type == "category" and not column.missing:
                raise ModelUnavailable(
                    f"--unseen missing: the model takes no missing cell in column {column.name!r}"
                )


def _training_frame(training: Any, names: Sequence[str]) -> Sample:
    """Raises ModelUnavailable for anything but a DataFrame with the model's columns."""
    if not hasattr(training, "dtypes") or not hasattr(training, "columns"):
        raise ModelUnavailable(
            f"the model was trained on a DataFrame with the columns {_some(names)}: give such a"
            f" DataFrame, not a value of type {type(training).__name__}"
        )
    frame = training.copy(deep=False)
    frame.columns = [str(each) for each in frame.columns]
    order = Schema(names=tuple(names)).order(list(frame.columns))
    return Sample(frame.iloc[:, order].reset_index(drop=True), typed=True, source="the frame")


def _spread_positions(count: int) -> list[int]:
    """Positions of at most GOLDEN_ROWS rows, from the first to the last."""
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, GOLDEN_ROWS))})


def _spread(rows: Any) -> Any:
    positions = _spread_positions(len(rows))
    return rows[positions] if hasattr(rows, "dtype") else [rows[at] for at in positions]


def _listed(training: Any) -> list[Any]:
    """Texts, of a list, a Series or a frame of one column."""
    if hasattr(training, "to_numpy"):
        training = training.to_numpy()
    array = np.asarray(training, object)
    return [str(each) for each in array.reshape(-1).tolist()]


def _cells(values: Values, schema: Schema) -> Sequence[Sequence[Any]]:
    """The rows as JSON has them."""
    if isinstance(values, TypedRows):
        return coercion.json_cells(values, schema)
    return plain(values) or ()


def _not_accepted(error: Exception) -> ModelUnavailable:
    return ModelUnavailable(
        f"the model does not accept these golden rows ({type(error).__name__}:"
        f" {' '.join(str(error).split())}): give some that it accepts with `triscore describe DIR"
        " --rows FILE`"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def plain(values: Any) -> Sequence[Any] | None:
    """The values as they are in JSON."""
    plain: Sequence[Any] | None = orjson.loads(json_codec.dumps(values))
    return plain
