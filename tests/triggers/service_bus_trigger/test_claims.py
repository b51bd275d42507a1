"""Messages that name a blob with their rows: read as a body is, and from one container alone."""

import gzip
import io
import json
import zlib
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, ContentSettings
from azure.storage.blob import generate_container_sas as sign
from backports import zstd

from inference.errors import MalformedInput, Overloaded
from inference.request import Request
from tests.storage_proxy import StorageProxy
from triggers.service_bus_trigger import claims, message_components
from triggers.service_bus_trigger.claim_reader import ClaimReader
from triggers.service_bus_trigger.message_components import create_container
from triggers.service_bus_trigger.message_scoring import MessageHandler
from triggers.service_bus_trigger.received_message import ReceivedMessage
from triggers.storage import lazy_container, storage_clients
from triggers.storage.lazy_container import LazyContainer

CONTAINER = "scoring-claims"
CSV = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"
TABLE = np.array([[0.9, 0.9, 0.9], [0.1, 0.1, 0.1]])


def message(body=b"", name="m1", delivery_count=1, content_type="", **properties):
    return ReceivedMessage(
        body=body,
        message_id=name,
        delivery_count=delivery_count,
        content_type=content_type,
        application_properties=properties,
    )


def claim(blob, **more):
    return message(claim_blob=blob, **more)


@pytest.fixture
def storage(azurite):
    with BlobServiceClient.from_connection_string(azurite.connection_string) as account:
        for name in (CONTAINER, "secret"):
            account.create_container(name)
        yield account
        for container in account.list_containers():
            account.delete_container(container.name)


@pytest.fixture
def upload(storage):
    def upload(name, content=CSV, content_type=None, encoding=None, container=CONTAINER, **meta):
        return storage.get_blob_client(container, name).upload_blob(
            content,
            metadata=meta,
            overwrite=True,
            content_settings=ContentSettings(content_type, content_encoding=encoding),
        )

    return upload


def handler_of(scorer, results, connection_string, **more):
    container = LazyContainer({"ScoringStorage": connection_string}, CONTAINER)
    return MessageHandler(scorer, results, retry_s=0, claims=ClaimReader(container, scorer), **more)


@pytest.fixture
def handler(scorer, results, azurite, storage):
    return handler_of(scorer, results, azurite.connection_string)


async def documents(handler, *messages):
    return [json.loads(document) for document in (await handler.score(messages)).documents]


def npy():
    file = io.BytesIO()
    np.save(file, TABLE)
    return file.getvalue()


def parquet():
    file = io.BytesIO()
    pq.write_table(pa.table({f"f{n}": TABLE[:, n] for n in range(3)}), file)
    return file.getvalue()


JSON = orjson.dumps(TABLE.tolist())
JSON_LINES = b"[0.9,0.9,0.9]\n[0.1,0.1,0.1]\n"


@pytest.mark.parametrize(
    ("name", "content", "content_type", "encoding", "metadata"),
    [
        ("rows.csv", CSV, None, None, {}),
        ("deep/er/Rows.CSV", CSV, "application/octet-stream", None, {}),
        ("rows.json", JSON, None, None, {}),
        ("rows.jsonl", JSON_LINES, None, None, {}),
        ("rows.npy", npy(), None, None, {}),
        ("rows.parquet", parquet(), None, None, {}),
        ("rows", CSV, "text/csv", None, {}),
        ("rows.csv.gz", gzip.compress(CSV, mtime=0), None, None, {}),
        ("rows.csv.zst", zstd.compress(CSV), "application/zstd", None, {}),
        ("rows.csv", gzip.compress(CSV, mtime=0), "text/csv", "gzip", {}),
        ("rows.csv", zlib.compress(CSV), None, "deflate", {}),
        ("rows.csv.gz", gzip.compress(CSV, mtime=0), None, "gzip", {}),
        ("twice.csv.zst", gzip.compress(zstd.compress(CSV), mtime=0), None, "gzip", {}),
        ("rows.csv", CSV.replace(b",", b";"), None, None, {"delimiter": ";"}),
        ("rows.csv", CSV.decode().encode("utf-16"), "text/csv; charset=utf-16", None, {}),
        ("ü b/#1 50%.csv", CSV, None, None, {}),
        ("what?.csv", CSV, None, None, {}),
    ],
)
async def test_a_claim_is_read_as_its_blob_says(
    handler, upload, name, content, content_type, encoding, metadata
):
    upload(name, content, content_type, encoding, **metadata)
    by_property = claim(name)
    by_body = message(orjson.dumps({"claim_blob": name}), "m2", content_type="application/json")
    done = await documents(handler, by_property, by_body)
    assert [document["result"] for document in done] == [[1, 0]] * 2, done
    assert [document["id"] for document in done] == ["m1", "m2"]


