from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.entry import Entry, pack, unpack

NOW_S = 1_800_000_000.0


@given(st.binary())
def test_what_is_packed_is_unpacked(value):
    assert unpack(pack(value, now_s=NOW_S), now_s=NOW_S + 1.5) == Entry(value, age_s=1.5)


@given(st.binary())
def test_bytes_of_another_writer_are_no_entry(stored):
    # A checksum of 32 bits lets one in four billion through; none of these is that one.
    assert unpack(stored, now_s=NOW_S) is None


@given(st.binary(), st.data())
def test_an_entry_cut_short_is_none(value, data):
    whole = pack(value, now_s=NOW_S)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert unpack(whole[:cut], now_s=NOW_S) is None


def test_another_layout_is_no_entry():
    newer = b"\2" + pack(b"value", now_s=NOW_S)[1:]
    assert unpack(newer, now_s=NOW_S) is None


def test_a_pickle_is_no_entry():
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("it was unpickled",)

    assert unpack(pickle.dumps(Bomb()), now_s=NOW_S) is None


def test_an_entry_from_a_clock_that_runs_ahead_has_age_zero():
    assert unpack(pack(b"value", now_s=NOW_S + 60), now_s=NOW_S) == Entry(b"value", age_s=0.0)


def test_the_layout_is_the_documented_one():
    stored = pack(b"123456789", now_s=1.0)
    assert stored.hex() == "01" + "00000000000003e8" + "cbf43926" + b"123456789".hex()
