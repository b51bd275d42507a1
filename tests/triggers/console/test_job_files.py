"""Files that the console takes and hands out, over a real storage account."""

import json
import uuid

import azure.functions as func
import pytest
from azure.storage.blob import BlobServiceClient

from inference.errors import InputTooLarge, MalformedInput, Overloaded, UnfitInput, UnsupportedType
from inference.limits import Limits
from inference.models import ModelId
from inference.serving.counts import Counts
from inference.serving.finished_requests import FinishedRequests
from triggers.console import file_routes
from triggers.console.job_files import AWAY, JobFiles
from triggers.settings import TriggerSettings

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
    file_id = make().submit("My rows.CSV.gz", ROWS, "probabilities")
    blob = account.get_blob_client("scoring-input", file_id)
    assert blob.download_blob().readall() == ROWS
    assert file_id.endswith(".csv.gz")
    assert blob.get_blob_properties().metadata == {
        "request_id": file_id, "output": "probabilities",
    }  # fmt: skip


def test_a_file_goes_where_the_trigger_looks_for_blobs(account, make):
    file_id = make(INPUT_BLOB_PATH="scoring-input/{day}/in-{name}").submit("a.json", b"[]", "")
    assert account.get_blob_client("scoring-input", f"console/in-{file_id}").exists()


@pytest.mark.parametrize(
    ("name", "body", "output", "error"),
    [
        ("rows.csv", b"", "", MalformedInput),
        ("rows.csv", b"1" * 1001, "", InputTooLarge),
        ("rows.exe", ROWS, "", UnsupportedType),
        ("", ROWS, "", UnsupportedType),
        ("rows.csv.zip", ROWS, "", UnsupportedType),
        ("rows.csv", ROWS, "everything", UnfitInput),
    ],
)
def test_a_file_that_can_not_be_scored_is_refused_before_it_is_stored(
    make, name, body, output, error
):
    with pytest.raises(error):
        make().submit(name, body, output)


def test_a_scored_file_is_handed_out_whole_or_its_beginning(account, make):
    files = make()
    file_id = files.submit("rows.csv", ROWS, "")
    assert (files.output(file_id, None), files.report(file_id)) == (None, None)
    finish(account, file_id, b"1,2,0,\n3,4,1,\n")
    whole = files.output(file_id, None)
    assert (whole.content, whole.size, whole.name) == (b"1,2,0,\n3,4,1,\n", 14, "scored.csv")
    assert files.output(file_id, 3).content == b"1,2"
    assert json.loads(files.report(file_id))["rows"] == 1


def test_an_output_in_another_format_is_found_by_the_report(account, make):
    file_id = make().submit("rows.csv", ROWS, "")
    place = f"scoring-output/{file_id}.parquet"
    account.get_blob_client("scoring-output", f"{file_id}.parquet").upload_blob(b"PAR1")
    report = json.dumps({"output": place}).encode()
    account.get_blob_client("scoring-output", f"{file_id}.report.json").upload_blob(report)
    assert make().output(file_id, None).name == "scored.csv.parquet"


def test_an_output_that_is_too_large_for_a_response_is_not_read(account, make):
    file_id = make().submit("rows.csv", ROWS, "")
    finish(account, file_id, b"1" * 2001)
    assert len(make().output(file_id, 10).content) == 10
    assert len(make().output(file_id, 10**12).content) == 2000
    with pytest.raises(InputTooLarge):
        make().output(file_id, None)


def test_no_other_blob_can_be_reached(account, make):
    files = make()
    account.get_blob_client("scoring-output", "secret.csv").upload_blob(b"secret")
    account.get_blob_client("scoring-output", "secret.csv.report.json").upload_blob(b"{}")
    names = ["secret.csv", "../scoring-input/a.csv", "", f"console-{'0' * 32}/../secret.csv"]
    for name in names:
        assert (files.output(name, None), files.report(name)) == (None, None)
    # Nor by a report that somebody else wrote.
    for place in ("scoring-output/secret.csv", "scoring-input/secret.csv"):
        forged = f"console-{uuid.uuid4().hex}.csv"
        report = json.dumps({"output": place}).encode()
        account.get_blob_client("scoring-output", f"{forged}.report.json").upload_blob(report)
        assert files.output(forged, None) is None


def test_storage_that_does_not_answer_is_tried_again_later(free_port):
    env = {
        "ScoringStorage": "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"
        f"BlobEndpoint=http://127.0.0.1:{free_port()}/a"
    }
    with pytest.raises(Overloaded, match=AWAY):
        JobFiles(env, TriggerSettings(), LIMITS).report(f"console-{'0' * 32}.csv")


async def test_the_routes_answer_as_documented(account, make, azurite):
    functions = func.Blueprint()
    env = {"ScoringStorage": azurite.connection_string}
    finished, seen = FinishedRequests(Counts(), lambda: ModelId("m", "1")), []
    finished.observe(seen.append)
    file_routes.add_routes(functions, finished, LIMITS, TriggerSettings(), env)
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

    taken = await ask("console_files", params={"name": "rows.csv"}, body=ROWS)
    assert taken.status_code == 202
    file_id = json.loads(taken.get_body())["id"]
    assert taken.headers["location"] == f"/models/v1/results/{file_id}"
    assert (await ask("console_file", id=file_id)).status_code == 404
    finish(account, file_id)
    part = await ask("console_file", id=file_id, headers={"range": "bytes=0-2"})
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 0-2/7")
    whole = await ask("console_file", id=file_id)
    assert (whole.status_code, whole.get_body()) == (200, b"1,2,0,\n")
    assert whole.headers["content-disposition"] == 'attachment; filename="scored.csv"'
    assert (await ask("console_file", id=file_id, params={"part": "report"})).status_code == 200
    large = await ask("console_files", params={"name": "rows.csv"}, body=b"1" * 1001)
    assert large.status_code == 413
    assert {each.route for each in seen} == {"console/files"}
    assert [each.status for each in seen] == [202, 404, 206, 200, 200, 413]
