"""A blob's format, compression and options: by its name, its headers and its metadata."""

import gzip
import io
import json
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure.storage.blob import BlobProperties, ContentSettings
from backports import zstd

from inference.errors import CallerError, MalformedInput, SettingError, UnsupportedType
from inference.rows.text_options import TextOptions, options_of
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from triggers.blob_options import BlobOptions
from triggers.storage.blob_format import BlobFormat, format_of, raw_format_of

CSV = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"
PACK = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress, "": bytes}


def blob(name, content_type=None, encoding=None, **metadata):
    properties = BlobProperties(metadata=metadata)
    properties.name = name
    properties.content_settings = ContentSettings(content_type, content_encoding=encoding)
    return properties


@pytest.mark.parametrize(
    ("properties", "form"),
    [
        (blob("rows.csv"), BlobFormat("text/csv")),
        (blob("ROWS.CSV", "application/octet-stream"), BlobFormat("text/csv")),
        (blob("a/b.c/Rows.JsonL.GZ"), BlobFormat("application/jsonl", ("gzip",), "gzip")),
        (blob("rows.json.zst"), BlobFormat("application/json", ("zstd",), "zstd")),
        (
            blob("rows.npy.gz", "application/gzip"),
            BlobFormat("application/x-npy", ("gzip",), "gzip"),
        ),
        (blob("rows.csv", None, "gzip"), BlobFormat("text/csv", ("gzip",))),
        (blob("rows.csv", None, "x-gzip"), BlobFormat("text/csv", ("gzip",))),
        (blob("rows.csv", None, "identity"), BlobFormat("text/csv")),
        (blob("rows.csv.gz", None, "gzip"), BlobFormat("text/csv", ("gzip",), "gzip")),
        (blob("rows.csv.gz", None, "zstd"), BlobFormat("text/csv", ("zstd", "gzip"), "gzip")),
        (blob("rows.gz", "text/csv"), BlobFormat("text/csv", ("gzip",), "gzip")),
        (blob("rows", "application/json"), BlobFormat("application/json")),
        (blob("rows"), BlobFormat("application/json")),
    ],
    ids=lambda each: each.name if isinstance(each, BlobProperties) else "",
)
def test_the_name_counts_before_the_content_type(properties, form):
    assert format_of(properties) == form


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        (blob("rows.parquet.gz"), r"format '\*.parquet.gz' is not read, .*; send \*.parquet"),
        (blob("rows.PARQUET.ZST"), r"\*.parquet.zst"),
        (blob("rows", "application/vnd.apache.parquet", "gzip"), None),
        (blob("rows.gz"), r"\*.gz.* send .csv.gz, .csv.zst"),
        (blob("rows.gz", "application/x-gzip"), r"\*.gz"),
        (blob("rows.tar.gz"), r"\*.tar.gz"),
        (blob("rows.xyz"), r"\*.xyz"),
        (blob("rows.csv.zip"), r"\*.zip"),
        (blob("rows.csv", None, "br"), "encoding 'br'"),
        (blob("rows.csv.gz", None, "gzip, gzip"), "encoding 'gzip, gzip'"),
    ],
    ids=lambda each: each.name if isinstance(each, BlobProperties) else "",
)
def test_an_unknown_format_or_compression_is_refused_by_name(properties, says):
    if says is None:
        assert format_of(properties).encodings == ("gzip",)
        return
    with pytest.raises(UnsupportedType, match=says):
        format_of(properties)


def test_a_script_that_takes_any_bytes_gets_them_as_they_are_stored():
    stored = blob("picture.csv.gz", "application/gzip", "gzip", header="absent")
    assert raw_format_of(stored) == BlobFormat("application/gzip")
    assert raw_format_of(blob("rows.csv")) == BlobFormat("text/csv")


def test_the_options_of_a_text_come_from_the_content_type_and_the_metadata():
    stored = blob("rows.csv", "text/csv; charset=latin-1; header=present", None, Header="absent")
    said = format_of(stored).content_type
    assert options_of(said) == TextOptions("latin_1", header=False)
    stored = blob("rows.csv", "application/octet-stream; charset=binary", None, delimiter=";")
    assert options_of(format_of(stored).content_type) == TextOptions(delimiter=";")
    with pytest.raises(MalformedInput, match='header: expected "present" or "absent", got "yes"'):
        options_of(format_of(blob("rows.csv", header="yes")).content_type)


@pytest.fixture
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


