"""From a model file to what answers, by the file's kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from inference.errors import ModelUnavailable
from inference.models import pickles, skops_files
from inference.models.manifests import Features
from inference.models.onnx_model import OnnxModel
from inference.models.sklearn_model import SklearnModel
from inference.rows.row_types import Array
from inference.rows.schema import Schema
from inference.script_errors import HIDDEN, ScriptErrors

#: From rows, shape (rows, features), to one answer a row, in order.
AnswerFunction = Callable[[Array], Any]


class Model(Protocol):
    """A model of any framework."""

    @property
    def framework(self) -> str: ...

    @property
    def version(self) -> str:
        """Of the framework that serves it."""
        ...

    @property
    def classes(self) -> Sequence[Any] | None:
        """Of a classifier, in the order of its probabilities, where the model knows them."""
        ...

    @property
    def mapped(self) -> bool:
        """Whether it works on arrays that are mapped from its file, read-only."""
        ...

    @property
    def bounded(self) -> bool:
        """Whether no code answers but a library's: what took a moment takes a moment again."""
        ...

    def schema(self, features: Features | None = None) -> Schema:
        """What it takes: what the manifest says of it, then what it says itself."""
        ...

    def answer_function(self, method: str, schema: Schema) -> AnswerFunction:
        """Answers by one of manifests.METHODS. Raises ModelUnavailable where it has no such."""
        ...


def load(
    file: Path,
    *,
    trusted: Sequence[str] = (),
    mapped: bool = False,
    errors: ScriptErrors = HIDDEN,
) -> Model:
    """Load a model whose digest was checked. Raises ModelUnavailable.

    `trusted`: types beyond skops' own list. `mapped`: map large arrays where the file allows it.
    `errors`: what is told of an exception that the file raises.
    """
    try:
        if file.suffix == ".onnx":
            return OnnxModel(file)
        if file.suffix == ".skops":
            return SklearnModel(skops_files.load(file, trusted))
        return SklearnModel(*pickles.load(file, mapped=mapped))
    except ModelUnavailable:
        raise
    except BaseException as error:  # noqa: BLE001 - a pickle may raise anything, even SystemExit
        told = f"{file.name} did not load: {errors.told(error)}"
        raise ModelUnavailable(told) from errors.cause(error)
