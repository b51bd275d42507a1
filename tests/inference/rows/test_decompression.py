"""Compressed streams and bodies are decompressed, or refused with a message."""

import gzip
import io
import random
import zlib

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import InputTooLarge, MalformedInput, UnsupportedType
from inference.limits import Limits
from inference.rows.decompression import FEW_STREAMS, decompress, decompress_body, pieces
from inference.rows.streams import READ_BYTES, require_end

TEXT = b"".join(b"%d,2,3\n" % number for number in range(200_000))
NOISE = random.Random(0).randbytes(3 * READ_BYTES)
PACK = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda content: zstd.compress(
        content, options={zstd.CompressionParameter.checksum_flag: 1}
    ),
}
EVERY = pytest.mark.parametrize("encoding", PACK)
ROW = b"[[0.9, 0.9, 0.9]]"


class Dribble(io.RawIOBase):
    """A source that gives one byte less than a few at a time."""

    def __init__(self, content, size):
        self._content, self._size = io.BytesIO(content), size

    def read(self, _=-1):
        return self._content.read(self._size)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity ", "identity, identity", ","])
def test_an_uncompressed_stream_is_unchanged(encoding):
    source = io.BytesIO(TEXT)
    assert decompress(source, encoding) is source
    assert decompress_body(TEXT, encoding, limits=Limits(10**7, 9)) is TEXT


@pytest.mark.parametrize("content", [TEXT, NOISE, b"", b"x"])
@EVERY
@pytest.mark.parametrize("size", [1009, READ_BYTES])
def test_a_compressed_stream_is_decompressed(content, encoding, size):
    stream = decompress(Dribble(PACK[encoding](content), size), encoding)
    assert stream.read() == content
    require_end(stream)


@pytest.mark.parametrize("encoding", ["GZIP ", "x-gzip", "identity, gzip"])
def test_an_encoding_may_be_spelled_in_other_ways(encoding):
    assert decompress(io.BytesIO(gzip.compress(TEXT)), encoding).read() == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [1, 7, READ_BYTES])
def test_several_streams_one_after_the_other_are_one(encoding, size):
    packed = b"".join(map(PACK[encoding], (b"1,2,3\n", b"", b"4,5,6\n")))
    assert decompress(Dribble(packed, size), encoding).read() == b"1,2,3\n4,5,6\n"


@pytest.mark.parametrize("size", [1, READ_BYTES])
def test_a_skippable_frame_of_zstd_is_skipped(size):
    packed = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note" + zstd.compress(TEXT)
    assert decompress(Dribble(packed, size), "zstd").read() == TEXT


@pytest.mark.parametrize("size", [1, READ_BYTES])
@pytest.mark.parametrize("zeros", [1, 1000, READ_BYTES])
def test_zeros_may_follow_gzip(size, zeros):
    packed = gzip.compress(b"1,2,3\n") + bytes(zeros if size > 1 else 1)
    assert decompress(Dribble(packed, size), "gzip").read() == b"1,2,3\n"


@pytest.mark.parametrize("lost", [1, 4, 8, 9, 1000])
@pytest.mark.parametrize("content", [TEXT, NOISE])
@EVERY
def test_a_stream_that_is_cut_short_is_refused(content, lost, encoding):
    packed = PACK[encoding](content)[:-lost]
    with pytest.raises(MalformedInput, match="cut short"):
        decompress(io.BytesIO(packed), encoding).read()
    with pytest.raises(MalformedInput, match="cut short"):
        decompress_body(packed, encoding, limits=Limits(10**8, 9))


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("lost", [1, 5])
def test_a_last_stream_that_is_cut_short_is_refused(encoding, lost):
    packed = PACK[encoding](b"1,2,3\n") + PACK[encoding](b"4,5,6\n")[:-lost]
    with pytest.raises(MalformedInput, match="cut short"):
        decompress(io.BytesIO(packed), encoding).read()


@EVERY
def test_an_empty_stream_is_cut_short(encoding):
    with pytest.raises(MalformedInput, match="cut short"):
        decompress(io.BytesIO(), encoding).read()


@EVERY
def test_a_truncated_stream_is_refused_although_its_reader_stopped_early(encoding):
    stream = decompress(io.BytesIO(PACK[encoding](TEXT)[:-4]), encoding)
    assert stream.read(len(TEXT)) == TEXT
    with pytest.raises(MalformedInput, match="cut short"):
        require_end(stream)


