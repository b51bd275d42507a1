"""Serves ONNX graphs with ONNX Runtime, without scikit-learn, joblib or pandas.

A graph's inputs are one tensor of all columns, or one tensor a column, by name (what skl2onnx makes
of a model that was trained on a DataFrame). Its first output answers `predict` and `transform`. Its
second, if it has one, answers `predict_proba` and `decision_function`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inference.errors import ModelUnavailable
from inference.models import onnx_tensors
from inference.models.answers import one_per_row
from inference.models.manifests import Features
from inference.rows.row_types import Values
from inference.rows.schema import TEXTS, Column, ColumnType, Schema, frame_schema

#: ONNX Runtime's log level for errors that it does not raise.
_FATAL = 4


class OnnxModel:
    """Implements inference.models.model.Model."""

    framework = "onnx"
    #: A graph does not tell its labels.
    classes: Sequence[Any] | None = None
    mapped = False
    #: Only ONNX Runtime's code runs.
    library_only = True

    def __init__(self, file: Path) -> None:
        try:
            import onnxruntime  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise ModelUnavailable(
                f"{file.name} needs onnxruntime, which is not installed: add it to requirements.txt"
            ) from error
        self._session = onnxruntime.InferenceSession(
            file.read_bytes(), _options(onnxruntime, file), providers=["CPUExecutionProvider"]
        )
        self.version = self.written_with = str(onnxruntime.__version__)
        self.versions = {"onnxruntime": self.version}
        self._inputs = self._session.get_inputs()
        self._outputs = [output.name for output in self._session.get_outputs()]
        for each in self._inputs:
            if each.type not in onnx_tensors.TYPES:
                raise ModelUnavailable(
                    f"{file.name}, input {each.name}: expected one of the types"
                    f" {', '.join(onnx_tensors.TYPES)}, got {each.type}"
                )

    def schema(self, features: Features | None = None) -> Schema:
        """Allows missing cells unless `features` does not: a graph refuses none itself."""
        if features is not None and (known := features.schema()) is not None:
            return known
        if len(self._inputs) == 1:
            return _of_tensor(self._inputs[0])
        names = [each.name for each in self._inputs]
        return _of_columns(names, [onnx_tensors.column_type(each) for each in self._inputs])

    def answer_function(
        self,
        method: str,
        schema: Schema,
        *,
        checked: bool = False,  # noqa: ARG002 - a graph checks nothing
    ) -> Callable[[Values], Any]:
        second = method in ("predict_proba", "decision_function") and len(self._outputs) > 1
        output = self._outputs[1 if second else 0]
        columns = self._columns(schema)
        flat = method in ("predict", "decision_function")

        def answer(values: Values) -> Any:
            feeds = {
                each.name: onnx_tensors.encode(onnx_tensors.cells_of(values, at), each)
                for each, at in columns
            }
            (answers,) = self._session.run([output], feeds)
            return one_per_row(onnx_tensors.decode(answers, flat=flat), len(values))

        return answer

    def _columns(self, schema: Schema) -> list[tuple[Any, int | None]]:
        """Each input with the position of its column; None for an input that takes all columns."""
        if len(self._inputs) == 1:
            return [(self._inputs[0], None)]
        names, wanted = list(schema.names or ()), [each.name for each in self._inputs]
        if sorted(names) != sorted(wanted):
            raise ModelUnavailable(
                f"the graph takes the columns {', '.join(wanted)}, but its manifest names"
                f" {', '.join(names) or 'none'}: write it again with `triscore describe`"
            )
        return [(each, names.index(each.name)) for each in self._inputs]


def _options(onnxruntime: Any, file: Path) -> Any:
    options = onnxruntime.SessionOptions()
    # Only the model thread calls. More threads would wait for work by spinning, on the cores of the
    # event loop and of other workers.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # The arena never gives back the memory of the largest request.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = _FATAL
    # Weights can lie in other files, which no digest covers. This names a file as their folder, in
    # which none can be found.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(file)
    )
    return options


def _of_tensor(tensor: Any) -> Schema:
    """What a graph takes whose one input is a tensor of all columns. Raises ModelUnavailable."""
    kind = onnx_tensors.column_type(tensor)
    width = 1 if len(tensor.shape) == 1 else tensor.shape[-1]
    if kind in ("integer", "number"):
        return Schema(features=width if isinstance(width, int) else None, allows_missing=True)
    if kind == "text" and width == 1:
        return TEXTS
    if not isinstance(width, int):
        raise ModelUnavailable(
            f"the graph's input {tensor.name}: expected a fixed number of {kind} columns, got any"
            " number. Export the graph with the number of columns in its shape"
        )
    return _of_columns([f"{tensor.name}{column}" for column in range(width)], [kind] * width)


def _of_columns(names: Sequence[str], types: Sequence[ColumnType]) -> Schema:
    columns = [Column(*each, missing=True) for each in zip(names, types, strict=True)]
    return frame_schema(columns)
