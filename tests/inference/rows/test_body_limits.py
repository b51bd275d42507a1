"""MAX_BODY_BYTES and MAX_ROWS limit every format while it is read."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

from inference.errors import CallerError, InputTooLarge, MalformedInput
from inference.limits import Limits
from inference.open_inference import inference_request
from inference.rows import decompression, formats, media_types
from inference.rows.schema import Schema
from inference.scripts import EstimatorScript
from inference.settings import InferenceSettings
from tests.inference import large_bodies

MB = 1024 * 1024
ROWS = 1500

FORMAT = pytest.mark.parametrize("name", large_bodies.FORMATS)


@FORMAT
def test_one_row_past_the_limit_is_refused_with_the_settings_name_and_the_size(name):
    body, kind = large_bodies.made(name, ROWS)
    read = formats.decode(body, kind, Schema(), limits=Limits(100 * MB, ROWS)).require_valid()
    assert len(read) == ROWS
    with pytest.raises(InputTooLarge, match=r"1,500 rows, the limit is 1,499 \(MAX_ROWS\)"):
        formats.decode(body, kind, Schema(), limits=Limits(100 * MB, ROWS - 1))


@FORMAT
def test_a_byte_past_the_limit_is_refused_with_the_settings_name(name):
    body, kind = large_bodies.made(name, ROWS)
    with pytest.raises(InputTooLarge, match="MAX_BODY_BYTES"):
        formats.decode(body, kind, Schema(), limits=Limits(len(body) - 1, ROWS))


@pytest.mark.parametrize("name", ["parquet", "parquet of zeros", "arrow"])
def test_columnar_formats_are_limited_by_their_unpacked_size(name):
    body, kind = large_bodies.made(name, ROWS)
    unpacked = ROWS * large_bodies.COLUMNS * 8
    assert len(formats.decode(body, kind, Schema(), limits=Limits(2 * unpacked, ROWS)).values)
    with pytest.raises(InputTooLarge, match="MAX_BODY_BYTES"):
        formats.decode(body, kind, Schema(), limits=Limits(unpacked - 1, ROWS))


def test_the_setting_limits_the_bodies_of_a_script(model_dir, request_of):
    settings = InferenceSettings(model_dir=model_dir, max_body_bytes=64 * 1024, max_rows=10**6)
    body, kind = large_bodies.made("parquet of zeros", 20_000)
    assert len(body) < settings.max_body_bytes
    with pytest.raises(InputTooLarge, match=r"65,536 \(MAX_BODY_BYTES\)"):
        EstimatorScript(settings).parse(request_of(body, kind))


@pytest.mark.parametrize("body", [large_bodies.tensor(10), large_bodies.tensor(3000)])
def test_tensors_are_limited_too(body):
    for limits in (Limits(len(body) - 1, 10_000), Limits(len(body), 9)):
        with pytest.raises(InputTooLarge, match="MAX_"):
            inference_request.read(body, "", output="predict", limits=limits)


def test_limits_are_a_required_argument():
    readers = (formats.decode, formats.parts, decompression.decompress_body, inference_request.read)
    for reader in readers:
        assert inspect.signature(reader).parameters["limits"].default is inspect.Parameter.empty


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'[["' + b"a" * 5 * MB + b'"]]', media_types.JSON),
        (b"[[" + b"1," * 300_000 + b"1]]", media_types.JSON),
        (b'{"data": [[1]], "more": "' + b"a" * 5 * MB + b'"}', media_types.JSON),
        (b"1," * 300_000, media_types.CSV),
        (b'"a\n",' * 300_000, media_types.CSV),
        (b"[" + b"1," * 300_000 + b"1]", media_types.JSON_LINES),
        (b"1" * 5 * MB, media_types.JSON_LINES),
    ],
    ids=["text", "cells", "beside", "CSV cells", "quoted lines", "JSON line", "JSON digits"],
)
def test_a_row_that_is_too_long_is_refused_with_its_limit(body, kind):
    with pytest.raises(MalformedInput, match=r"4,194,304|131,072"):
        formats.decode(body, kind, Schema(), limits=Limits(100 * MB, 10**6))


def test_a_footer_of_lists_in_lists_is_malformed():
    footer = b"\x19" + b"\x19" * 5000
    body = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    with pytest.raises(MalformedInput, match="footer"):
        formats.decode(body, media_types.PARQUET, Schema(), limits=Limits(MB, 9))


@pytest.mark.parametrize("kind", [0x1C, 0x1B, 0x1A], ids=["structures", "maps", "sets"])
def test_a_deeply_nested_footer_is_malformed(kind):
    footer = bytes([kind]) * 5000
    body = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    with pytest.raises(CallerError):
        formats.decode(body, media_types.PARQUET, Schema(), limits=Limits(MB, 9))


def in_a_process(name: str, size: int) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.inference.large_bodies", name, str(size)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


#: Making these takes some seconds each.
SLOW = ("Parquet columns", "one row", "flat numbers")


@pytest.mark.timed
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long) if name in SLOW else name
        for name in large_bodies.HOSTILE
    ],
)
def test_a_hostile_body_is_refused_within_a_second_and_300_mb(name):
    found = in_a_process(name, 90_000_000)
    assert found["came"] != "rows"
    assert found["took"] < 300_000_000
    # Processor time, since other tests may run at the same time.
    assert found["seconds"] < 1, found


@FORMAT
def test_reading_takes_at_most_four_times_the_bytes_of_body_or_cells(name):
    found = in_a_process(name, 40_000)
    assert found["came"] == "rows"
    assert found["took"] < 4 * max(found["bytes"], found["cells"] * 8) + 8 * MB, found


@pytest.mark.long
@pytest.mark.parametrize("name", large_bodies.TYPED)
def test_reading_typed_columns_takes_at_most_four_times_the_bytes_of_body_or_cells(name):
    found = in_a_process(name, 15_000)
    assert found["came"] == "rows"
    assert found["took"] < 4 * max(found["bytes"], found["cells"] * 8) + 8 * MB, found
