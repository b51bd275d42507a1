from __future__ import annotations

import pickle
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.entry import Entry, pack, unpack

NOW_S = 1_800_000_000.0


def packed(value: bytes, *, now_s: float = NOW_S) -> bytes:
    return pack(value, now_s=now_s, ttl_s=60, fixed=True)


@given(st.binary(), st.booleans())
def test_unpack_reverses_pack(value, fixed):
    stored = pack(value, now_s=NOW_S, ttl_s=60, fixed=fixed)
    entry = Entry(value, age_s=1.5, ttl_left_s=58.5, fixed=fixed)
    assert unpack(stored, now_s=NOW_S + 1.5) == entry


@given(st.binary())
def test_other_bytes_are_not_an_entry(stored):
    # A checksum of 32 bits lets one in four billion through; none of these is that one.
    assert unpack(stored, now_s=NOW_S) is None


@given(st.binary(), st.data())
def test_a_truncated_entry_is_not_an_entry(value, data):
    whole = packed(value)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert unpack(whole[:cut], now_s=NOW_S) is None


@given(st.binary(), st.data())
def test_an_entry_with_a_flipped_bit_is_not_an_entry(value, data):
    stored = bytearray(packed(value))
    place = data.draw(st.integers(0, len(stored) - 1))
    stored[place] ^= 1 << data.draw(st.integers(0, 7))
    assert unpack(bytes(stored), now_s=NOW_S) is None


def test_an_entry_of_layout_1_is_not_an_entry():
    value = b"value"
    stored = struct.pack(">BqI", 1, round(NOW_S * 1000), zlib.crc32(value)) + value
    assert unpack(stored, now_s=NOW_S) is None


def test_another_layout_is_not_an_entry():
    rest = b"\3" + packed(b"value")[1:18]
    newer = rest + zlib.crc32(rest + b"value").to_bytes(4) + b"value"
    assert unpack(newer, now_s=NOW_S) is None


def test_a_pickle_is_not_an_entry():
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("it was unpickled",)

    assert unpack(pickle.dumps(Bomb()), now_s=NOW_S) is None


def test_an_entry_from_a_clock_that_runs_ahead_has_age_zero():
    entry = unpack(packed(b"value", now_s=NOW_S + 60), now_s=NOW_S)
    assert entry == Entry(b"value", age_s=0.0, ttl_left_s=120.0, fixed=True)


def test_an_entry_from_a_clock_that_runs_behind_has_no_time_left():
    entry = unpack(packed(b"value", now_s=NOW_S - 90), now_s=NOW_S)
    assert entry == Entry(b"value", age_s=90.0, ttl_left_s=0.0, fixed=True)


def test_an_entry_cannot_be_changed():
    with pytest.raises(AttributeError):
        Entry(b"value", age_s=1.0, ttl_left_s=2.0).value = b"other"


def test_the_layout_is_the_documented_one():
    stored = pack(b"123456789", now_s=1.0, ttl_s=2.0, fixed=True)
    head = "02" + "01" + "00000000000003e8" + "0000000000000bb8"
    assert stored[:18].hex() == head
    assert stored[18:22] == zlib.crc32(stored[:18] + b"123456789").to_bytes(4)
    assert stored[22:] == b"123456789"
