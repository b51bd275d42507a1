"""What a model takes, and golden rows with the answers that the model itself gives to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from deploy import sample
from deploy.columns import frames, header_line, learning, read_back, text_rows, unseen_values
from deploy.columns.frames import Sample, Stated
from deploy.columns.oracle import Oracle, plain
from inference.errors import CallerError, ModelUnavailable
from inference.models import Model, golden_rows, mlflow_folder
from inference.models.manifests import Golden
from inference.models.sklearn_model import SklearnModel
from inference.rows import coercion
from inference.rows.row_types import Array, Values
from inference.rows.schema import Column, Schema, frame_schema
from inference.rows.typed_rows import TypedRows

_GIVE_ROWS = (
    "give a few rows with `triscore describe DIR --rows FILE`, or the training frame with"
    " deploy.describe(model, X, folder)"
)
#: The types and dtypes of columns that together are an array.
_ARRAYS = {*product(("integer", "number"), ("float64", "float32", "int64", "int32"))}


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
        self._oracle = Oracle(model, method)
        self._own = own if own.kind == "texts" else replace(own, na=stated.na)

    def describe(self, folder: Path, file: Path | None, training: Any) -> Described:
        if file is None and training is None:
            file = mlflow_folder.find_example(folder)
        signature = learning.signature(folder)
        if self._own.kind == "texts":
            return self._of_texts(file, training, signature or ())
        if not isinstance(self._model, SklearnModel):
            return self._of_graph(file, training)
        names = learning.names(self._model.estimator, signature)
        if names is None:
            return self._of_array(file, training)
        if file is None and training is None and (unserved := learning.unserved_types(folder)):
            raise ModelUnavailable(
                f"the MLflow signature has columns of types that are not served: {unserved};"
                f" if the model takes texts or numbers there, {_GIVE_ROWS}"
            )
        return self._of_names(names, signature, file, training)

    def _of_names(
        self,
        names: Sequence[str],
        signature: Sequence[Column] | None,
        file: Path | None,
        training: Any,
    ) -> Described:
        """Of a model that was trained on a DataFrame."""
        if training is None and file is None:
            return self._of_signature(names, signature)
        known = self._known(names, signature)
        if training is not None:
            return self._of_frame(frames.of_names(training, names), names, known)
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
                f"the model's columns have names ({frames.some(names)}), and their"
                f" types are not known: {_GIVE_ROWS}"
            )
        known = self._known(names, signature)
        if unnamed := [name for name in names if name not in known]:
            raise ModelUnavailable(
                f"the MLflow signature lacks columns of the model ({frames.some(unnamed)}):"
                f" {_GIVE_ROWS}"
            )
        return Described(self._frame_schema([known[name] for name in names]), Golden())

    def _of_graph(self, file: Path | None, training: Any) -> Described:
        self._require_no_types("a graph")
        if training is not None and self._own.kind == "array":
            array = learning.training_array(training)
            rows = array[sample.spread(len(array))].tolist()
        elif training is not None:
            frame = frames.of_names(training, self._own.names or ()).frame
            rows = read_back.json_cells(frame.iloc[sample.spread(len(frame))], self._own)
        elif file is not None:
            return self._described(self._own, sample.read_values(file, self._own))
        elif self._own.kind == "array":
            return self._described(self._own, self._drawn())
        else:
            return Described(self._own, Golden())
        values = coercion.coerce_rows(rows, self._own, text=False).require_valid()
        return self._described(self._own, values)

    def _of_texts(self, file: Path | None, training: Any, signature: Sequence[Column]) -> Described:
        text_rows.require_text(self._stated)
        if training is not None:
            schema, values = text_rows.of_training(training, self._own)
        elif file is not None:
            schema, values = text_rows.of_file(file, self._own, self._stated)
        else:
            known = [*self._stated.types, *(column.name for column in signature)]
            return self._of_plain_texts(text_rows.named(self._own, *known[:1]))
        return self._described(schema, values)

    def _of_plain_texts(self, schema: Schema) -> Described:
        """Without golden rows for a model that takes texts of another kind, such as documents of
        its own format.
        """
        try:
            return self._described(schema, text_rows.plain_texts(schema))
        except ModelUnavailable:
            return Described(schema, Golden())

    def _described(self, schema: Schema, values: Values) -> Described:
        golden = Golden(_cells(values, schema), self._oracle.answers(schema, values))
        return Described(self._oracle.with_gaps(schema, golden.rows), golden)

    def _of_array(self, file: Path | None, training: Any) -> Described:
        """Of a model that says no names. It was trained on an array if it says its width. Else the
        names that the rows have count, if it takes a DataFrame.
        """
        refused: CallerError | ModelUnavailable | None = None
        if not self._own.features and (named := self._named_rows(file, training)) is not None:
            try:
                return self._of_frame(named, list(named.frame.columns), {})
            except (CallerError, ModelUnavailable) as error:
                refused = error
        try:
            return self._of_nameless(file, training)
        except (CallerError, ModelUnavailable) as error:
            named = None if refused else self._named_rows(file, training)
            if named is None or frames.only_numbers(named.frame):
                learning.require_no_texts(self._oracle.estimator, self._own.features)
                raise refused or error from error
        return self._of_frame(named, list(named.frame.columns), {})

    def _named_rows(self, file: Path | None, training: Any) -> Sample | None:
        """The rows with the names of their columns; None of rows without, or that can't be read."""
        if training is not None:
            found = frames.of_training(training)
        elif file is None or file.suffix.lower() == ".npy":
            return None
        else:
            try:
                found = sample.read_frame(file, None, texts=set(), na=self._stated.na)
            except (CallerError, ModelUnavailable):
                return None
        return header_line.with_names(found, self._oracle.estimator, self._stated)

    def _of_nameless(self, file: Path | None, training: Any) -> Described:
        self._require_no_types("an array")
        if training is not None:
            if self._own.names is not None and frames.of_training(training) is not None:
                training = frames.of_names(training, self._own.names).frame
            return self._of_training_array(
                learning.training_array(training), frames.own_names(training)
            )
        if file is None:
            return self._of_array_rows(self._drawn(), "float64")
        values = sample.read_values(file, self._own.allowing_missing())
        return self._of_array_rows(values, sample.array_dtype(file))

    def _of_training_array(self, array: Array, names: Sequence[str] | None) -> Described:
        rows = array[sample.spread(len(array))]
        described = self._of_array_rows(rows, sample.number_dtype(rows.dtype), names)
        direct = self._oracle.direct(rows)
        if not golden_rows.agree(described.golden.predictions, direct, relative=1e-9, absolute=0):
            raise ModelUnavailable(
                f"the model answers otherwise once the rows are {described.schema.dtype} instead of"
                f" {array.dtype}: train it on an array of {described.schema.dtype}"
            )
        return described

    def _of_array_rows(
        self, values: Values, dtype: str, names: Sequence[str] | None = None
    ) -> Described:
        """`names`: of the columns, which the model does not know."""
        schema = replace(self._own, dtype=dtype, features=values.shape[1], allows_missing=False)
        schema = schema if names is None else replace(schema, names=tuple(names))
        values = coercion.coerce_array(
            np.asarray(values), schema.allowing_missing()
        ).require_valid()
        taking = schema.allowing_missing()
        golden = Golden(_cells(values, schema), self._oracle.answers(taking, values))
        return Described(self._oracle.with_gaps(schema, golden.rows), golden)

    def _drawn(self) -> Values:
        return sample.draw(self._own.features or self._oracle.require_width())

    def _of_frame(self, found: Sample, names: Sequence[str], known: dict[str, Column]) -> Described:
        frame, columns = frames.settle(found, names, known, self._stated)
        read_back.require_gaps_told(frame, columns, self._stated.na)
        frame = frame.iloc[sample.spread(len(frame))]
        predictions = self._oracle.direct(frame)
        schema = self._frame_schema(columns)
        cells = read_back.json_cells(frame, schema)
        golden = Golden(cells, predictions)
        schema = self._oracle.with_gaps(schema, golden.rows)
        self._require_unseen(schema)
        ask = self._model.answer_function(self._method, schema)
        schema = unseen_values.ask(ask, schema, cells, known)
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

    def _as_array(self, schema: Schema, golden: Golden) -> Schema | None:
        """The schema of an array with the same names, where the model answers one alike: it needs
        no pandas.
        """
        array = _array_schema(schema)
        if array is None:
            return None
        try:
            rows = coercion.coerce_rows(golden.rows, array, text=False).require_valid()
            answers = self._oracle.answers(array, rows)
        except Exception:  # noqa: BLE001 - it takes only a DataFrame
            return None
        return array if answers == golden.predictions else None

    def _require_no_types(self, taken: str) -> None:
        for name in self._stated.types:
            raise ModelUnavailable(f"--type {name}: the model takes {taken}, which has one type")

    def _require_unseen(self, schema: Schema) -> None:
        if self._stated.unseen == "error":
            return
        categories = [each for each in schema.columns or () if each.type == "category"]
        if not categories:
            raise ModelUnavailable("--unseen missing: the model has no column of type category")
        for column in categories:
            if not column.missing:
                raise ModelUnavailable(
                    f"--unseen missing: the model takes no missing cell in column {column.name!r}"
                )


def _array_schema(schema: Schema) -> Schema | None:
    """None if columns differ in type or in whether a cell may be missing, or if one of them takes
    some values only.
    """
    columns = schema.columns or ()
    alike = {(column.type, column.pandas_dtype, column.missing) for column in columns}
    if len(alike) > 1 or any(column.known is not None for column in columns):
        return None
    kind, dtype, missing = alike.pop()
    if (kind, dtype) not in _ARRAYS or (kind == "integer" and missing):
        return None
    return Schema(
        features=len(columns),
        names=schema.names,
        dtype=dtype,
        allows_missing=missing,
        na=schema.na,
    )


def _cells(values: Values, schema: Schema) -> Sequence[Sequence[Any]]:
    """The rows as JSON has them."""
    if isinstance(values, TypedRows):
        return coercion.json_cells(values, schema)
    return plain(values) or ()
