"""Files that the console takes and hands out, over a real storage account."""

import json
import re
import uuid
from pathlib import Path
from types import SimpleNamespace

import azure.functions as func
import pytest
from azure.storage.blob import BlobServiceClient

from inference.counters.counts import Counts
from inference.errors import InputTooLarge, MalformedInput, Overloaded, UnfitInput, UnsupportedType
from inference.limits import Limits
from inference.models import ModelId
from inference.rows.file_formats import FileFormat
from inference.rows.text_options import options_of
from inference.serving.finished_requests import FinishedRequests
from inference.serving.request_bodies import RequestBodies
from inference.settings import InferenceSettings
from triggers.console import byte_range, file_routes
from triggers.console.byte_range import ByteRange
from triggers.console.file_options import FileOptions
from triggers.console.job_files import AWAY, JobFiles
from triggers.settings import TriggerSettings
from triggers.storage import blob_format

ROWS = b"1,2\n3,4\n"
LIMITS = Limits(body_bytes=1000, rows=100)


@pytest.fixture(scope="module")
def account(azurite):
    with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        client.create_container("scoring-output")
        yield client


@pytest.fixture
def make(account, azurite):
    def make(**settings):
        env = {"ScoringStorage": azurite.connection_string}
        return JobFiles(env, TriggerSettings.from_env(settings), LIMITS)

    return make


def finish(account, file_id, content=b"1,2,0,\n", *, place=None, name=None):
    """Write the output and the report that the blob trigger would write."""
    place = place or f"scoring-output/{name or file_id}"
    container, _, blob = place.partition("/")
    account.get_blob_client(container, blob).upload_blob(content, overwrite=True)
    report = json.dumps({"output": place, "rows": 1}).encode()
    account.get_blob_client("scoring-output", f"{name or file_id}.report.json").upload_blob(report)


def test_a_file_becomes_a_blob_whose_result_has_its_id(account, make):
    options = FileOptions.read({"output": "probabilities", "name": "My rows.CSV.gz"})
    file_id = make().submit("My rows.CSV.gz", ROWS, options)
    blob = account.get_blob_client("scoring-input", file_id)
    assert blob.download_blob().readall() == ROWS
    assert file_id.endswith(".csv.gz")
    assert blob.get_blob_properties().metadata == {
        "request_id": file_id, "output": "probabilities",
    }  # fmt: skip


def test_a_file_goes_where_the_trigger_looks_for_blobs(account, make):
    file_id = make(INPUT_BLOB_PATH="scoring-input/{day}/in-{name}").submit("a.json", b"[]")
    assert account.get_blob_client("scoring-input", f"console/in-{file_id}").exists()


@pytest.mark.parametrize(
    ("name", "body", "error"),
    [
        ("rows.csv", b"", MalformedInput),
        ("rows.csv", b"1" * 1001, InputTooLarge),
        ("rows.exe", ROWS, UnsupportedType),
        ("", ROWS, UnsupportedType),
        ("rows.csv.zip", ROWS, UnsupportedType),
    ],
)
def test_a_file_that_can_not_be_scored_is_refused_before_it_is_stored(make, name, body, error):
    with pytest.raises(error):
        make().submit(name, body)


def test_a_scored_file_is_handed_out_whole_or_its_beginning(account, make):
    files = make()
    file_id = files.submit("rows.csv", ROWS)
    assert (files.find(file_id), files.report(file_id)) == (None, None)
    finish(account, file_id, b"1,2,0,\n3,4,1,\n")
    found = files.find(file_id)
    assert (found.size, found.name) == (14, "scored.csv")
    assert files.read(found, 0, 14) == b"1,2,0,\n3,4,1,\n"
    assert files.read(found, 2, 3) == b"2,0"
    assert json.loads(files.report(file_id))["rows"] == 1
    finish_again = account.get_blob_client("scoring-output", file_id)
    finish_again.upload_blob(b"other", overwrite=True)
    with pytest.raises(Overloaded):
        files.read(found, 0, 3)


