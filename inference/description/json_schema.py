"""What a model takes and answers, as JSON Schema (2020-12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inference.models.manifests import Manifest
from inference.rows.formats.json_rows import NAMES
from inference.rows.schema import Column, ColumnType, Schema

JsonSchema = dict[str, Any]

#: The place of the schemas that others refer to in an OpenAPI document.
COMPONENTS = "#/components/schemas/"

_TYPES: Mapping[ColumnType, str] = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "text": "string",
    "date": "string",
}
_TEXT: JsonSchema = {"type": "string"}


def components(schema: Schema) -> dict[str, JsonSchema]:
    """The schemas under COMPONENTS: a row, a record, and a list of either.

    A model without names takes records too, in the order of the first one's names. JSON Schema
    can't express that, so it is left out.
    """
    one = {"Row": row(schema)}
    if schema.names is not None:
        one["Record"] = record(schema)
    items: list[JsonSchema] = [{"$ref": f"{COMPONENTS}{name}"} for name in one]
    if schema.kind == "texts":
        items.append(_TEXT)
    some = [{"type": "array", "items": each} for each in items]
    return one | {"Rows": {"anyOf": some}}


def documents(schema: Schema) -> JsonSchema:
    """The documents that inference.rows.formats.json_rows reads: rows, or an object with rows under
    one of NAMES, where they may be split from their names, or columns. Two of NAMES are refused.
    """
    rows = {"$ref": f"{COMPONENTS}Rows"}
    split = [] if schema.kind == "texts" else [_split(schema)]
    by_column = [] if schema.kind == "texts" and schema.names is None else [_by_column(schema)]
    if schema.names is not None:  # or one record alone
        by_column.append({"$ref": f"{COMPONENTS}Record"})
    under: JsonSchema = {"anyOf": [rows, *split, *by_column]}
    shapes: list[JsonSchema] = [rows, *split]
    for name in NAMES:
        others: JsonSchema = {each: {"type": "null"} for each in NAMES}
        properties = {"columns": False} | others | {name: under}
        shapes.append({"type": "object", "required": [name], "properties": properties})
    return {"anyOf": shapes}


def row(schema: Schema) -> JsonSchema:
    """A list of cells, in the model's order."""
    width = schema.features
    whole: JsonSchema = {"type": "array"}
    if width is not None:
        whole |= {"minItems": width, "maxItems": width}
    if schema.names is None:
        return whole | {"items": _cell(_number(schema), schema)}
    cells = [{"title": name} | cell for name, cell in _columns(schema).items()]
    return whole | {"prefixItems": cells}


def record(schema: Schema) -> JsonSchema:
    """Cells by the model's names. One that may be missing may be left out. Others are allowed."""
    columns = _columns(schema)
    optional = {column.name for column in schema.columns or () if column.missing}
    required = [name for name in columns if name not in optional and not schema.allows_missing]
    whole: JsonSchema = {"type": "object", "properties": columns}
    return whole | {"required": required} if required else whole  # Swagger 2.0 takes no empty list


def answer(manifest: Manifest | None, method: str) -> JsonSchema:
    """The answer to one row: a class, or a value like the golden predictions. Any value without a
    manifest.
    """
    if manifest is None:
        return {}
    classes = manifest.classes
    if method == "predict" and classes and not any(isinstance(each, list) for each in classes):
        return _like(classes) | {"enum": list(classes)}
    return _like(manifest.golden.predictions)


def probabilities(classes: Sequence[Any]) -> JsonSchema:
    """The answer to `?output=probabilities`: a label and the probabilities of `classes` a row."""
    return {
        "type": "object",
        "required": ["predictions", "probabilities", "classes"],
        "properties": {
            "predictions": {"type": "array"},
            "probabilities": {"type": "array", "items": {"type": "array"}},
            "classes": {"const": list(classes)},
        },
    }


def swagger_item(schema: Schema) -> JsonSchema:
    """A row in the form that the keywords of Swagger 2.0 describe best."""
    if schema.kind == "texts":
        return _TEXT
    if schema.kind == "frame":
        return to_swagger(record(schema))
    return to_swagger({"type": "array", "items": _cell(_number(schema), schema)})


def to_swagger(schema: JsonSchema) -> JsonSchema:
    """A schema in the keywords of Swagger 2.0 and OpenAPI 3.0, with the first of several types."""
    copy = dict(schema)
    if isinstance(types := copy.get("type"), list):
        copy["type"] = types[0]
        if "null" in types:
            copy["x-nullable"] = True
    if "items" in copy:
        copy["items"] = to_swagger(copy["items"])
    if "properties" in copy:
        copy["properties"] = {name: to_swagger(each) for name, each in copy["properties"].items()}
    return copy


def _split(schema: Schema) -> JsonSchema:
    """Rows with their column names. JSON Schema can't say that the cells of a row have the order of
    `columns`: the schema of a row has the model's order.
    """
    # pandas numbers the columns of a frame without names.
    columns: JsonSchema = {"type": "array", "items": {"type": ["string", "integer"]}}
    if schema.names is not None:
        columns = {
            "const": list(schema.names),
            "description": "In any order. Rows have the same order.",
        }
    row_or_record: JsonSchema = {"$ref": f"{COMPONENTS}Row"}
    if schema.names is not None:
        row_or_record = {"anyOf": [row_or_record, {"$ref": f"{COMPONENTS}Record"}]}
    data = {"type": "array", "items": row_or_record}
    return {
        "type": "object",
        "required": ["columns", NAMES[0]],
        "properties": {"columns": columns, NAMES[0]: data},
    }


def _by_column(schema: Schema) -> JsonSchema:
    """An object of columns, each a list of equally many cells. Other names are allowed; a model
    without names takes any, one a feature.
    """
    if schema.names is None:
        column = {"type": "array", "items": _cell(_number(schema), schema)}
        counts = {} if schema.features is None else _exactly(schema.features)
        return {"type": "object", "additionalProperties": column} | counts
    cells = {name: {"type": "array", "items": cell} for name, cell in _columns(schema).items()}
    return {"type": "object", "required": list(cells), "properties": cells}


def _exactly(count: int) -> JsonSchema:
    return {"minProperties": count, "maxProperties": count}


def _columns(schema: Schema) -> dict[str, JsonSchema]:
    columns = schema.columns or [_number(schema, name) for name in schema.names or ()]
    return {column.name: _cell(column, schema) for column in columns}


def _number(schema: Schema, name: str = "") -> Column:
    """A column of an array."""
    return Column(name, "number" if schema.dtype.startswith("float") else "integer")


def _cell(column: Column, schema: Schema) -> JsonSchema:
    missing = column.missing or schema.allows_missing
    if known := column.categories or column.known:
        return _one_of(known, schema, missing=missing)
    boolean = ["boolean"] if schema.kind == "array" else []  # to NumPy true is 1
    types = [_TYPES[column.type], *boolean, *(["null"] if missing else [])]
    cell: JsonSchema = {"type": types if len(types) > 1 else types[0]}
    if column.type == "date":
        cell["description"] = "A date or time in ISO 8601"
        cell["description"] += ", with its time zone" if "," in column.pandas_dtype else ""
    return cell


def _one_of(values: Sequence[Any], schema: Schema, *, missing: bool) -> JsonSchema:
    """An unseen category may be a missing cell."""
    if schema.unseen == "missing":
        return _like(values)
    return {"enum": [*values, None] if missing else [*values]}


def _like(values: Sequence[Any]) -> JsonSchema:
    """A schema that all the values meet. A number may be null, because NaN is written so."""
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