@pytest.mark.parametrize(
    ("name", "encoding", "stored", "output"),
    [
        ("rows.csv.gz", None, "gzip", "gzip"),
        ("rows.csv.zst", None, "zstd", "zstd"),
        ("rows.csv.gz", "gzip", "gzip", "gzip"),
        ("rows.csv", "zstd", "zstd", ""),
    ],
)
async def test_a_compressed_blob_is_scored_and_its_output_is_what_its_name_says(
    scorer, results, storage, name, encoding, stored, output
):
    source = storage.source.upload_blob(
        name, PACK[stored](CSV), content_settings=ContentSettings("text/csv", encoding)
    )
    document = json.loads(
        await parts(scorer, results, storage).handler.score(source, storage.output)
    )
    assert (document["status"], document["result"]["rows"]) == ("succeeded", 2)
    scored = b"0.9,0.9,0.9,1,\n0.1,0.1,0.1,0,\n"
    written = storage.written(name)
    unpack = {"gzip": gzip.decompress, "zstd": zstd.decompress, "": bytes}
    assert unpack[output](written) == scored
    settings = storage.output.get_blob_client(name).get_blob_properties().content_settings
    assert settings.content_encoding is None
    assert settings.content_type == {"": "text/csv; charset=utf-8"}.get(
        output, f"application/{output}"
    )


async def test_a_blob_in_another_charset_is_scored_and_written_in_utf8(scorer, results, storage):
    source = storage.source.upload_blob(
        "rows.csv",
        CSV.decode().encode("utf-16"),
        content_settings=ContentSettings("text/csv; charset=utf-16"),
    )
    document = json.loads(
        await parts(scorer, results, storage).handler.score(source, storage.output)
    )
    assert (document["status"], document["result"]["rows"]) == ("succeeded", 2)
    assert storage.written("rows.csv").startswith(b"0.9,0.9,0.9,1,\n")


async def test_metadata_says_the_delimiter_and_the_header(scorer, results, storage):
    source = storage.source.upload_blob(
        "rows.csv", CSV.replace(b",", b";"), metadata={"delimiter": ";", "header": "absent"}
    )
    document = json.loads(
        await parts(scorer, results, storage).handler.score(source, storage.output)
    )
    assert (document["status"], document["result"]["rows"]) == ("succeeded", 2)


@pytest.mark.parametrize(
    ("name", "word", "output"),
    [
        ("rows.csv", "parquet", "rows.csv.parquet"),
        ("rows.csv", ".Parquet", "rows.csv.parquet"),
        ("rows.csv", "csv", "rows.csv"),
        ("rows.csv", "jsonl.gz", "rows.csv.jsonl.gz"),
        ("rows.csv.gz", "jsonl", "rows.csv.gz.jsonl"),
        ("rows.csv.gz", "csv.gz", "rows.csv.gz"),
        ("rows.csv.gz", "csv", "rows.csv.gz.csv"),
        ("rows.ndjson", "jsonl", "rows.ndjson"),
        ("rows", "arrow", "rows.arrow"),
        ("rows.csv", "", "rows.csv"),
    ],
)
def test_the_name_of_the_output_ends_as_its_format_does(name, word, output):
    said = format_of(blob(name, "text/csv", output_format=word))
    assert name + said.output_ending(name) == output
    assert said.output_encoding == ("gzip" if output.endswith(".gz") else "")


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"output_format": "xlsx"}, "output_format in the blob's metadata: expected one of json"),
        ({"output_format": "parquet.gz"}, "output_format .* got 'parquet.gz'"),
        ({"output": "both"}, "output in the blob's metadata: expected one of predictions, prob"),
        ({"keep": '["a'}, "keep .* names with commas between them, or a JSON list of names"),
        ({"keep": "[1]"}, "keep .* got '.1.'"),
        ({"keep": "a", "drop": "a"}, "column 'a': expected kept or dropped, got both"),
    ],
)
def test_metadata_that_cant_be_read_are_refused_by_name(metadata, says):
    with pytest.raises(CallerError, match=says):
        format_of(blob("rows.csv", **metadata))


def test_metadata_override_the_settings():
    options = BlobOptions.from_env(
        {
            "BLOB_OUTPUT": "probabilities",
            "BLOB_OUTPUT_FORMAT": "parquet",
            "BLOB_KEEP_COLUMNS": 'id, "last, first"',
            "BLOB_DROP_COLUMNS": '["stra\\u00dfe"]',
        }
    )
    said = format_of(blob("rows.csv"), options)
    assert said.output.keep == ("id", "last, first")
    assert (said.output.drop, said.output.output) == (("straße",), "probabilities")
    assert said.output_ending("rows.csv") == ".parquet"
    said = format_of(blob("rows.csv", Keep="x", drop="", output="", output_format=""), options)
    assert (said.output.keep, said.output.drop) == (("x",), ())
    assert (said.output.output, said.output_format) == ("predictions", None)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("BLOB_OUTPUT", "both", "one of predictions, probabilities"),
        ("BLOB_OUTPUT_FORMAT", "xls", "one of json, csv"),
        ("BLOB_IGNORE_COLUMNS", "[1", "names with commas"),
        ("BLOB_DROP_COLUMNS", "a", "other columns than BLOB_KEEP_COLUMNS"),
    ],
)
def test_a_bad_setting_stops_the_start(name, value, expected):
    with pytest.raises(SettingError, match=f"{name}=.*expected {expected}"):
        BlobOptions.from_env({"BLOB_KEEP_COLUMNS": "a,b", name: value})