def test_an_output_in_another_format_is_found_by_the_report(account, make):
    file_id = make().submit("rows.csv", ROWS)
    place = f"scoring-output/{file_id}.parquet"
    account.get_blob_client("scoring-output", f"{file_id}.parquet").upload_blob(b"PAR1")
    report = json.dumps({"output": place}).encode()
    account.get_blob_client("scoring-output", f"{file_id}.report.json").upload_blob(report)
    assert make().find(file_id).name == "scored.csv.parquet"


def test_no_other_blob_can_be_reached(account, make):
    files = make()
    account.get_blob_client("scoring-output", "secret.csv").upload_blob(b"secret")
    account.get_blob_client("scoring-output", "secret.csv.report.json").upload_blob(b"{}")
    names = ["secret.csv", "../scoring-input/a.csv", "", f"console-{'0' * 32}/../secret.csv"]
    for name in names:
        assert (files.find(name), files.report(name)) == (None, None)
    # Nor by a report that somebody else wrote.
    for place in ("scoring-output/secret.csv", "scoring-input/secret.csv"):
        forged = f"console-{uuid.uuid4().hex}.csv"
        report = json.dumps({"output": place}).encode()
        account.get_blob_client("scoring-output", f"{forged}.report.json").upload_blob(report)
        assert files.find(forged) is None


def test_storage_that_does_not_answer_is_tried_again_later(free_port):
    env = {
        "ScoringStorage": "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"
        f"BlobEndpoint=http://127.0.0.1:{free_port()}/a"
    }
    with pytest.raises(Overloaded, match=AWAY):
        JobFiles(env, TriggerSettings(), LIMITS).report(f"console-{'0' * 32}.csv")


@pytest.fixture
def bodies():
    env = {"MAX_BODY_BYTES": "1000", "MAX_BODIES_IN_WORK_BYTES": "4000"}
    return RequestBodies(InferenceSettings.from_env(env, root=Path.cwd()))


@pytest.fixture
def seen():
    """The requests that ended."""
    return []


@pytest.fixture
def ask(azurite, bodies, seen):
    """Call a route's function by its name."""
    functions = func.Blueprint()
    env = {"ScoringStorage": azurite.connection_string}
    finished = FinishedRequests(Counts(), lambda: ModelId("m", "1"))
    finished.observe(seen.append)
    limits = SimpleNamespace(limits=LIMITS)
    scorer = SimpleNamespace(finished=finished, bodies=bodies, settings=limits)
    file_routes.add_routes(functions, scorer, TriggerSettings(), env)
    handlers = {
        each.get_function_name(): each.get_user_function()
        for each in (builder.build() for builder in functions._function_builders)
    }

    async def ask(name, *, params=None, body=b"", headers=None, **route):
        url = "http://h/models/v1/console/files?name=rows.csv"
        request = func.HttpRequest(
            method="POST", url=url, params=params or {}, body=body, headers=headers or {},
            route_params=route,
        )  # fmt: skip
        return await handlers[name](request)

    return ask


async def test_the_routes_answer_as_documented(account, ask, seen):
    taken = await ask("console_files", params={"name": "rows.csv"}, body=ROWS)
    assert taken.status_code == 202
    file_id = json.loads(taken.get_body())["id"]
    assert taken.headers["location"] == f"/models/v1/results/{file_id}"
    assert (await ask("console_file", id=file_id)).status_code == 404
    finish(account, file_id)
    part = await ask("console_file", id=file_id, headers={"range": "bytes=0-2"})
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 0-2/7")
    rest = await ask("console_file", id=file_id, headers={"range": "bytes=3-"})
    assert (rest.status_code, rest.get_body()) == (206, b",0,\n")
    behind = await ask("console_file", id=file_id, headers={"range": "bytes=7-"})
    assert (behind.status_code, behind.headers["content-range"]) == (416, "bytes */7")
    whole = await ask("console_file", id=file_id)
    assert (whole.status_code, whole.get_body()) == (200, b"1,2,0,\n")
    assert whole.headers["content-disposition"] == 'attachment; filename="scored.csv"'
    assert (await ask("console_file", id=file_id, params={"part": "report"})).status_code == 200
    large = await ask("console_files", params={"name": "rows.csv"}, body=b"1" * 1001)
    assert large.status_code == 413
    assert {each.route for each in seen} == {"console/files"}
    assert [each.status for each in seen] == [202, 404, 206, 206, 416, 200, 200, 413]


