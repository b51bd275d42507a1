"""Blob functions over Azurite, with a host that is stopped or killed, and with two hosts."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from tests.servers import AzuriteProcess, HostProcess, StartHost
from tests.waiting import eventually

APP = Path(__file__).parent / "apps" / "blobs"


@pytest.fixture(scope="module")
def env(azurite: AzuriteProcess) -> dict[str, str]:
    return {"Storage": azurite.connection_string, "FOLDER": "here"}


@pytest.fixture(scope="module")
def host(start_host: StartHost, env: dict[str, str]) -> HostProcess:
    return start_host(APP, env)


@pytest.fixture(scope="module")
def blobs(env: dict[str, str]) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(env["Storage"]) as client:
        yield client


def upload(
    blobs: BlobServiceClient, path: str, content: bytes, metadata: dict[str, str] | None = None
) -> None:
    name, _, blob = path.partition("/")
    container = blobs.get_container_client(name)
    with contextlib.suppress(ResourceExistsError):
        container.create_container()
    container.upload_blob(blob, content, overwrite=True, metadata=metadata)


def read(blobs: BlobServiceClient, path: str) -> bytes | None:
    name, _, blob = path.partition("/")
    try:
        return blobs.get_blob_client(name, blob).download_blob().readall()
    except ResourceNotFoundError:
        return None


def test_a_blob_reaches_its_function_with_the_metadata_of_the_real_host(
    host: HostProcess, blobs: BlobServiceClient
) -> None:
    upload(blobs, "texts/a.b.txt", b"hello", metadata={"who": "me"})
    copy = eventually(lambda: read(blobs, "copies/a.b.copy.txt"), 20)
    seen = json.loads(copy)
    assert seen == {
        "name": "texts/a.b.txt",
        "uri": blobs.get_blob_client("texts", "a.b.txt").url,
        "length": 5,
        "metadata": {"who": "me"},
        "content_type": "application/octet-stream",
        "content": "hello",
    }


def test_a_blob_written_again_is_processed_again(
    host: HostProcess, blobs: BlobServiceClient
) -> None:
    upload(blobs, "texts/again.txt", b"first")
    eventually(lambda: b"first" in (read(blobs, "copies/again.copy.txt") or b""), 20)
    upload(blobs, "texts/again.txt", b"second")
    eventually(lambda: b"second" in (read(blobs, "copies/again.copy.txt") or b""))


def test_a_deferred_blob_arrives_as_a_client(host: HostProcess, blobs: BlobServiceClient) -> None:
    upload(blobs, "deferred/folder/c.bin", b"\xff\x00")
    assert eventually(lambda: read(blobs, "copies/folder/c.bin"), 20) == b"\xff\x00"


def test_a_deferred_trigger_beside_an_expression_is_sent_bytes_and_fails(
    host: HostProcess, blobs: BlobServiceClient
) -> None:
    upload(blobs, "trapped/d.txt", b"never")
    eventually(lambda: "gave up on blob trapped/d.txt after 2 tries" in host.log(), 20)
    assert "unexpected type of data received" in host.log()
    assert read(blobs, "copies/d.txt") is None


def test_a_blob_that_always_fails_is_tried_to_the_threshold_and_then_poison(
    host: HostProcess, blobs: BlobServiceClient, env: dict[str, str]
) -> None:
    upload(blobs, "texts/bad.txt", b"fails")
    eventually(lambda: "gave up on blob texts/bad.txt after 2 tries" in host.log(), 20)
    with QueueServiceClient.from_connection_string(env["Storage"]) as queues:
        queue = queues.get_queue_client("webjobs-blobtrigger-poison")
        messages = [json.loads(base64.b64decode(each.content)) for each in queue.peek_messages(32)]
    etag = blobs.get_blob_client("texts", "bad.txt").get_blob_properties().etag
    assert {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.copy",
        "BlobType": "BlockBlob",
        "ContainerName": "texts",
        "BlobName": "bad.txt",
        "ETag": etag,
    } in messages
    assert host.log().count("ValueError: this one never works") == 2


def test_input_bindings_read_bytes_and_text(host: HostProcess, blobs: BlobServiceClient) -> None:
    upload(blobs, "copies/binary", b"a\xffb")
    with urllib.request.urlopen(f"{host.url}/api/read/binary") as response:
        assert json.load(response) == {"bytes": "61ff62", "text": "a\ufffdb"}
    with urllib.request.urlopen(f"{host.url}/api/read/missing") as response:
        assert json.load(response) == {"bytes": "", "text": None}


def test_an_output_path_takes_settings_route_values_and_guids(
    host: HostProcess, blobs: BlobServiceClient
) -> None:
    request = urllib.request.Request(f"{host.url}/api/write/x", method="POST")
    with urllib.request.urlopen(request):
        pass
    (name,) = blobs.get_container_client("made").list_blob_names()
    assert name.startswith("here/x-")
    assert len(name) == len("here/x-") + 36
    assert read(blobs, f"made/{name}") == "written ä".encode()


def test_a_new_host_does_not_process_done_blobs_again(
    start_host: StartHost, env: dict[str, str], blobs: BlobServiceClient, tmp_path: Path
) -> None:
    app = shutil.copytree(APP, tmp_path / "app")
    with start_host(app, env) as first:
        upload(blobs, "texts/once.txt", b"once")
        eventually(lambda: "copy runs for texts/once.txt" in first.log(), 20)
        eventually(lambda: read(blobs, "copies/once.copy.txt"))
        assert first.stop() == 0
    with start_host(app, env) as second:
        upload(blobs, "texts/later.txt", b"later")
        eventually(lambda: "copy runs for texts/later.txt" in second.log(), 20)
        assert "texts/once.txt" not in second.log()


def test_a_killed_scanner_is_followed_within_seconds_and_its_blob_is_not_lost(
    start_host: StartHost, env: dict[str, str], blobs: BlobServiceClient, tmp_path: Path
) -> None:
    app = shutil.copytree(APP, tmp_path / "app")
    with start_host(app, env) as first:
        upload(blobs, "texts/kill.txt", b"before")
        eventually(lambda: "copy runs for texts/kill.txt" in first.log(), 20)
        first.kill()
    upload(blobs, "texts/kill.txt", b"after")
    with start_host(app, env):
        eventually(lambda: b"after" in (read(blobs, "copies/kill.copy.txt") or b""), 5)


def test_of_two_hosts_of_one_app_one_scans_and_the_other_takes_over(
    start_host: StartHost, env: dict[str, str], blobs: BlobServiceClient, tmp_path: Path
) -> None:
    app = shutil.copytree(APP, tmp_path / "app")
    with start_host(app, env) as first:
        upload(blobs, "texts/two.txt", b"1")
        eventually(lambda: "copy runs for texts/two.txt" in first.log(), 20)
        with start_host(app, env) as second:
            upload(blobs, "texts/two-more.txt", b"2")
            eventually(lambda: "copy runs for texts/two-more.txt" in first.log())
            assert "copy runs" not in second.log()
            first.kill()
            upload(blobs, "texts/two-last.txt", b"3")
            eventually(lambda: "copy runs for texts/two-last.txt" in second.log(), 5)


@pytest.mark.long
def test_scanning_continues_after_storage_was_away(
    start_host: StartHost,
    env: dict[str, str],
    azurite: AzuriteProcess,
    blobs: BlobServiceClient,
    tmp_path: Path,
) -> None:
    app = shutil.copytree(APP, tmp_path / "app")
    with start_host(app, env) as host:
        upload(blobs, "texts/before.txt", b"before")
        eventually(lambda: "copy runs for texts/before.txt" in host.log(), 20)
        azurite.kill()
        eventually(lambda: "storage account of Storage does not answer" in host.log(), 20)
        azurite.start()
        eventually(lambda: "storage account of Storage answers again" in host.log(), 20)
        upload(blobs, "texts/after.txt", b"after")
        eventually(lambda: "copy runs for texts/after.txt" in host.log())
        assert host.log().count("does not answer") == 1
