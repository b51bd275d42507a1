"""What the form of a model has: its columns, as the schema says."""

from types import SimpleNamespace

import pytest

from inference.description import form
from inference.models.manifests import Golden
from inference.rows.schema import Column, Schema, frame_schema, texts_schema
from inference.scripts import EstimatorScript
from inference.scripts.user_script import UserScript


def of(schema, rows=(), classes=None, manifest=True):
    described = SimpleNamespace(golden=Golden(rows=rows), classes=classes)
    script = EstimatorScript.__new__(EstimatorScript)
    script.schema, script.method = schema, "predict"
    script._manifest = described if manifest else None
    return form.describe_form(script)


def test_a_column_has_its_type_its_values_and_whether_it_may_be_missing():
    columns = [
        Column("age", "number", missing=True),
        Column("city", "category", categories=("Oslo", "Rome")),
        Column("plan", "text", known=("a", "b")),
        Column("since", "date", dtype="datetime64[ns, UTC]"),
    ]
    found = of(frame_schema(columns))
    assert [(each["type"], each["missing"], each["values"]) for each in found["columns"]] == [
        ("number", True, None),
        ("category", False, ["Oslo", "Rome"]),
        ("text", False, ["a", "b"]),
        ("date", False, None),
    ]
    assert [each["zone"] for each in found["columns"]] == [False, False, False, True]


def test_a_model_of_texts_has_one_text():
    found = of(texts_schema("review"))
    assert (found["kind"], [each["name"] for each in found["columns"]]) == ("texts", ["review"])


def test_columns_without_names_are_numbered_and_a_model_of_unknown_width_has_none():
    found = of(Schema(features=2, allows_missing=True))
    assert [(each["name"], each["missing"]) for each in found["columns"]] == [
        ("0", True), ("1", True),
    ]  # fmt: skip
    assert not found["named"]
    assert of(Schema())["columns"] == []


@pytest.mark.parametrize(
    ("features", "cells", "grid"),
    [
        (64, [0.0, 16.0], {"side": 8, "brightest": 16.0}),
        (64, [-1.0, 16.0], None),
        (64, [None, 1.0], None),
        (16, [0.0, 1.0], None),
        (65, [0.0, 1.0], None),
        (64, [], None),
    ],
)
def test_a_square_of_bright_cells_is_drawn(features, cells, grid):
    assert of(Schema(features=features), rows=[cells] if cells else [])["grid"] == grid


def test_probabilities_are_asked_for_where_there_are_classes():
    assert of(Schema(features=1), classes=["no", "yes"])["outputs"] == (
        "predictions", "probabilities",
    )  # fmt: skip
    assert of(Schema(features=1), classes=[["a"], ["b"]])["classes"] is None
    assert of(Schema(features=1), manifest=False)["outputs"] == ("predictions",)


def test_a_script_takes_a_body():
    script = UserScript.__new__(UserScript)
    script.declared = None
    assert form.describe_form(script) == {"kind": "body", "example": None}