async def test_an_output_that_is_too_large_for_a_response_is_fetched_in_ranges(account, make, ask):
    file_id = make().submit("rows.csv", ROWS)
    finish(account, file_id, b"1" * 2001)
    refused = await ask("console_file", id=file_id)
    assert refused.status_code == 413
    assert "fetch it in ranges" in refused.get_body().decode()
    part = await ask("console_file", id=file_id, headers={"range": "bytes=0-999"})
    assert len(part.get_body()) == 1000


async def test_a_file_counts_as_a_body_in_work(account, make, ask, bodies):
    file_id = make().submit("rows.csv", ROWS)
    finish(account, file_id, b"1" * 1900)
    held = await bodies.take(3000)
    whole = await ask("console_file", id=file_id)
    assert (whole.status_code, whole.headers["retry-after"]) == (503, "1")
    taken = await ask("console_files", params={"name": "rows.csv"}, body=b"1" * 1000)
    assert taken.status_code == 503
    held.give()
    assert len((await ask("console_file", id=file_id)).get_body()) == 1900
    (await bodies.take(3000)).give()  # nothing is held any more


@pytest.mark.parametrize(
    ("header", "size", "found"),
    [
        ("bytes=0-2", 7, (0, 3)),
        ("bytes=3-", 7, (3, 4)),
        ("bytes=3-99", 7, (3, 4)),
        ("bytes=7-", 7, (7, 0)),
        ("bytes=9-", 7, (9, 0)),
        ("bytes=0-", 10**9, (0, byte_range.MOST_BYTES)),
        ("bytes=5-999999999", 10**9, (5, byte_range.MOST_BYTES)),
        ("bytes=2-1", 7, None),
        ("bytes=-3", 7, None),
        ("bytes=0-1,3-4", 7, None),
        ("rows=0-1", 7, None),
        ("", 7, None),
    ],
)
def test_a_range_begins_where_it_says_and_has_a_bound(header, size, found):
    expected = found and ByteRange(*found)
    assert ByteRange.read(header, size) == expected


def test_the_options_of_a_file_are_in_the_metadata_and_the_content_type_of_its_blob(account, make):
    query = {
        "name": "rows.csv.gz", "output_format": "parquet", "keep": 'Größe, "last, first"',
        "drop": "", "header": "absent", "delimiter": "\t", "charset": "latin-1",
    }  # fmt: skip
    file_id = make().submit("rows.csv.gz", ROWS, FileOptions.read(query))
    properties = account.get_blob_client("scoring-input", file_id).get_blob_properties()
    assert properties.metadata == {
        "request_id": file_id,
        "output_format": "parquet",
        "keep": '["Gr\\u00f6\\u00dfe", "last, first"]',
    }
    form = blob_format.format_of(properties)
    said = options_of(form.content_type)
    assert (said.header, said.delimiter) == (False, "\t")
    assert said.charset == options_of("text/csv; charset=latin-1").charset
    assert form.output.keep == ("Größe", "last, first")
    assert form.output_format == FileFormat.parse("parquet")


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        ({"output": "everything"}, UnfitInput, "output"),
        ({"output_format": "xlsx"}, MalformedInput, "output_format in the query: expected one of"),
        ({"keep": "[1]"}, MalformedInput, "keep in the query: expected names"),
        ({"ignore": "a\rb"}, MalformedInput, "ignore in the query: expected names"),
        ({"keep": "a", "drop": "a"}, UnfitInput, "column 'a': expected kept or dropped"),
        ({"header": "yes"}, MalformedInput, 'header: expected "present" or "absent"'),
        ({"delimiter": "ab"}, MalformedInput, "delimiter: expected"),
        ({"charset": "klingon"}, UnsupportedType, "klingon"),
    ],
)
def test_options_that_can_not_be_followed_are_refused(query, error, words):
    with pytest.raises(error, match=re.escape(words)):
        FileOptions.read(query)
