"""Texts of any charset are read as UTF-8, in pieces, or refused."""

import io

import pytest

from inference.errors import InputTooLarge, MalformedInput
from inference.limits import Limits
from inference.rows import formats
from inference.rows.charsets import as_utf8, find_charset, to_utf8
from inference.rows.schema import Schema
from inference.rows.streams import READ_BYTES

TEXT = "größe,名前\n" + "ä,1\n" * 100_000
WESTERN = "größe,prix €\n" * 1000
LIMITS = Limits(10_000_000, 9)


class Dribble(io.BytesIO):
    """Gives a few bytes at a time."""

    def read(self, size=-1):
        return super().read(min(size, 7))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_declared_charset_is_converted(encoding):
    body = TEXT.encode(encoding)
    charset = find_charset(encoding)
    assert to_utf8(body, charset, limits=LIMITS) == TEXT.encode()
    assert as_utf8(io.BytesIO(body), charset).read() == TEXT.encode()


@pytest.mark.parametrize("encoding", ["windows-1252", "cp858", "iso-8859-15"])
def test_a_charset_of_one_byte_is_converted(encoding):
    body = WESTERN.encode(encoding)
    assert to_utf8(body, find_charset(encoding), limits=LIMITS) == WESTERN.encode()


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("declared", ["utf-8", "utf-16-be", "latin-1"])
def test_a_byte_order_mark_counts_before_the_declared_charset(mark, declared):
    body = "a,b\n1,2\n".encode(mark)
    assert to_utf8(body, find_charset(declared), limits=LIMITS) == b"a,b\n1,2\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_characters_may_be_divided_by_the_end_of_a_piece(encoding):
    text = "a," + "名" * READ_BYTES
    body = text.encode(encoding)
    assert to_utf8(body, find_charset(encoding), limits=LIMITS) == text.encode()
    short = "a,名\n" * 50
    assert as_utf8(Dribble(short.encode(encoding)), find_charset(encoding)).read() == short.encode()


@pytest.mark.parametrize("body", [b"", b"1", b"[]", b"\xff", b"\xef\xbb"])
def test_a_short_text_in_utf8_is_unchanged(body):
    assert to_utf8(body, None, limits=LIMITS) == body
    assert as_utf8(io.BytesIO(body), None).read() == body


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (b"a,b\n\x81\n", "windows-1252"),
        ("abc".encode("utf-16")[:-1], "utf-16"),
        (b"\x00\xd8a\x00", "utf-16-le"),
        (b"\xff\xfe\x00\xd8a\x00", "utf-8"),
    ],
)
def test_bytes_of_another_charset_are_refused(body, charset):
    with pytest.raises(MalformedInput, match=r"the text is not (cp1252|utf-16-le), near byte"):
        to_utf8(body, find_charset(charset), limits=LIMITS)


def test_a_text_that_grows_past_the_limit_is_refused():
    body = b"\xe4" * 1000
    assert len(to_utf8(body, "latin_1", limits=Limits(2000, 9))) == 2000
    with pytest.raises(InputTooLarge, match="2,000 bytes in UTF-8, the limit is 1,999"):
        to_utf8(body, "latin_1", limits=Limits(1999, 9))


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("application/json", "[[1, 2, 3], [4, 5, 6]]"),
        ("", '{"data": [[1, 2, 3], [4, 5, 6]]}'),
        ("application/jsonl", "[1, 2, 3]\n[4, 5, 6]\n"),
        ("text/csv", "1,2,3\n4,5,6\n"),
        ("text/csv", "a,b,c\n1,2,3\n4,5,6\n"),
    ],
)
@pytest.mark.parametrize(
    ("charset", "declared"),
    [
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-16-le", "; charset=utf-16le"),
        ("cp037", "; charset=cp037"),
    ],
)
def test_every_text_format_is_read_in_its_charset(form, body, charset, declared):
    encoded, content_type, schema = body.encode(charset), form + declared, Schema()
    rows = formats.decode(encoded, content_type, schema, limits=LIMITS).values
    assert rows.tolist() == [[1, 2, 3], [4, 5, 6]]
    table = formats.open_table(content_type, io.BytesIO(encoded), schema, LIMITS)
    assert [row for part in table.parts() for row in part.coerced.values.tolist()] == rows.tolist()


@pytest.mark.parametrize("charset", ["utf-16", "iso-8859-1", "windows-1252"])
@pytest.mark.parametrize(
    ("kind", "ended"), [("text/csv", b"prediction"), ("application/jsonl", b"")]
)
def test_the_output_of_any_charset_is_utf_8(charset, kind, ended):
    text = {"text/csv": "a,b,c,Stra\u00dfe\n1,2,3,\u00e9\n"}.get(
        kind, '{"a":1,"b":2,"c":3,"Stra\u00dfe":"\u00e9"}\n'
    )
    source, schema = io.BytesIO(text.encode(charset)), Schema(names=("a", "b", "c"))
    table = formats.open_table(f"{kind}; charset={charset}", source, schema, LIMITS)
    written = b"".join([*(table.write(part, [7.5]) for part in table.parts()), *table.end()])
    assert "Stra\u00dfe" in written.decode()
    assert "\u00e9" in written.decode()
    assert ended in written
    assert not written.startswith(b"\xef\xbb\xbf")
