"""What a model takes and answers, as JSON Schema (2020-12), from its schema and manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inference.models.manifests import Manifest
from inference.rows.codecs.json_rows import NAMES
from inference.rows.schema import ColumnType, Schema

JsonSchema = dict[str, Any]

#: Where OpenAPI keeps the schemas that others refer to.
COMPONENTS = "#/components/schemas/"

_TYPES: Mapping[ColumnType, str] = {"number": "number", "boolean": "boolean", "text": "string"}
_TEXT: JsonSchema = {"type": "string"}


def components(schema: Schema) -> dict[str, JsonSchema]:
    """Under COMPONENTS: one row, one record, and some of them.

    A model without names takes records too, whose order is that of the first one's names; JSON
    Schema can't say that, and it is left out.
    """
    one = {"Row": row(schema)}
    if schema.names is not None:
        one["Record"] = record(schema)
    items: list[JsonSchema] = [{"$ref": f"{COMPONENTS}{name}"} for name in one]
    if schema.kind == "texts":
        items.append(_TEXT)
    some = [{"type": "array", "minItems": 1, "items": each} for each in items]
    return one | {"Rows": {"anyOf": some}}


def documents(schema: Schema) -> JsonSchema:
    """The documents that inference.rows.codecs.json_rows reads, the first of its names alone."""
    rows = {"$ref": f"{COMPONENTS}Rows"}
    shapes: list[JsonSchema] = [rows]
    for position, name in enumerate(NAMES):
        absent = dict.fromkeys(("columns", *NAMES[:position]), False)
        shapes.append({"type": "object", "required": [name], "properties": {name: rows} | absent})
    if schema.kind != "texts":
        shapes.append(_split(schema))
    return {"anyOf": shapes}


def row(schema: Schema) -> JsonSchema:
    """A list of cells, in the model's order."""
    width = schema.features
    whole: JsonSchema = {"type": "array"}
    if width is not None:
        whole |= {"minItems": width, "maxItems": width}
    if schema.names is None:
        return whole | {"items": _cell("number", schema)}
    cells = [{"title": name} | cell for name, cell in _columns(schema).items()]
    return whole | {"prefixItems": cells}


def record(schema: Schema) -> JsonSchema:
    """Cells by the model's names; others may stand beside them."""
    columns = _columns(schema)
    return {"type": "object", "required": list(columns), "properties": columns}


def answer(manifest: Manifest | None, method: str) -> JsonSchema:
    """The answer to one row: a class, or what is like the golden ones; anything without those."""
    if manifest is None:
        return {}
    classes = manifest.classes
    if method == "predict" and classes and not any(isinstance(each, list) for each in classes):
        return _like(classes) | {"enum": list(classes)}
    return _like(manifest.golden.predictions)


def plain_item(schema: Schema) -> JsonSchema:
    """A row in the form that says most without JSON Schema's newer words."""
    if schema.kind == "texts":
        return _TEXT
    if schema.kind == "frame":
        return plain(record(schema))
    return plain({"type": "array", "items": _cell("number", schema)})


def plain(schema: JsonSchema) -> JsonSchema:
    """A schema in the words that Swagger 2.0 and OpenAPI 3.0 have too: of its types the first."""
    told = dict(schema)
    if isinstance(types := told.get("type"), list):
        told["type"] = types[0]
        if "null" in types:
            told["x-nullable"] = True
    if "items" in told:
        told["items"] = plain(told["items"])
    if "properties" in told:
        told["properties"] = {name: plain(each) for name, each in told["properties"].items()}
    return told


def _split(schema: Schema) -> JsonSchema:
    """JSON Schema can't say that each row has the order of `columns`: told is the model's."""
    columns: JsonSchema = {"type": "array", "items": _TEXT}
    if schema.names is not None:
        columns = {"const": list(schema.names), "description": "In any order, which rows share."}
    data = {"type": "array", "minItems": 1, "items": {"$ref": f"{COMPONENTS}Row"}}
    return {
        "type": "object",
        "required": ["columns", NAMES[0]],
        "properties": {"columns": columns, NAMES[0]: data},
    }


def _columns(schema: Schema) -> dict[str, JsonSchema]:
    names = schema.names or ()
    numbers: list[ColumnType] = ["number"] * len(names)
    types = schema.types or numbers
    return {name: _cell(kind, schema) for name, kind in zip(names, types, strict=True)}


def _cell(kind: ColumnType, schema: Schema) -> JsonSchema:
    types = [_TYPES[kind]]
    if schema.kind == "array":  # as NumPy has it, true is 1
        types.append("boolean")
    if schema.allows_missing:
        types.append("null")
    return {"type": types if len(types) > 1 else types[0]}


def _like(values: Sequence[Any]) -> JsonSchema:
    """What all of some JSON values meet; a number may be null, which is how NaN is written."""
    kinds = {type(value) for value in values}
    if kinds == {list}:
        lengths = {len(value) for value in values}
        width = {"minItems": min(lengths), "maxItems": max(lengths)} if len(lengths) == 1 else {}
        return {
            "type": "array",
            "items": _like([each for value in values for each in value]),
        } | width
    if kinds and kinds <= {int, float, type(None)}:
        return {"type": "integer"} if kinds == {int} else {"type": ["number", "null"]}
    return {frozenset({str}): _TEXT, frozenset({bool}): {"type": "boolean"}}.get(
        frozenset(kinds), {}
    )
