"""Compressed streams are decompressed, or refused with a message."""

import gzip
import io
import random
import zlib

import pytest

from inference.errors import MalformedInput, UnsupportedType
from inference.rows.decompression import READ_BYTES, require_end, unpacked

TEXT = b"".join(b"%d,2,3\n" % number for number in range(200_000))
NOISE = random.Random(0).randbytes(3 * READ_BYTES)


class Dribble(io.RawIOBase):
    """A source that gives one byte less than a few at a time."""

    def __init__(self, content, size):
        self._content, self._size = io.BytesIO(content), size

    def read(self, _=-1):
        return self._content.read(self._size)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_an_uncompressed_stream_is_unchanged(encoding):
    source = io.BytesIO(TEXT)
    assert unpacked(source, encoding) is source


@pytest.mark.parametrize("content", [TEXT, NOISE, b"", b"x"])
@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("GZIP ", gzip.compress), ("deflate", zlib.compress)],
)
@pytest.mark.parametrize("size", [1009, READ_BYTES])
def test_a_compressed_stream_is_decompressed(content, encoding, pack, size):
    stream = unpacked(Dribble(pack(content), size), encoding)
    assert stream.read() == content
    require_end(stream)


@pytest.mark.parametrize("size", [1, 7, READ_BYTES])
def test_several_gzip_members_are_one_stream(size):
    packed = gzip.compress(b"1,2,3\n") + gzip.compress(b"") + gzip.compress(b"4,5,6\n")
    assert unpacked(Dribble(packed, size), "gzip").read() == b"1,2,3\n4,5,6\n"


@pytest.mark.parametrize("lost", [1, 4, 8, 9, 1000])
@pytest.mark.parametrize("content", [TEXT, NOISE])
def test_a_stream_that_is_cut_short_is_refused(content, lost):
    packed = gzip.compress(content)[:-lost]
    with pytest.raises(MalformedInput, match="cut short"):
        unpacked(io.BytesIO(packed), "gzip").read()


def test_a_truncated_stream_is_refused_although_its_reader_stopped_early():
    stream = unpacked(io.BytesIO(gzip.compress(TEXT)[:-4]), "gzip")
    assert stream.read(len(TEXT)) == TEXT
    with pytest.raises(MalformedInput, match="cut short"):
        require_end(stream)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (TEXT, "not gzip"),
        (gzip.compress(TEXT)[:1000] + b"!" * 4000 + gzip.compress(TEXT)[5000:], "not gzip"),
        (gzip.compress(TEXT)[:-8] + b"\0" * 8, "not gzip"),  # another checksum
        (gzip.compress(TEXT) + b"1,2,3\n", "follows the end"),
    ],
)
def test_content_in_another_encoding_is_refused(content, says):
    with pytest.raises(MalformedInput, match=says):
        require_end(unpacked(io.BytesIO(content), "gzip"))


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "utf-8", "x" * 1000])
def test_an_unknown_encoding_is_refused_by_name(encoding):
    with pytest.raises(UnsupportedType, match="send gzip, deflate") as raised:
        unpacked(io.BytesIO(TEXT), encoding)
    assert encoding[:40] in raised.value.message
    assert len(raised.value.message) < 200


def test_a_decompression_bomb_is_only_unpacked_as_far_as_it_is_read():
    bomb = gzip.compress(b"\0" * 200_000_000, 9)
    stream = unpacked(io.BytesIO(bomb), "gzip")
    assert len(stream.read(1_000_000)) == 1_000_000