async def test_a_blob_of_csv_becomes_one_of_parquet(scorer, results, storage):
    body = b"id,a,b,c\n007,0.9,0.9,0.9\n008,0.1,0.1,0.1\n009,1,2,x\n"
    metadata = {
        "output_format": "parquet",
        "output": "probabilities",
        "ignore": "id",
        "drop": "a,b",
    }
    source = storage.source.upload_blob("rows.csv", body, metadata=metadata)
    document = json.loads(
        await parts(scorer, results, storage).handler.score(source, storage.output)
    )
    assert document["result"]["output"] == f"{storage.output.container_name}/rows.csv.parquet"
    assert storage.report("rows.csv")["output"] == document["result"]["output"]
    assert storage.outputs() == ["rows.csv.parquet", "rows.csv.report.json"]
    table = pq.read_table(io.BytesIO(storage.written("rows.csv.parquet")))
    assert table.schema.names == [
        *("id", "c", "prediction", "probability_0", "probability_1", "error"),
    ]
    assert table["id"].to_pylist() == ["007", "008", "009"]
    assert table["prediction"].to_pylist() == [1, 0, None]
    settings = storage.output.get_blob_client("rows.csv.parquet").get_blob_properties()
    assert settings.content_settings.content_type == "application/vnd.apache.parquet"


async def test_a_name_that_is_not_in_the_blob_is_its_error(scorer, results, storage):
    source = storage.source.upload_blob("rows.csv", b"a,b,c\n1,1,1\n", metadata={"keep": "id"})
    document = json.loads(
        await parts(scorer, results, storage).handler.score(source, storage.output)
    )
    assert document["status"] == "failed"
    assert "column 'id': expected one of the input's columns" in document["error"]["message"]
    assert storage.outputs() == ["rows.csv.report.json"]


@pytest.mark.parametrize("first", ["rows.csv", "rows.csv.parquet"])
async def test_an_output_that_is_another_blobs_is_not_replaced(scorer, results, storage, first):
    table = io.BytesIO()
    pq.write_table(pa.table({"a": [0.1], "b": [0.1], "c": [0.1]}), table)
    bodies = {"rows.csv": b"a,b,c\n" + CSV, "rows.csv.parquet": table.getvalue()}
    metadata = {"rows.csv": {"output_format": "parquet"}, "rows.csv.parquet": None}
    (second,) = bodies.keys() - {first}
    handler = parts(scorer, results, storage).handler

    async def score(name, body):
        source = storage.source.upload_blob(name, body, metadata=metadata[name], overwrite=True)
        return json.loads(await handler.score(source, storage.output))

    assert (await score(first, bodies[first]))["status"] == "succeeded"
    written = storage.written("rows.csv.parquet")
    for body in (bodies[second], b"no rows"):
        document = await score(second, body)
        assert document["status"] == "failed"
        assert storage.written("rows.csv.parquet") == written
    assert (await score(second, bodies[second]))["error"]["message"].endswith(
        f"got {storage.output.container_name}/rows.csv.parquet, the output of blob {first!r}"
    )
    assert (await score(first, bodies[first]))["status"] == "succeeded"


async def test_settings_say_the_output_of_every_blob(scorer, results, storage):
    options = BlobOptions.from_env(
        {"BLOB_OUTPUT_FORMAT": "jsonl.gz", "BLOB_KEEP_COLUMNS": "c", "BLOB_OUTPUT": "probabilities"}
    )
    handler = parts(scorer, results, storage, options=options).handler
    for name, metadata in (("rows.csv", {}), ("plain.csv", {"output_format": "", "output": ""})):
        body = b"a,b,c\n" + CSV
        source = storage.source.upload_blob(name, body, metadata=metadata or None)
        assert json.loads(await handler.score(source, storage.output))["status"] == "succeeded"
    first = json.loads(gzip.decompress(storage.written("rows.csv.jsonl.gz")).splitlines()[0])
    assert list(first) == ["c", "prediction", "probability_0", "probability_1"]
    stored = storage.output.get_blob_client("rows.csv.jsonl.gz").get_blob_properties()
    assert stored.content_settings.content_type == "application/gzip"
    assert storage.written("plain.csv") == b"c,prediction,error\n0.9,1,\n0.1,0,\n"
