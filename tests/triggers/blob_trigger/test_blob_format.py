"""A blob's format, compression and options: by its name, its headers and its metadata."""

import gzip
import json
import zlib

import pytest
from azure.storage.blob import BlobProperties, ContentSettings
from backports import zstd

from inference.errors import MalformedInput, UnsupportedType
from inference.rows.text_options import TextOptions, options_of
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from triggers.blob_trigger.blob_format import BlobFormat, format_of, raw_format_of

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
    assert settings.content_type == {"": "text/csv"}.get(output, f"application/{output}")


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
