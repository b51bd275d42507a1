"""The model that is described: what it answers itself, and why it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from deploy.columns import gaps, pandas_types
from inference.errors import CallerError, ModelUnavailable, ResultUnserialisable
from inference.models import Model, boosters
from inference.models.answers import one_per_row
from inference.models.sklearn_model import SklearnModel
from inference.rows.formats import json_codec
from inference.rows.row_types import Values
from inference.rows.schema import Schema

#: Of a library's own message.
_MAX_CHARACTERS = 200
#: Libraries that say whether an estimator is fitted.
_LIBRARIES = frozenset({"sklearn", "xgboost", "lightgbm", "catboost"})


class Oracle:
    """A model and the method that answers."""

    def __init__(self, model: Model, method: str) -> None:
        self._model, self._method = model, method

    @property
    def estimator(self) -> Any:
        """None of a graph."""
        return self._model.estimator if isinstance(self._model, SklearnModel) else None

    def direct(self, rows: Any) -> Sequence[Any]:
        """What the estimator itself answers to a frame or an array. Raises ModelUnavailable."""
        call = getattr(self.estimator, self._method)
        try:
            # A copy, because a step with copy=False writes into what it gets.
            return plain(one_per_row(call(rows.copy()), len(rows))) or ()
        except Exception as error:
            raise not_accepted(error, pandas_types.date_advice(rows)) from error

    def answers(self, schema: Schema, values: Values) -> Sequence[Any]:
        """What the app answers to rows. Raises ModelUnavailable, CallerError."""
        try:
            return plain(self._model.answer_function(self._method, schema)(values)) or ()
        except CallerError:
            raise
        except Exception as error:
            raise not_accepted(error) from error

    def with_gaps(self, schema: Schema, rows: Sequence[Sequence[Any]]) -> Schema:
        """The schema with the cells that may be missing. `rows`: as JSON has them. A text is never
        missing.
        """
        if schema.kind == "texts":
            return schema
        if self.estimator is None:
            return gaps.of_rows(schema, rows)
        answer = self._model.answer_function(self._method, schema.allowing_missing())

        def answer_gaps(values: Values) -> Any:
            found = answer(values)
            if self._method != "transform" and _is_nan(found):
                raise ValueError("no answer")  # arithmetic goes through without one
            return found

        return gaps.ask(answer_gaps, schema, rows)

    def require_width(self) -> int:
        """How many columns an array has. Raises ModelUnavailable if the model does not say it."""
        width = boosters.width(self.estimator)
        if width is None:
            self._require_fitted()
            raise ModelUnavailable(
                "the width is not known: give --rows FILE, with a few rows that the model takes"
            )
        return width

    def _require_fitted(self) -> None:
        from sklearn.utils import validation  # noqa: PLC0415 - loaded with the model

        if type(self.estimator).__module__.partition(".")[0] not in _LIBRARIES:
            return
        try:
            validation.check_is_fitted(self.estimator)
        except TypeError:  # not an estimator
            return
        except Exception as error:
            raise not_accepted(error) from error


def not_accepted(error: Exception, advice: str = "") -> ModelUnavailable:
    """The refusal of a model that raised `error` when it was called with golden rows."""
    if any(kind.__name__ == "NotFittedError" for kind in type(error).__mro__):
        return ModelUnavailable("the model is not fitted: call its fit() before you save it")
    said = " ".join(str(error).split())
    if isinstance(error, ResultUnserialisable):
        return ModelUnavailable(f"what the model returns for its golden rows is not served: {said}")
    shown = said if len(said) <= _MAX_CHARACTERS else f"{said[:_MAX_CHARACTERS]}…"
    return ModelUnavailable(
        f"the model does not accept these golden rows ({type(error).__name__}: {shown}): give some"
        f" that it accepts with `triscore describe DIR --rows FILE`{advice}"
    )


def plain(values: Any) -> Sequence[Any] | None:
    """The values as they are in JSON."""
    found: Sequence[Any] | None = orjson.loads(json_codec.dumps(values))
    return found


def _is_nan(answers: Any) -> bool:
    try:
        return bool(np.isnan(np.asarray(answers, np.float64)).any())
    except (TypeError, ValueError):  # labels
        return False
