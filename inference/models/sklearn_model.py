"""Serves estimators of scikit-learn, and any object with the same methods."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference.models import boosters, estimators, linear_models, nesting, package_versions
from inference.models.answers import MAX_DENSE_BYTES, one_per_row
from inference.models.inputs import alike_rows, input_function
from inference.models.manifests import Features
from inference.models.pickles import MappedFile
from inference.rows.row_types import Values
from inference.rows.schema import Schema

#: Libraries with estimators of their own, by the name of their package.
_FRAMEWORKS = frozenset({"xgboost", "lightgbm", "catboost", "statsmodels", "ngboost"})


class SklearnModel:
    """Implements inference.models.model.Model for an object with the methods of an estimator.

    `source`: the file that its arrays are mapped from, if they are. `written_with`: the version of
    scikit-learn that wrote the file, None for the installed one. `max_dense_bytes`: as for
    inference.models.answers.one_per_row.
    """

    def __init__(
        self,
        estimator: Any,
        source: MappedFile | None = None,
        *,
        written_with: str | None = None,
        max_dense_bytes: int = MAX_DENSE_BYTES,
    ) -> None:
        self._estimator, self._source, self._written_with = estimator, source, written_with
        self._max_dense_bytes = max_dense_bytes
        # A model that was trained on a DataFrame warns at every array, and the other way round. Our
        # rows have its order.
        warnings.filterwarnings("ignore", "X (has|does not have valid) feature names", UserWarning)

    @property
    def estimator(self) -> Any:
        return self._estimator

    @property
    def framework(self) -> str:
        package = type(self._estimator).__module__.partition(".")[0]
        return package if package in _FRAMEWORKS else "scikit-learn"

    @property
    def version(self) -> str:
        package = "sklearn" if self.framework == "scikit-learn" else self.framework
        return next(iter(package_versions.installed_versions([package]).values()), "none")

    @property
    def written_with(self) -> str:
        return self._written_with or self.version

    @property
    def versions(self) -> Mapping[str, str]:
        packages = {type(part).__module__.partition(".")[0] for part in self._parts()}
        packages -= package_versions.VALUE_PACKAGES
        return package_versions.installed_versions(packages)

    @property
    def mapped(self) -> bool:
        return self._source is not None

    @property
    def library_only(self) -> bool:
        """Whether all its parts are scikit-learn's own, and no parameter is a function."""
        try:
            parts = [self._estimator, *self._estimator.get_params(deep=True).values()]
            return not any(map(_is_foreign_code, parts))
        except Exception:  # noqa: BLE001 - the object may be of any class
            return False

    @property
    def _may_write_into_rows(self) -> bool:
        """Whether a call may change the rows that it gets, which others need as they are."""
        if not self.library_only and self.framework == "scikit-learn":
            return True
        try:
            parameters = self._estimator.get_params(deep=True)
        except Exception:  # noqa: BLE001 - as above
            return True
        return any(value is False and name.endswith("copy") for name, value in parameters.items())

    def _parts(self) -> list[object]:
        """The estimator, its parameters, and theirs."""
        try:
            return [self._estimator, *self._estimator.get_params(deep=True).values()]
        except Exception:  # noqa: BLE001 - as above
            return [self._estimator]

    @property
    def classes(self) -> Sequence[Any] | None:
        return _as_list(getattr(self._estimator, "classes_", None))

    def schema(self, features: Features | None = None) -> Schema:
        estimator = self._estimator
        if features is None:
            features = Features(kind="texts" if _takes_texts(estimator) else "array")
        if (known := features.schema()) is not None:
            return known
        names = features.names or _as_list(getattr(estimator, "feature_names_in_", None))
        names = names or boosters.names(estimator)
        missing = features.missing
        return Schema(
            features=features.count or boosters.width(estimator),
            names=None if names is None else tuple(map(str, names)),
            dtype=features.dtype,
            allows_missing=_allows_missing(estimator) if missing is None else missing,
            na=features.na_words(),
        )

    def answer_function(
        self, method: str, schema: Schema, *, checked: bool = False
    ) -> Callable[[Values], Any]:
        call = estimators.require_method(self._estimator, method)
        linear = None
        if checked and method == "predict":
            linear = linear_models.predict_function(self._estimator, schema)
        to_input = input_function(schema, copy=linear is None and self._may_write_into_rows)
        call = linear or call

        def answer(values: Values) -> Any:
            groups = alike_rows(values, schema)
            if len(groups) == 1:
                return one_per_row(call(to_input(values)), len(values), self._max_dense_bytes)
            answers: list[Any] = [None] * len(values)
            for rows in groups:
                found = one_per_row(call(to_input(values[rows])), len(rows), self._max_dense_bytes)
                for row, each in zip(rows.tolist(), found, strict=True):
                    answers[row] = each
            return answers

        return answer if self._source is None else _watched(answer, self._source)


def _watched(answer: Callable[[Values], Any], source: MappedFile) -> Callable[[Values], Any]:
    """Refuses to answer once the file of the mapped arrays was written to."""

    def watched(values: Values) -> Any:
        source.require_unchanged()  # reading bytes that the file lost ends the process (SIGBUS)
        answers = answer(values)
        source.require_unchanged()  # the answer may be of two models
        return answers

    return watched


def _is_foreign_code(part: object) -> bool:
    """Whether an estimator with this part or parameter runs code that is not a library's."""
    if isinstance(part, type):  # a vectoriser has a dtype of NumPy
        return part.__module__ != "numpy"
    package = type(part).__module__.partition(".")[0]
    return package != "sklearn" and (
        package not in package_versions.VALUE_PACKAGES or callable(part)
    )


def _as_list(values: Any) -> Sequence[Any] | None:
    """A list for each output of a model with several."""
    if values is None:
        return None
    return [each.tolist() if getattr(each, "ndim", 0) else each for each in values]


def _takes_texts(estimator: object) -> bool:
    """Whether the estimator that gets the rows takes one text a row."""
    tags = nesting.input_tags(nesting.innermost(estimator))
    return tags is not None and bool(tags.string and not tags.two_d_array)


def _allows_missing(estimator: object) -> bool:
    tags = nesting.input_tags(estimator)
    return tags is not None and bool(tags.allow_nan)
