"""Makes the outputs of a converted classifier those that scikit-learn's methods return.

skl2onnx writes boolean labels as integers, and the scores of two classes as two columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def as_the_model_answers(graph: Any, estimator: Any, method: str) -> None:
    """Change a graph, whose first output is the labels and whose second the scores."""
    classes = getattr(estimator, "classes_", None)
    if not isinstance(classes, np.ndarray):  # a regressor, or several outputs
        return
    from onnx import TensorProto, helper  # noqa: PLC0415 - an extra

    outputs = graph.graph.output
    if classes.dtype == bool:
        name = _renamed(outputs[0])
        cast = helper.make_node("Cast", [name], [outputs[0].name], to=TensorProto.BOOL)
        outputs[0].type.tensor_type.elem_type = TensorProto.BOOL
        graph.graph.node.append(cast)
    if method == "decision_function" and len(classes) == 2 and len(outputs) > 1:
        name = _renamed(outputs[1])
        second = helper.make_tensor("second_class", TensorProto.INT64, [1], [1])
        graph.graph.initializer.append(second)
        taken = helper.make_node("Gather", [name, second.name], [outputs[1].name], axis=1)
        outputs[1].type.tensor_type.shape.dim[1].dim_value = 1
        graph.graph.node.append(taken)


def _renamed(output: Any) -> str:
    """The name of a graph's output, which then gets another one."""
    name: str = output.name
    output.name = f"{name}_of_the_model"
    return name