async def test_what_the_message_says_of_the_blob_counts_first(handler, upload):
    upload("rows.json", zstd.compress(CSV), "application/json", "gzip")
    (done,) = await documents(
        handler, claim("rows.json", content_type="text/csv", Content_Encoding="zstd")
    )
    # The message's own type is that of its body.
    assert done["error"]["code"] == "malformed_input"
    said = message(
        name="m2", claim_blob="rows.json", Content_Type="text/csv", content_encoding="zstd"
    )
    (done,) = await documents(handler, said)
    assert done["result"] == [1, 0]


async def test_the_metadata_of_a_blob_asks_for_probabilities(handler, upload):
    upload("rows.csv", output="probabilities")
    (done,) = await documents(handler, claim("rows.csv"))
    assert done["result"]["predictions"] == [1, 0]
    assert [len(row) for row in done["result"]["probabilities"]] == [2, 2]


async def test_a_script_gets_the_bytes_and_the_metadata_of_a_claim(
    tmp_path, make_scorer, results, azurite, storage, upload
):
    (tmp_path / "score.py").write_text(
        "from azureml.contrib.services.aml_request import rawhttp\n"
        "def init(): ...\n"
        "@rawhttp\n"
        "def run(request):\n"
        "    said = request.headers\n"
        "    return [len(request.data), said['x-ms-meta-kind'], said['x-blob-name']]\n"
    )
    upload("photo.png", b"\x89PNG" * 10, "image/png", kind="photo")
    handler = handler_of(make_scorer(tmp_path), results, azurite.connection_string)
    (done,) = await documents(handler, claim("photo.png"))
    assert done["result"] == [40, "photo", "scoring-claims/photo.png"], done


async def test_a_message_that_carries_rows_is_no_claim():
    for body in (
        b'{"data": [[1,2,3]]}',
        b'[{"claim_blob": "x"}]',
        b'{"claim_blob": "x", "age": 3}',
        b'{"claim_blob": "x"',
        b'{"claim": "x"}',
        b"claim_blob\n1\n",
        b"",
        b" " * 60 + b'{"claim_blob": "x"}',
    ):
        assert claims.find_name({}, body) is None
    assert claims.find_name({}, b'{\n  "claim_blob": "x"\n}') == "x"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/secret/rows.csv",
        "..",
        "../secret/rows.csv",
        "a/../../secret/rows.csv",
        "./rows.csv",
        "%2e%2e/secret/rows.csv",
        "..%2fsecret%2frows.csv",
        "..\\secret\\rows.csv",
        "a//rows.csv",
        "rows/",
        "https://account.blob.core.windows.net/secret/rows.csv",
        "//secret/rows.csv",
        "rows\r\n.csv",
        "x" * 1025,
    ],
)
async def test_a_name_that_leads_elsewhere_is_refused(handler, upload, name):
    upload("rows.csv", container="secret")
    for number, said in enumerate((claim(name), message(orjson.dumps({"claim_blob": name})))):
        said.message_id = f"m{number}"
        (done,) = await documents(handler, said)
        assert done["error"]["code"] == "malformed_input"
        assert done["error"]["message"].startswith("claim_blob: expected the name of a blob")


