"""What a model or a script takes and answers, by content type.

model                   takes rows or records, and answers each
script with a schema    takes a JSON object, as its decorators declare
any other script        takes any bytes; the same is assumed before anything is loaded
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inference.column_names import DEFAULT, ColumnNames
from inference.description import examples, json_schema
from inference.description.json_schema import JsonSchema
from inference.models.manifests import Golden, Manifest
from inference.output_choice import OUTPUTS, PREDICTIONS, Output
from inference.rows import media_types
from inference.rows.formats.output_columns import OutputColumns
from inference.rows.schema import Schema
from inference.scripts import EstimatorScript, Script, UserScript
from inference.scripts.inference_schema import UNDECLARED, DeclaredSchema

ANY = "*/*"


@dataclass(frozen=True, slots=True)
class Content:
    """Bodies of one content type: a JSON Schema, and examples by name."""

    schema: JsonSchema = field(default_factory=dict)
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Interface:
    """What is taken and answered, by content type."""

    reads: Mapping[str, Content]
    answers: Mapping[str, Content]
    #: Schemas that `reads` refers to, under json_schema.COMPONENTS.
    components: Mapping[str, JsonSchema] = field(default_factory=dict)
    #: The JSON forms only, as inference-schema's decorators would declare them.
    declared: DeclaredSchema = UNDECLARED
    #: What `?output=` may ask for.
    outputs: tuple[Output, ...] = ()

    @property
    def scripted(self) -> bool:
        """Whether a script serves, which may make responses itself and gets compressed bodies as
        they are. Assumed before anything is loaded.
        """
        return ANY in self.answers


#: For a script without a schema, and before anything is loaded.
UNKNOWN = Interface(reads={ANY: Content()}, answers={media_types.JSON: Content(), ANY: Content()})


def describe(script: Script, names: ColumnNames = DEFAULT) -> Interface:
    """The interface of a loaded script. `names`: of the columns of its answers."""
    if isinstance(script, EstimatorScript):
        return _of_model(script.schema, script.manifest, script.method, OutputColumns(names))
    declared = script.declared if isinstance(script, UserScript) else None
    return UNKNOWN if declared is None else _of_declared(declared)


def _of_declared(declared: DeclaredSchema) -> Interface:
    names = declared.parameters
    known, example = declared.input.get("properties", {}), declared.input.get("example", {})
    taken: JsonSchema = {
        "type": "object",
        "required": [name for name, required in names.items() if required],
        "properties": {name: known.get(name, {}) for name in names},
    }
    sample = {name: each for name, each in example.items() if name in names}
    answer = dict(declared.output)
    answered = {"sample": answer.pop("example")} if "example" in answer else {}
    return Interface(
        reads={media_types.JSON: Content(taken, {"sample": sample} if sample else {})},
        answers={media_types.JSON: Content(answer, answered), ANY: Content()},
        declared=declared,
    )


def _of_model(
    schema: Schema, manifest: Manifest | None, method: str, columns: OutputColumns
) -> Interface:
    golden = examples.shorten(manifest.golden) if manifest else Golden()
    one = json_schema.answer(manifest, method)
    documents = json_schema.documents(schema)
    answers: JsonSchema = {"type": "array", "items": one}
    classes = manifest.classes if manifest else None
    if classes:
        # Some readers of OpenAPI fail on `anyOf` here; a keyword of lists says nothing of objects.
        answers |= json_schema.probabilities(classes) | {"type": ["array", "object"]}
    forms = media_types.FORMATS
    return Interface(
        reads={
            form: Content(_body(form, documents), examples.request_bodies(form, golden, schema))
            for form in forms
            if form != media_types.NPY or schema.only_numbers  # .npy holds only numbers
        },
        answers={
            form: Content(_body(form, answers), examples.response_bodies(form, golden, columns))
            for form in forms
        },
        components=json_schema.components(schema),
        declared=_declared(schema, golden, one),
        outputs=OUTPUTS if classes else (PREDICTIONS,),
    )


def _body(form: str, document: JsonSchema) -> JsonSchema:
    if form == media_types.JSON:
        return document
    return {"type": "string"} if form in examples.TEXT_FORMATS else {}


def _declared(schema: Schema, golden: Golden, answer: JsonSchema) -> DeclaredSchema:
    """What a script with decorators would declare if it served the model."""
    rows = {"type": "array", "items": json_schema.swagger_item(schema)}
    taken: JsonSchema = {"type": "object", "required": ["data"], "properties": {"data": rows}}
    answers: JsonSchema = {"type": "array", "items": json_schema.to_swagger(answer)}
    if golden.rows:
        taken["example"] = {"data": examples.swagger_rows(golden, schema)}
        answers["example"] = golden.predictions
    return DeclaredSchema(taken, answers)
