"""What the release before left in Redis, the queue and the storage account is read.

The literals are what version 0.1.0 wrote.
"""

from cache import keys
from inference.limits import Limits
from inference.request import Request
from inference.results import stored_result
from inference.rows import formats
from inference.rows.schema import Schema
from inference.scripts.array_rows import row_question
from triggers import envelope

KEYS = [
    "triscore:w:2:0e98eea75727a63a2f506a816a24a53da691a02c221c4c1e2ec5c177003e2d96",
    "triscore:w:2:795be51304e546b6fc3777978c7965fa2f7da8910c9633179f26c359cf7d1c49",
]
MESSAGE = (
    b'{"triscore_request":1,"id":"r-1","content_type":"application/json","recompute":false,'
    b'"method":"POST","query":"a=1","headers":{"x-request-id":"r-1"},'
    b'"received_at":"2025-11-24T16:00:00.500000+00:00","body":"eyJkYXRhIjpbWzEsMl1dfQ=="}'
)
FINGERPRINT = bytes.fromhex("b770ec10f12c6f5e1233be90946724d3")
PROVISIONAL = bytes.fromhex(
    "6666666666666666666666666666666601404e0000000000007b226964223a22722d31227d"
)


class Stored:
    def __init__(self, value: bytes, age_s: float) -> None:
        self.value, self.age_s, self.ttl_left_s = value, age_s, 60.0


def test_cached_rows_of_numbers_are_found():
    schema = Schema(features=2)
    limits = Limits(10**6, 100)
    body = b'{"data":[[1,2],[3,4.5]]}'
    rows = formats.decode(body, "application/json", schema, limits=limits).require_valid()
    question = row_question(rows)
    found = keys.row_keys(
        model=b"m" * 32,
        script=b"s" * 32,
        method="predict",
        parameters=f"scikit-learn 1 {schema.key_text}",
        dtype=question.dtype,
        shape=question.row_shape,
        rows=question.row_bytes(),
    )
    assert list(found) == KEYS


def test_an_enqueued_request_is_read_and_matches_its_reservation():
    request = envelope.unpack(MESSAGE)
    assert isinstance(request, Request)
    assert (request.id, request.body) == ("r-1", b'{"data":[[1,2]]}')
    assert (request.query, request.received_at) == ("a=1", 1764000000.5)
    assert stored_result.fingerprint(request) == FINGERPRINT


def test_stored_results_are_read():
    waiting = stored_result.decode(Stored(FINGERPRINT, 1))
    assert waiting is not None
    assert waiting.pending
    for age_s, document in ((59.0, b""), (61.0, b'{"id":"r-1"}')):
        provisional = stored_result.decode(Stored(PROVISIONAL, age_s))
        assert provisional is not None
        assert (provisional.document, provisional.exhausted) == (document, True)
    final = stored_result.decode(Stored(FINGERPRINT + b'{"id":"r-1"}', 1))
    assert final is not None
    assert final.answers