async def test_no_name_finds_a_blob_of_another_container_a_snapshot_or_a_signed_address(
    handler, storage, upload, azurite
):
    upload("rows.csv", container="secret")
    upload("gone.csv")
    blob = storage.get_blob_client(CONTAINER, "gone.csv")
    snapshot = blob.create_snapshot()["snapshot"]
    blob.delete_blob(delete_snapshots="only")
    snapshot = blob.create_snapshot()["snapshot"]
    upload("only-snapshot.csv")
    signature = sign(
        storage.account_name,
        "secret",
        account_key=storage.credential.account_key,
        permission=ContainerSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    account = storage.url.removeprefix("http://")
    for number, name in enumerate(
        (
            "secret/rows.csv",
            f"secret/rows.csv?{signature}",
            f"rows.csv?{signature}",
            f"gone.csv?snapshot={snapshot}",
            f"gone.csv%3Fsnapshot={snapshot}",
            "%252e%252e/secret/rows.csv",
            f"{account}secret/rows.csv",
            "scoring-claims/gone.csv",
            "*",
            "gone*",
            "GONE.csv",
        )
    ):
        (done,) = await documents(handler, claim(name, name=f"m{number}"))
        assert done["error"]["code"] in ("claim_not_found", "malformed_input"), name
        assert "sig=" not in json.dumps(done)


@pytest.mark.parametrize("body", [b"[[1,2,3]]", b"{}"])
async def test_a_message_has_rows_or_a_claim_and_not_both(handler, upload, body):
    upload("rows.csv")
    (done,) = await documents(handler, message(body, claim_blob="rows.csv"))
    assert done["error"]["code"] == "malformed_input"
    assert "without a body" in done["error"]["message"]


async def test_a_value_that_is_no_name_is_refused():
    with pytest.raises(MalformedInput, match="got no text"):
        claims.find_name({}, b'{"claim_blob": 3}')


async def test_a_missing_blob_or_container_ends_in_a_document_and_not_in_retries(handler, storage):
    done, beside = await documents(handler, claim("no.csv"), message(b"[[1,1,1]]", "m2"))
    assert (done["status"], done["error"]["code"]) == ("failed", "claim_not_found")
    assert done["error"]["message"].startswith("the container scoring-claims has no blob 'no.csv'")
    assert beside["status"] == "succeeded"
    storage.delete_container(CONTAINER)
    (done,) = await documents(handler, claim("no.csv", name="m3"))
    assert done["error"]["code"] == "claim_not_found"


async def test_a_blob_over_the_limit_is_refused_before_it_is_read(handler, upload, monkeypatch):
    upload("rows.csv", b" " * 300_001)
    upload("bomb.csv.gz", gzip.compress(b" " * 300_001))
    (packed,) = await documents(handler, claim("bomb.csv.gz", name="m2"))
    monkeypatch.setattr(LazyContainer, "opened", None)
    (done,) = await documents(handler, claim("rows.csv"))
    for each in (packed, done):
        assert each["error"]["code"] == "input_too_large"
        assert "MAX_BODY_BYTES" in each["error"]["message"]


async def test_claims_in_memory_stay_within_their_share(
    make_scorer, model_dir, results, azurite, storage, upload, monkeypatch
):
    row = b"0.9,0.9,0.9\n"
    for number in range(6):
        upload(f"{number}.csv", row * 10_000)
    scorer = make_scorer(model_dir, MAX_BODIES_IN_WORK_BYTES="1200000")
    handler = handler_of(scorer, results, azurite.connection_string)
    held = most = 0
    real = scorer.score

    async def counted(request):
        nonlocal held, most
        held += len(request.body)
        most = max(most, held)
        try:
            return await real(request)
        finally:
            held -= len(request.body)

    monkeypatch.setattr(scorer, "score", counted)
    done = await documents(handler, *(claim(f"{n}.csv", name=f"m{n}") for n in range(6)))
    assert {len(document["result"]) for document in done} == {10_000}
    assert most <= 300_000


async def test_a_claim_waits_for_memory_until_its_deadline_at_the_latest(
    make_scorer, model_dir, results, azurite, storage, upload
):
    for number in range(2):
        upload(f"{number}.csv", b"0.9,0.9,0.9\n" * 10_000)
    scorer = make_scorer(model_dir, MAX_BODIES_IN_WORK_BYTES="600000")
    handler = handler_of(scorer, results, azurite.connection_string, max_wait_s=0.3)
    async with handler._claims.opened(Request(id="m0", source="servicebus", body=b""), "0.csv"):
        with pytest.raises(Overloaded, match="no memory for the message's blob of 120,000 bytes"):
            await handler.score([claim("1.csv")])
    (done,) = await documents(handler, claim("1.csv", delivery_count=2))
    assert done["status"] == "succeeded"


async def test_a_redelivered_claim_gets_its_document_even_if_its_blob_is_gone(
    handler, storage, upload
):
    upload("rows.csv")
    first = await documents(handler, claim("rows.csv"))
    storage.get_blob_client(CONTAINER, "rows.csv").delete_blob()
    assert await documents(handler, claim("rows.csv", delivery_count=2)) == first


async def test_an_id_belongs_to_one_claim(handler, upload):
    upload("rows.csv")
    upload("other.csv")
    await documents(handler, claim("rows.csv"))
    (other,) = await documents(handler, claim("other.csv"))
    assert other["error"]["code"] == "id_in_use"
    # Both forms are the same claim.
    (again,) = await documents(handler, message(b'{"claim_blob": "rows.csv"}', delivery_count=2))
    assert again["status"] == "succeeded"


@pytest.mark.parametrize("fault", ["busy", pytest.param("cut", marks=pytest.mark.long)])
async def test_storage_that_is_away_is_tried_again(
    scorer, results, azurite, storage, upload, monkeypatch, fault
):
    monkeypatch.setattr(storage_clients, "RETRY_TOTAL", 0)
    upload("rows.csv", CSV * 1000)
    with StorageProxy(azurite) as proxy:
        proxy.plan = lambda method, _path: fault if fault == "busy" or method == "GET" else None
        handler = handler_of(scorer, results, proxy.connection_string)
        with pytest.raises(Overloaded, match="try again later"):
            await handler.score([claim("rows.csv")])
        proxy.plan = lambda _method, _path: None
        (done,) = await documents(handler, claim("rows.csv", delivery_count=2))
        assert len(done["result"]) == 2000


async def test_a_blob_that_no_retry_can_read_ends_in_a_document(
    scorer, results, azurite, storage, upload, monkeypatch
):
    monkeypatch.setattr(storage_clients, "RETRY_TOTAL", 0)
    upload("rows.csv")
    with StorageProxy(azurite) as proxy:
        proxy.plan = lambda method, _path: "refuse" if method == "GET" else None
        handler = handler_of(scorer, results, proxy.connection_string)
        (done,) = await documents(handler, claim("rows.csv"))
    assert done["error"]["code"] == "internal_error"
    assert "BlobArchived" in done["error"]["message"]


async def test_a_blob_that_is_replaced_while_it_is_read_is_read_again(handler, upload, monkeypatch):
    upload("rows.csv")
    real = LazyContainer.properties

    async def replaced(container, name):
        found = await real(container, name)
        upload("rows.csv", CSV * 2)
        monkeypatch.setattr(LazyContainer, "properties", real)
        return found

    monkeypatch.setattr(LazyContainer, "properties", replaced)
    with pytest.raises(Overloaded, match="ConditionNotMet"):
        await handler.score([claim("rows.csv")])
    (done,) = await documents(handler, claim("rows.csv"))
    assert done["result"] == [1, 0] * 2


async def test_an_app_without_an_account_says_which_setting_is_missing(scorer, results):
    container = LazyContainer({}, CONTAINER)
    handler = MessageHandler(scorer, results, retry_s=0, claims=ClaimReader(container, scorer))
    (done,) = await documents(handler, claim("rows.csv"))
    assert "ScoringStorage is not set" in done["error"]["message"]


async def test_the_container_is_made_when_the_app_starts(azurite, monkeypatch):
    monkeypatch.setattr(message_components, "FIRST_S", 0)
    container = LazyContainer({"ScoringStorage": azurite.connection_string}, "made")
    await create_container(container)
    await create_container(container)
    with BlobServiceClient.from_connection_string(azurite.connection_string) as account:
        assert account.get_container_client("made").exists()
        account.delete_container("made")
    await create_container(LazyContainer({}, "made"))


async def test_an_app_starts_without_its_storage(monkeypatch, caplog):
    monkeypatch.setattr(message_components, "FIRST_S", 0)
    monkeypatch.setattr(lazy_container, "CALL_S", 5)
    monkeypatch.setattr(storage_clients, "RETRY_TOTAL", 0)
    nowhere = (
        "DefaultEndpointsProtocol=http;AccountName=name;AccountKey=c2VjcmV0;"
        "BlobEndpoint=http://127.0.0.1:1/name;"
    )
    await create_container(LazyContainer({"ScoringStorage": nowhere}, "made"))
    assert "the container made could not be created" in caplog.text
