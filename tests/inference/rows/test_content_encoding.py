import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import InputTooLarge, MalformedInput, UnsupportedType
from inference.limits import Limits
from inference.rows import content_encoding

ROW = b"[[0.9, 0.9, 0.9]]"


@given(body=st.binary(max_size=300))
def test_a_compressed_body_is_decompressed(body):
    assert content_encoding.unpack(gzip.compress(body), "gzip", limits=Limits(300, 9)) == body
    assert content_encoding.unpack(zlib.compress(body), "Deflate", limits=Limits(300, 9)) == body
    assert content_encoding.unpack(body, "identity", limits=Limits(300, 9)) == body


def test_a_body_that_unpacks_past_the_limit_is_refused_before_it_is_unpacked_whole():
    bomb = gzip.compress(b"0" * 100_000_000)
    packed = gzip.compress(b"0" * 1000)
    assert len(content_encoding.unpack(packed, "gzip", limits=Limits(1000, 9))) == 1000
    with pytest.raises(
        InputTooLarge, match="at least 1,048,576 unpacked bytes, the limit is 100,000"
    ):
        content_encoding.unpack(bomb, "gzip", limits=Limits(100_000, 9))


@pytest.mark.parametrize("encoding", ["", "identity", "gzip"])
def test_a_compressed_body_past_the_limit_is_refused(encoding):
    with pytest.raises(InputTooLarge, match="1,001 bytes, the limit is 1,000"):
        content_encoding.unpack(b"0" * 1001, encoding, limits=Limits(1000, 9))


@pytest.mark.parametrize(
    ("body", "encoding", "error"),
    [
        (b"plain", "gzip", MalformedInput),
        (gzip.compress(ROW)[:-4], "gzip", MalformedInput),
        (gzip.compress(ROW) + b"more", "gzip", MalformedInput),
        (ROW, "br", UnsupportedType),
    ],
    # Without names of their own they would hold the time, which gzip writes down.
    ids=["not packed", "cut short", "something follows", "unknown"],
)
def test_a_body_that_can_not_be_decompressed_is_refused(body, encoding, error):
    with pytest.raises(error, match=r"gzip|br"):
        content_encoding.unpack(body, encoding, limits=Limits(1000, 9))


async def test_a_compressed_request_hits_the_cache_of_the_plain_one(
    model_dir, make_scorer, request_of
):
    scorer = make_scorer(model_dir)
    await scorer.score(request_of(ROW))
    packed = request_of(gzip.compress(ROW), headers={"content-encoding": "gzip"})
    answer = await scorer.score(packed)
    assert (answer.body, answer.cache) == (b"[1]", "hit")
