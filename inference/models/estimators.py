"""What a model file must hold to be served: a fitted object with the method that answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inference.errors import ModelUnavailable
from inference.models import boosters, nesting
from inference.models.manifests import METHODS

#: Packages whose tables have methods of the same names.
_TABLES = frozenset({"pandas", "polars"})


def require_method(loaded: Any, method: str) -> Callable[..., Any]:
    """The method that answers. Raises ModelUnavailable for an object that can't answer rows."""
    boosters.require_estimator(loaded)
    if isinstance(loaded, type):
        raise ModelUnavailable(
            f"the model is the class {loaded.__name__}: save a fitted instance of it"
        )
    _require_no_dicts(loaded)
    why = None
    try:
        call = None if _is_table(loaded) else getattr(loaded, method)
    except AttributeError as error:
        call, why = None, error.__cause__  # scikit-learn says why a method is not available
    if callable(call):
        return call  # type: ignore[no-any-return]
    raise ModelUnavailable(
        f"the model, {_with_article(type(loaded).__name__)}, has no method {method}():"
        f" {_advice(loaded, why)}"
    )


def _require_no_dicts(loaded: object) -> None:
    first = nesting.innermost(loaded)
    if not type(first).__module__.startswith("sklearn."):  # asking would import it
        return
    tags = nesting.input_tags(first)
    if tags is not None and tags.dict:
        raise ModelUnavailable(
            f"the model begins with {_with_article(type(first).__name__)}, which takes dicts, and a"
            " row has no fixed columns then: train it on a DataFrame, for example with a"
            " OneHotEncoder in a ColumnTransformer"
        )


def _advice(loaded: object, why: BaseException | None) -> str:
    others = [name for name in METHODS if callable(getattr(loaded, name, None))]
    if others and not _is_table(loaded):
        return f"describe it with --method {' or '.join(others)}"
    if why is not None:
        return " ".join(str(why).split())
    if hasattr(loaded, "fit"):
        return "it answers only the rows that it was fitted on; save an estimator that has it"
    return "save the estimator by itself, fitted, and nothing around it"


def _is_table(loaded: object) -> bool:
    return type(loaded).__module__.partition(".")[0] in _TABLES


def _with_article(name: str) -> str:
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"
