"""Compressed bodies and bodies of other charsets are answered as the plain ones are, or refused."""

import gzip
import json
import zlib

import pytest
from backports import zstd

from tests.triggers.http_trigger.test_score_blueprint import asking
from triggers.http_trigger.score_blueprint import HttpHandler

CSV = "0.9,0.9,0.9\n0.1,0.1,0.1\n"


@pytest.fixture
def handler(scorer, results):
    return HttpHandler(scorer, results)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", zstd.compress),
        ("identity", bytes),
        ("gzip", lambda body: gzip.compress(body[:12]) + gzip.compress(body[12:]) + bytes(512)),
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-8-sig", "cp037"])
async def test_an_encoded_body_is_answered_as_the_plain_one_is(handler, encoding, pack, charset):
    response = await handler.score(
        asking(
            pack(CSV.encode(charset)),
            content_type=f"text/csv; charset={charset}",
            content_encoding=encoding,
        )
    )
    assert (response.status_code, response.get_body()) == (200, b"[1,0]")


@pytest.mark.parametrize(
    ("kind", "encoding", "body", "status", "says"),
    [
        ("text/csv; charset=klingon", "", CSV, 415, "charset 'klingon'"),
        ("text/csv; charset=cp1252", "", b"\x81", 400, "not cp1252, near byte 0"),
        ("text/csv; header=maybe", "", CSV, 400, 'header: expected "present" or "absent"'),
        ("text/csv; delimiter=12", "", CSV, 400, 'got "12"'),
        ("text/csv", "br", CSV, 415, "content encoding 'br'"),
        ("text/csv", "gzip, gzip", CSV, 415, "content encoding 'gzip, gzip'"),
        ("text/csv", "gzip", CSV, 400, "not gzip"),
        ("text/csv", "zstd", zstd.compress(CSV.encode())[:-1], 400, "cut short"),
        ("text/csv", "zstd", zstd.compress(b"1,1,1\n" * 90_000), 413, "unpacked bytes"),
        ("text/csv; charset=utf-16", "", ("€,1,1\n" * 20_000).encode("utf-16"), 422, "row 0"),
        ("text/csv; charset=latin-1", "", b"\xe9" * 299_999, 413, "bytes in UTF-8"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_a_body_that_can_not_be_decoded_is_refused(
    handler, kind, encoding, body, status, says
):
    body = body.encode() if isinstance(body, str) else body
    headers = {"content_encoding": encoding} if encoding else {}
    response = await handler.score(asking(body, content_type=kind, **headers))
    assert response.status_code == status
    assert says in json.loads(response.get_body())["error"]["message"]
