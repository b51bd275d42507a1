"""An ONNX graph, run by ONNX Runtime: without scikit-learn, joblib or pandas.

Its inputs are one tensor of all columns, or a tensor a column, by name (what skl2onnx makes of a
model that was trained on a DataFrame). Its first output answers `predict` and `transform`, the
second, where there is one, `predict_proba` and `decision_function`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.errors import ModelUnavailable, UnfitInput
from inference.models.answers import one_per_row
from inference.models.manifests import Features
from inference.rows.row_types import Array
from inference.rows.schema import TEXTS, ColumnType, Schema

#: What a tensor's cells are here and in NumPy, by its type.
_TYPES: dict[str, tuple[ColumnType, npt.DTypeLike]] = {
    "tensor(double)": ("number", np.float64),
    "tensor(float)": ("number", np.float32),
    "tensor(int64)": ("number", np.int64),
    "tensor(int32)": ("number", np.int32),
    "tensor(bool)": ("boolean", np.bool_),
    "tensor(string)": ("text", np.object_),
}
#: Only errors that nobody is told of otherwise.
_FATAL = 4


class OnnxModel:
    """See inference.models.model.Model."""

    framework = "onnx"
    #: A graph keeps its labels to itself.
    classes: Sequence[Any] | None = None
    mapped = False
    #: A graph calls nobody.
    bounded = True

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
        self.version = str(onnxruntime.__version__)
        self._inputs = self._session.get_inputs()
        self._outputs = [output.name for output in self._session.get_outputs()]
        for each in self._inputs:
            if each.type not in _TYPES:
                raise ModelUnavailable(
                    f"{file.name}: the input {each.name!r} is a {each.type}: expected one of"
                    f" {', '.join(_TYPES)}"
                )

    def schema(self, features: Features | None = None) -> Schema:
        """A graph refuses nothing: whether cells may be missing is for its manifest to say."""
        if features is not None and (known := features.schema()) is not None:
            return known
        first, *more = self._inputs
        kind, _ = _TYPES[first.type]
        width = 1 if len(first.shape) == 1 else first.shape[-1]
        if not more and kind == "number":
            known_width = width if isinstance(width, int) else None
            return Schema(features=known_width, allows_missing=True)
        if not more and kind == "text" and width == 1:
            return TEXTS
        names, types = [each.name for each in self._inputs], [_kind(each) for each in self._inputs]
        if not more:  # one tensor of as many columns as it says
            names = [f"{first.name}{column}" for column in range(int(width))]
            types = [kind] * len(names)
        return Schema(
            kind="frame",
            features=len(names),
            names=tuple(names),
            types=tuple(types),
            allows_missing=True,
        )

    def answer_function(self, method: str, schema: Schema) -> Callable[[Array], Any]:
        second = method in ("predict_proba", "decision_function") and len(self._outputs) > 1
        output = self._outputs[1 if second else 0]
        columns = self._columns(schema)
        flat = method in ("predict", "decision_function")

        def answer(values: Array) -> Any:
            feeds = {
                each.name: _tensor(values if at is None else values[:, at : at + 1], each)
                for each, at in columns
            }
            (answers,) = self._session.run([output], feeds)
            return one_per_row(_array(answers, flat=flat), len(values))

        return answer

    def _columns(self, schema: Schema) -> list[tuple[Any, int | None]]:
        """Each input with its place among the columns; None where it takes them all."""
        if len(self._inputs) == 1:
            return [(self._inputs[0], None)]
        names, wanted = list(schema.names or ()), [each.name for each in self._inputs]
        if sorted(names) != sorted(wanted):
            raise ModelUnavailable(
                f"the graph takes the columns {', '.join(wanted)}, its manifest says"
                f" {', '.join(names) or 'none'}: write it anew with `python -m deploy manifest`"
            )
        return [(each, names.index(each.name)) for each in self._inputs]


def _options(onnxruntime: Any, file: Path) -> Any:
    options = onnxruntime.SessionOptions()
    # One thread of the worker's asks; a pool of more would wait for work by spinning, on the cores
    # of the event loop and of the other workers.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # The arena never gives back what the largest request took.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = _FATAL
    # Weights can lie in other files, which no digest covers. Nothing lies in a folder that is none.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(file)
    )
    return options


def _kind(each: Any) -> ColumnType:
    return _TYPES[each.type][0]


def _tensor(cells: Array, each: Any) -> Array:
    """Cells, shape (rows, columns), as an input takes them. Raises UnfitInput."""
    kind, dtype = _TYPES[each.type]
    if kind == "text":  # what is missing is the empty text
        made = np.where(cells != cells, "", cells)  # noqa: PLR0124 - NaN, also among objects
    else:
        made = _numbers(cells, np.dtype(dtype))
    return np.ascontiguousarray(made[:, 0] if len(each.shape) == 1 else made)


def _numbers(cells: Array, dtype: np.dtype[Any]) -> Array:
    if cells.dtype == dtype:
        return cells
    unfit = UnfitInput(field="data", expected=f"numbers that {dtype} holds", got="others")
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            made = cells.astype(dtype)
    except (ValueError, OverflowError) as error:  # NaN as an integer
        raise unfit from error
    # scikit-learn's trees refuse what float32 has no room for, too.
    lost = np.isinf(made) if dtype.kind == "f" else made != cells
    if lost.any():
        raise unfit
    return made


def _array(answers: Any, *, flat: bool) -> Any:
    """Probabilities by class as an array, (rows, classes); a column of labels as a list of them."""
    if isinstance(answers, list) and answers and isinstance(answers[0], dict):
        return np.array([list(row.values()) for row in answers])
    if flat and getattr(answers, "ndim", 0) == 2 and answers.shape[1] == 1:
        return answers[:, 0]
    return answers
