"""What all models have in common, and how one is loaded by its file's kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from inference.errors import ModelUnavailable
from inference.models import boosters, local_modules, pickles, skops_files
from inference.models.answers import MAX_DENSE_BYTES
from inference.models.manifests import Features
from inference.models.onnx_model import OnnxModel
from inference.models.package_versions import WriterVersion
from inference.models.sklearn_model import SklearnModel
from inference.rows.row_types import Values
from inference.rows.schema import Schema
from inference.script_errors import HIDDEN, ScriptErrors

#: From rows, shape (rows, features), to one answer a row, in order.
AnswerFunction = Callable[[Values], Any]


class Model(Protocol):
    """A model of any framework."""

    @property
    def framework(self) -> str: ...

    @property
    def version(self) -> str:
        """The version of the framework that is installed."""
        ...

    @property
    def written_with(self) -> str:
        """The version of the framework that wrote the model's file."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """The installed version of each distribution whose code the model runs."""
        ...

    @property
    def classes(self) -> Sequence[Any] | None:
        """A classifier's classes, in the order of its probabilities; None if they are unknown."""
        ...

    @property
    def mapped(self) -> bool:
        """Whether arrays of the model are mapped from its file, read-only."""
        ...

    @property
    def library_only(self) -> bool:
        """Whether only a library's code runs in a call, so that a call's time can be predicted."""
        ...

    def schema(self, features: Features | None = None) -> Schema:
        """What the model takes: what `features` says, completed by what the model itself says."""
        ...

    def answer_function(
        self, method: str, schema: Schema, *, checked: bool = False
    ) -> AnswerFunction:
        """Answers with one of manifests.METHODS. Raises ModelUnavailable if the model has no such
        method.

        `checked`: all rows will fit the schema, so the model need not check them again.
        """
        ...


def load(
    file: Path,
    *,
    trusted: Sequence[str] = (),
    mapped: bool = False,
    errors: ScriptErrors = HIDDEN,
    max_dense_bytes: int = MAX_DENSE_BYTES,
) -> Model:
    """Load a model whose digest was verified. Raises ModelUnavailable.

    `trusted`: types in a skops file beyond skops' own list. `mapped`: map large arrays from the
    file if its kind allows it. `errors`: how to describe an exception that the file raises.
    `max_dense_bytes`: as for inference.models.answers.one_per_row.
    """
    try:
        if file.suffix == ".onnx":
            return OnnxModel(file)
        if boosters.is_native(file):
            return SklearnModel(boosters.load(file), max_dense_bytes=max_dense_bytes)
        local_modules.make_importable(file)
        writer = WriterVersion()
        with writer.recorded():
            if file.suffix == ".skops":
                loaded, source = skops_files.load(file, trusted), None
            else:
                loaded, source = pickles.load(file, mapped=mapped)
        return SklearnModel(
            loaded, source, written_with=writer.version, max_dense_bytes=max_dense_bytes
        )
    except ModelUnavailable:
        raise
    except BaseException as error:  # noqa: BLE001 - a pickle may raise anything, even SystemExit
        described = " ".join(errors.describe(error).split())  # libraries write several lines
        advice = pickles.advice(file, error)
        message = f"{file.name} did not load: {described}{advice}{errors.hint}"
        raise ModelUnavailable(message) from errors.cause(error)
