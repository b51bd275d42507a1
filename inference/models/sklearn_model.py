"""An estimator of scikit-learn, or one that answers like it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from inference.errors import ModelUnavailable
from inference.models.answers import one_per_row
from inference.models.inputs import maker
from inference.models.manifests import Features
from inference.models.pickles import MappedFile
from inference.rows.row_types import Array
from inference.rows.schema import Schema


class SklearnModel:
    """Serves any object with the methods of an estimator; see inference.models.model.Model."""

    framework = "scikit-learn"

    def __init__(self, estimator: Any, source: MappedFile | None = None) -> None:
        self._estimator, self._source = estimator, source
        # A model trained on a DataFrame warns at every array; its columns are put in order before.
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)

    @property
    def estimator(self) -> Any:
        return self._estimator

    @property
    def version(self) -> str:
        import sklearn  # noqa: PLC0415 - loaded with the model, not before

        return str(sklearn.__version__)

    @property
    def mapped(self) -> bool:
        return self._source is not None

    @property
    def bounded(self) -> bool:
        """Whether all its parts are scikit-learn's own, and it was given no function."""
        try:
            parts = [self._estimator, *self._estimator.get_params(deep=True).values()]
            return all(map(_is_no_foreign_code, parts))
        except Exception:  # noqa: BLE001 - it need not be an estimator, whatever it is
            return False

    @property
    def classes(self) -> Sequence[Any] | None:
        return _listed(getattr(self._estimator, "classes_", None))

    def schema(self, features: Features | None = None) -> Schema:
        estimator = self._estimator
        if features is None:
            features = Features(kind="texts" if _takes_texts(estimator) else "array")
        if (known := features.schema()) is not None:
            return known
        names = features.names or _listed(getattr(estimator, "feature_names_in_", None))
        missing = features.missing
        return Schema(
            kind=features.kind,
            features=features.count or getattr(estimator, "n_features_in_", None),
            names=None if names is None else tuple(map(str, names)),
            types=None if features.types is None else tuple(features.types),
            allows_missing=_allows_missing(estimator) if missing is None else missing,
        )

    def answer_function(self, method: str, schema: Schema) -> Callable[[Array], Any]:
        call = getattr(self._estimator, method, None)
        if not callable(call):
            raise ModelUnavailable(f"the model is no estimator with {method}()")
        made = maker(schema)
        if self._source is None:
            return lambda values: one_per_row(call(made(values)), len(values))
        return self._watched(
            lambda values: one_per_row(call(made(values)), len(values)), self._source
        )

    @staticmethod
    def _watched(answer: Callable[[Array], Any], source: MappedFile) -> Callable[[Array], Any]:
        def watched(values: Array) -> Any:
            source.require_unchanged()  # what is no longer in the file can't be read: SIGBUS
            answers = answer(values)
            source.require_unchanged()  # and what is another model's is no answer
            return answers

        return watched


#: Where the types of parameters come from that are no parts themselves.
_OF_VALUES = frozenset({"builtins", "numpy", "scipy"})


def _is_no_foreign_code(part: object) -> bool:
    if isinstance(part, type):  # the dtype of a vectoriser
        return part.__module__ == "numpy"
    package = type(part).__module__.partition(".")[0]
    return package == "sklearn" or (package in _OF_VALUES and not callable(part))


def _listed(values: Any) -> Sequence[Any] | None:
    return None if values is None else list(values)


def _takes_texts(estimator: object) -> bool:
    """Whether an estimator, or the first step of a pipeline, takes one text a row."""
    while steps := getattr(estimator, "steps", None) or getattr(
        estimator, "transformer_list", None
    ):
        estimator = steps[0][1]
    tags = _input_tags(estimator)
    return tags is not None and bool(tags.string and not tags.two_d_array)


def _allows_missing(estimator: object) -> bool:
    tags = _input_tags(estimator)
    return tags is not None and bool(tags.allow_nan)


def _input_tags(estimator: object) -> Any:
    from sklearn.utils import get_tags  # noqa: PLC0415 - loaded with the model, not before

    try:
        return get_tags(estimator).input_tags
    except (AttributeError, TypeError):  # not a scikit-learn estimator: it says nothing of itself
        return None
