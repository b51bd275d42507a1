"""Damages bytes at random, from a seed, as disks, proxies and attackers do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence


def damage(random_: random.Random, body: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Make a few changes, most often one. Pieces of `others` may be inserted."""
    ways: list[Callable[[random.Random, bytes], bytes]] = [
        *(_flip, _flip, _cut, _insert, _overwrite_number, _repeat, _nest, _shorten)
    ]
    if others:
        ways.append(lambda random_, body: _splice(random_, body, random_.choice(others)))
    for _ in range(random_.choice((1, 1, 1, 2, 4))):
        body = random_.choice(ways)(random_, body)
    return body


def _flip(random_: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(random_.choice((1, 1, 2, 8)) if body else 0):
        changed[random_.randrange(len(changed))] ^= 1 << random_.randrange(8)
    return bytes(changed)


def _cut(random_: random.Random, body: bytes) -> bytes:
    start = random_.randint(0, len(body))
    return body[:start] + body[start + int(random_.random() ** 3 * len(body)) :]


def _shorten(random_: random.Random, body: bytes) -> bytes:
    return body[: random_.randint(0, len(body))]


def _insert(random_: random.Random, body: bytes) -> bytes:
    start = random_.randint(0, len(body))
    put = random_.choice((random_.randbytes(random_.randint(1, 8)), *_SPICE))
    return body[:start] + put + body[start:]


def _repeat(random_: random.Random, body: bytes) -> bytes:
    start = random_.randint(0, len(body))
    end = start + random_.randint(0, 40)
    return body[:end] + body[start:end] * random_.randint(1, 30) + body[end:]


def _nest(random_: random.Random, body: bytes) -> bytes:
    """Repeat a byte or two many times: if they open something, it nests deeply."""
    start = random_.randint(0, len(body))
    piece = body[start : start + random_.randint(1, 2)]
    return body[:start] + piece * random_.choice((100, 1_000, 10_000)) + body[start:]


def _overwrite_number(random_: random.Random, body: bytes) -> bytes:
    """Replace one to eight bytes by a number at which sizes overflow."""
    size = random_.choice((1, 2, 4, 8))
    if len(body) < size:
        return body
    half = 2 ** (8 * size - 1)
    number = random_.choice((0, 1, half - 1, half, 2 * half - 1))
    start = random_.randint(0, len(body) - size)
    put = number.to_bytes(size, "little" if random_.random() < 0.5 else "big")
    return body[:start] + put + body[start + size :]


def _splice(random_: random.Random, body: bytes, other: bytes) -> bytes:
    return body[: random_.randint(0, len(body))] + other[random_.randint(0, len(other)) :]


#: Bytes with a meaning to one of the readers.
_SPICE = (
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"'", b",", b"[", b"]", b"{"),
    *(b"null", b"NaN", b"Infinity", b"-", b"1e999", b"1e-999", b"0x10", b"9" * 400, b"-0"),
    *(b'"\\ud800"', b"\xed\xa0\x80", b"\xc0\x80", b"true", b"__import__", b"\\u0000"),
)