@pytest.mark.parametrize(
    ("content", "encoding", "says"),
    [
        (TEXT, "gzip", "not gzip"),
        (TEXT, "deflate", "not deflate"),
        (TEXT, "zstd", "not zstd"),
        (zstd.compress(TEXT), "gzip", "not gzip"),
        (gzip.compress(TEXT), "zstd", "not zstd"),
        (gzip.compress(TEXT)[:1000] + b"!" * 4000 + gzip.compress(TEXT)[5000:], "gzip", "not gzip"),
        (gzip.compress(TEXT)[:-8] + b"\0" * 8, "gzip", "not gzip"),  # another checksum
        (PACK["zstd"](TEXT)[:-4] + b"\0" * 4, "zstd", "not zstd"),
        *((PACK[name](TEXT) + b"1,2,3\n", name, "follows the end") for name in PACK),
        (zlib.compress(TEXT) * 2, "deflate", "follows the end"),
        (gzip.compress(TEXT) + b"\0\0more", "gzip", "follows the end"),
    ],
    # gzip writes down the time: as names the bytes would differ by process.
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_content_in_another_encoding_is_refused(content, encoding, says):
    with pytest.raises(MalformedInput, match=says):
        require_end(decompress(io.BytesIO(content), encoding))


@pytest.mark.parametrize(
    "encoding", ["br", "compress", "gzip, gzip", "gzip,zstd", "utf-8", "x" * 999]
)
def test_an_unknown_encoding_is_refused_by_name(encoding):
    with pytest.raises(UnsupportedType, match="send gzip, deflate, zstd") as raised:
        decompress(io.BytesIO(TEXT), encoding)
    assert encoding[:40] in raised.value.message
    assert len(raised.value.message) < 200


def test_a_window_beyond_the_bound_of_memory_is_refused_with_what_to_do():
    wide = zstd.ZstdCompressor(level=22)
    packed = wide.compress(NOISE) + wide.flush()
    with pytest.raises(MalformedInput, match="8,388,608 bytes; compress it at level 19 or below"):
        decompress(io.BytesIO(packed), "zstd").read()
    narrow = zstd.ZstdCompressor(level=19)
    packed = narrow.compress(NOISE) + narrow.flush()
    assert decompress(io.BytesIO(packed), "zstd").read() == NOISE


@EVERY
def test_a_decompression_bomb_is_only_unpacked_as_far_as_it_is_read(encoding):
    bomb = PACK[encoding](b"\0" * 200_000_000)
    stream = decompress(io.BytesIO(bomb), encoding)
    assert len(stream.read(1_000_000)) == 1_000_000


@EVERY
@given(body=st.binary(max_size=300))
def test_a_compressed_body_is_decompressed(encoding, body):
    packed = PACK[encoding](body)
    assert decompress_body(packed, encoding, limits=Limits(400, 9)) == body
    assert b"".join(pieces(packed, encoding, limits=Limits(400, 9))) == body


@EVERY
def test_a_body_that_unpacks_past_the_limit_is_refused_before_it_is_unpacked_whole(encoding):
    bomb = PACK[encoding](b"0" * 100_000_000)
    packed = PACK[encoding](b"0" * 1000)
    assert len(decompress_body(packed, encoding, limits=Limits(1000, 9))) == 1000
    with pytest.raises(
        InputTooLarge, match="at least 1,048,576 unpacked bytes, the limit is 100,000"
    ):
        decompress_body(bomb, encoding, limits=Limits(100_000, 9))


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_of_more_streams_than_rows_is_refused_before_they_are_all_read(encoding):
    empty = PACK[encoding](b"")
    limits = Limits(10**8, FEW_STREAMS + 1)
    assert decompress_body(empty * (FEW_STREAMS + 1), encoding, limits=limits) == b""
    assert decompress_body(empty * FEW_STREAMS, encoding, limits=Limits(10**8, 1)) == b""
    with pytest.raises(InputTooLarge, match=f"at least 1,002 {encoding} streams"):
        decompress_body(empty * 100_000, encoding, limits=limits)
    assert decompress(io.BytesIO(empty * 3_000), encoding).read() == b""  # a blob has any number


@pytest.mark.parametrize("encoding", ["", "identity", "gzip"])
def test_a_compressed_body_past_the_limit_is_refused(encoding):
    with pytest.raises(InputTooLarge, match="1,001 bytes, the limit is 1,000"):
        decompress_body(b"0" * 1001, encoding, limits=Limits(1000, 9))


@EVERY
async def test_a_compressed_request_hits_the_cache_of_the_plain_one(
    model_dir, make_scorer, request_of, encoding
):
    scorer = make_scorer(model_dir)
    await scorer.score(request_of(ROW))
    packed = request_of(PACK[encoding](ROW), headers={"content-encoding": encoding})
    answer = await scorer.score(packed)
    assert (answer.body, answer.cache) == (b"[1]", "hit")
