"""A body as text, as Azure's host hands it over."""

from __future__ import annotations

import pytest

from local.host.service_bus_listener.body_text import UnfitBody, text_of

NAMESPACE = b"http://schemas.microsoft.com/2003/10/Serialization/"
WRAPPED = b"@\x06string\x083" + NAMESPACE


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        ("é {}".encode(), "é {}"),
        (b"\xef\xbb\xbfabc", "abc"),
        (b"\xff\xfea\0b\0", "ab"),
        (b"\xfe\xff\0a\0b", "ab"),
        (WRAPPED + b"\x99\x03abc", "abc"),
        (WRAPPED + b"\x98\x02ab\x99\x01c", "abc"),
        (WRAPPED + b"\x9b\x04\x01" + b"a" * 260, "a" * 260),
    ],
    ids=lambda each: repr(each)[:20],
)
def test_a_text_is_read_by_its_mark_as_utf_8_or_as_net_wrote_it(body: bytes, text: str) -> None:
    assert text_of(body, None) == text


@pytest.mark.parametrize("body", [b"\xff", b"caf\xe9", b"@\x03int\x083" + NAMESPACE + b"\x89\x07"])
def test_any_other_body_fails_before_the_function_runs(body: bytes) -> None:
    with pytest.raises(UnfitBody, match="ContentType 'a/b' failed to deserialize"):
        text_of(body, "a/b")
