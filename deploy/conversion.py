"""Converts an estimator to an ONNX graph with skl2onnx, and corrects the trees of that graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from deploy import graph_outputs
from inference.errors import ModelUnavailable
from inference.rows.schema import Schema

#: The versions of the operators of ONNX, fixed so that a newer skl2onnx writes the same graph.
OPSETS = {"": 21, "ai.onnx.ml": 3}
#: What a graph names as its producer. By it a graph of `triscore accelerate` is recognized.
PRODUCER = "triscore accelerate"
TOOLS = ("skl2onnx", "onnx", "onnxruntime", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Conversion:
    """One way to convert. `name` is the type of numbers; `convert` may raise anything."""

    name: str
    convert: Callable[[], bytes]


def trees(estimator: Any) -> list[Any]:
    """The trees of a tree, an ensemble, or a pipeline that ends in one, in evaluation order."""
    if hasattr(estimator, "steps"):
        estimator = estimator[-1]
    members = np.ravel(np.array(getattr(estimator, "estimators_", [estimator]), dtype=object))
    return [member.tree_ for member in members if hasattr(member, "tree_")]


def conversions(estimator: Any, schema: Schema, method: str) -> list[Conversion]:
    """The ways to convert, the most exact first. Raises ModelUnavailable if a tool is missing."""
    try:
        import onnxruntime  # noqa: F401, PLC0415 - what runs it is needed to prove it
        from skl2onnx.common import data_types  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            f"accelerate needs {error.name}, which is not installed: pip install skl2onnx"
            " onnxruntime"
        ) from error

    def convert(numbers: Any) -> Any:
        return _convert(estimator, _inputs(schema, numbers, data_types), method)

    return [
        Conversion(
            "float64", lambda: _exact_trees(convert(data_types.DoubleTensorType), trees(estimator))
        ),
        Conversion("float32", lambda: convert(data_types.FloatTensorType).SerializeToString()),
    ]


def require_convertible(schema: Schema) -> None:
    """Raises ModelUnavailable for columns that ONNX has no tensor for."""
    for column in schema.columns or ():
        if column.type in ("category", "date"):
            raise ModelUnavailable(
                "accelerate converts no model with columns of categories or dates, such as"
                f" {column.name!r} ({column.type})"
            )


def versions() -> dict[str, str]:
    """The versions of all tools that take part."""
    return {tool: version(tool) for tool in TOOLS}


def _inputs(schema: Schema, numbers: Any, data_types: Any) -> list[tuple[str, Any]]:
    """The inputs that inference.models.onnx_model uses: one tensor, or one for each column."""
    if schema.kind == "array":
        return [("X", numbers([None, schema.features]))]
    tensors = {
        "integer": numbers,
        "number": numbers,
        "boolean": data_types.Int64TensorType,  # skl2onnx encodes no booleans
        "text": data_types.StringTensorType,
    }
    columns = zip(schema.names or (), schema.types or (), strict=True)
    return [(name, tensors[kind]([None, 1])) for name, kind in columns]


def _convert(estimator: Any, inputs: list[tuple[str, Any]], method: str) -> Any:
    from skl2onnx import to_onnx  # noqa: PLC0415 - as above
    from sklearn.base import is_classifier  # noqa: PLC0415 - loaded with the estimator

    options = None
    if is_classifier(estimator):
        options = {"zipmap": False}
        if method == "decision_function":
            options["raw_scores"] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its doubts are settled by the proof
        graph = to_onnx(estimator, initial_types=inputs, options=options, target_opset=OPSETS)
    graph_outputs.as_the_model_answers(graph, estimator, method)
    graph.producer_name = PRODUCER
    return graph


def _exact_trees(model: Any, known: list[Any]) -> bytes:
    """Make trees compare like scikit-learn's, and add up their leaves as exactly.

    scikit-learn's trees round each cell to float32 and compare it with float64 thresholds. skl2onnx
    omits the rounding, so that a cell next to a threshold may take the other branch. It also loses
    which branch a missing cell takes. On float64 input the runtime adds up in float64 but returns
    float32, which the types of the graph must state.
    """
    from onnx import TensorProto, helper  # noqa: PLC0415 - as above

    single, double = TensorProto.FLOAT, TensorProto.DOUBLE
    outputs = {output.name: output for output in model.graph.output}
    nodes = []
    for number, node in enumerate(model.graph.node):
        if not node.op_type.startswith("TreeEnsemble"):
            nodes.append(node)
            continue
        known = _route_missing_cells(node, known)
        rounded, wide = f"rounded_{number}", f"wide_{number}"
        nodes.append(helper.make_node("Cast", [node.input[0]], [rounded], to=single))
        nodes.append(helper.make_node("Cast", [rounded], [wide], to=double))
        node.input[0] = wide
        nodes.append(node)
        scores = node.output[-1]  # the first output of a classifier is its labels
        if scores in outputs:
            outputs[scores].type.tensor_type.elem_type = single
        else:
            node.output[-1] = f"scores_{number}"
            nodes.append(helper.make_node("Cast", [f"scores_{number}"], [scores], to=double))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    serialised: bytes = model.SerializeToString()
    return serialised


def _route_missing_cells(node: Any, known: list[Any]) -> list[Any]:
    """Set the branch of missing cells in a node's trees; returns the trees of later nodes."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    of_tree = attributes["nodes_treeids"].ints
    numbers = {tree: number for number, tree in enumerate(dict.fromkeys(of_tree))}
    if len(numbers) <= len(known):
        attributes["nodes_missing_value_tracks_true"].ints[:] = [
            int(known[numbers[tree]].missing_go_to_left[at])
            for tree, at in zip(of_tree, attributes["nodes_nodeids"].ints, strict=True)
        ]
    return known[len(numbers) :]
