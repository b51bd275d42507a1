"""The console's routes in OpenAPI."""

from __future__ import annotations

from functools import partial

from inference import errors
from inference.output_choice import OUTPUTS
from inference.rows import file_formats
from triggers import blob_options
from triggers.description import openapi_headers as headers
from triggers.description import openapi_refusals as refusals
from triggers.description.openapi_operations import PENDING
from triggers.description.openapi_parts import (
    TEXT,
    Json,
    enum,
    open_get,
    operation,
    path_parameter,
    record,
    response,
)
from triggers.statuses import (
    BEHIND_END,
    NO_FILE,
    NO_VIEWER,
    NOT_SCORED,
    OUTPUT_TOO_LARGE,
    refusal_of,
)

_get = partial(open_get, parameters=[])
_OBJECT: Json = {"type": "object"}
_BINARY: Json = {}
_TAKEN = (
    *(errors.MalformedInput, errors.InputTooLarge, errors.UnsupportedType, errors.UnfitInput),
)
_DEPENDENCY = record(
    "status",
    status=enum(("ok", "failed")),
    message=TEXT,
    queues={
        "description": "Of Service Bus: the depths of queues and of the input's subscription;"
        " null without the right to ask."
    },
)


def paths(*, files: bool) -> Json:
    """`files`: whether the blob trigger is there to score them."""
    assets = {
        f"/{page}/assets/{{file}}": open_get(
            f"{page}Assets",
            "A file of the page",
            {
                "200": response("The file.", TEXT, "text/javascript"),
                **refusals.responses([NO_FILE]),
            },
            parameters=[path_parameter("file", TEXT)],
        )
        for page in ("console", "docs")
    }
    return {
        "/console": _get(
            "console", "A page to try the model", {"200": response("HTML.", TEXT, "text/html")}
        ),
        "/docs": _get(
            "docs",
            "This document as an interactive page",
            {"200": response("HTML.", TEXT, "text/html"), **refusals.responses([NO_VIEWER])},
        ),
        **assets,
        "/console/model": _get(
            "consoleModel",
            "What the page is made of: the model's columns",
            {"200": response("`form` is null while the model loads.", _OBJECT)},
        ),
        "/console/state": {"get": _state()},
        **(_files() if files else {}),
    }


def _state() -> Json:
    schema = record(storage=_DEPENDENCY, servicebus=_DEPENDENCY)
    return operation(
        "consoleState",
        "Whether storage and Service Bus answer, and the depths of the app's queues",
        {"200": response("By dependency.", schema)},
        parameters=[],
    )


def _options() -> list[Json]:
    """What the query may say of a file and its output."""
    columns = "Columns of the input that {}: names with commas between them, or a JSON list."
    found = {
        blob_options.OUTPUT: (
            enum(OUTPUTS),
            "`probabilities`: the probability of each class beside its label.",
        ),
        blob_options.FORMAT: (enum(file_formats.WORDS), "Of the output; else that of the file."),
        blob_options.IGNORE: (TEXT, columns.format("the model does not get")),
        blob_options.KEEP: (TEXT, columns.format("the output has")),
        blob_options.DROP: (TEXT, columns.format("the output lacks")),
        "charset": (TEXT, "Of a text; else UTF-8."),
        "header": (enum(("present", "absent")), "Whether a CSV's first line names its columns."),
        "delimiter": (TEXT, "Between the cells of a CSV: one character, or `tab`."),
    }
    return [
        {"name": name, "in": "query", "description": description, "schema": schema}
        for name, (schema, description) in found.items()
    ]


def _files() -> Json:
    errors_of_storage = (refusals.INTERNAL, refusals.OVERLOADED)
    name = {
        "name": "name",
        "in": "query",
        "required": True,
        "description": f"Its ending says the format: {', '.join(file_formats.WORDS)}.",
        "schema": TEXT,
        "example": "rows.csv",
    }
    part = {
        "name": "part",
        "in": "query",
        "description": "`report`: the file's report.",
        "schema": enum(("report",)),
    }
    later = headers.answers(("Retry-After",))
    taken = response("Uploaded as a blob.", PENDING) | {"headers": later}
    refused = [*map(refusal_of, _TAKEN), *errors_of_storage]
    return {
        "/console/files": {
            "post": operation(
                "submitFile",
                "Upload a file of at most MAX_BODY_BYTES, to be scored by the blob trigger",
                {"202": taken, **refusals.responses(refused)},
                parameters=[name, *_options()],
                requestBody={"required": True, "content": {"*/*": _BINARY}},
            )
        },
        "/console/files/{id}": {
            "get": operation(
                "scoredFile",
                "A scored file, or with `Range: bytes=…` at most 8 MiB of it",
                {
                    "200": {
                        "description": "All, or the report.",
                        "content": {"application/octet-stream": {}, "application/json": {}},
                    },
                    "206": {"description": "A part.", "content": {"application/octet-stream": {}}},
                    **refusals.responses(
                        [NOT_SCORED, OUTPUT_TOO_LARGE, BEHIND_END, *errors_of_storage]
                    ),
                },
                parameters=[path_parameter("id", TEXT), part],
            )
        },
    }
