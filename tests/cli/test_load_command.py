"""What `triscore load` makes of its measurements."""

from collections import Counter

import pytest

from cli.errors import UsageError
from cli.running_app import load
from cli.running_app.load_run import Measurement
from cli.running_app.rows import Rows


def measured(in_app_ms, **caches):
    count = sum(caches.values())
    return Measurement(
        seconds=1,
        latencies_s=[0.004] * count,
        in_app_ms=in_app_ms * count,
        caches=Counter(caches),
    )


@pytest.mark.parametrize(
    ("computed", "cached", "verdict"),
    [
        # Rows that repeat, and a model that takes a while.
        (
            measured(50, miss=10),
            measured(0.1, hit=99, miss=1),
            (
                "The cache pays: it answered 99% of the requests. The app spends 0.1 ms on a"
                " request with it, and 50.0 ms without."
            ),
        ),
        # Rows that hardly repeat.
        (measured(1.2, miss=10), measured(1.1, hit=5, bypass=95), "The cache does not pay: it an"),
        (measured(1.2, miss=10), measured(1.3, miss=10), "The cache answered none of these"),
        (measured(1.2, miss=10), Measurement(seconds=1), "Nothing was answered"),
    ],
)
def test_the_cache_pays_if_the_app_spends_less(computed, cached, verdict):
    assert load._verdict(computed, cached).startswith(verdict)


def test_the_table_hides_nothing_on_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "56")
    ways = {
        "computed": measured(50, miss=1_234, joined=5_678).document(),
        "cached": measured(0.1, hit=9_999).document(),
    }
    load._print_table(ways, "The cache pays.")
    printed = capsys.readouterr().out
    assert [line.split("  ")[0] for line in printed.splitlines()[1:7]] == list(load.LABELS)
    assert "1,234 miss, 5,678 joined" in printed
    assert "…" not in printed


def test_a_way_without_an_answer_has_no_times():
    document = Measurement(seconds=1, failures=Counter({503: 2})).document()
    assert (document["p50_ms"], document["in_app_ms"]) == (None, None)
    assert document["failures"] == {"503": 2}


@pytest.mark.parametrize(
    ("name", "content", "bodies"),
    [
        ("rows.jsonl", b"[1]\n\n[2]\n", [b"[1]", b"[2]"]),
        ("rows.json", b'[{"a": 1}, {"a": 2}]', [b'[{"a":1}]', b'[{"a":2}]']),
        ("rows.json", b'{"data": [[1]]}', [b"[[1]]"]),
    ],
)
def test_each_row_is_a_request(tmp_path, name, content, bodies):
    (tmp_path / name).write_bytes(content)
    assert load._split(Rows.find(str(tmp_path / name))) == bodies


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.csv", b"1", "--by-row takes .jsonl or .json, not rows.csv"),
        ("rows.jsonl.gz", b"1", "--by-row takes .jsonl or .json, not rows.jsonl.gz"),
        ("rows.json", b"{", "rows.json is not JSON"),
        ("rows.json", b"1", "expected a list of rows"),
        ("rows.json", b"[]", "rows.json has no rows"),
    ],
)
def test_what_has_no_rows_of_its_own_is_refused(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=says):
        load._split(Rows.find(str(tmp_path / name)))


def test_a_load_test_of_an_empty_file_is_refused(tmp_path):
    (tmp_path / "rows.csv").touch()
    with pytest.raises(UsageError, match=r"rows\.csv is empty: a load test needs rows"):
        load.load(str(tmp_path / "rows.csv"))
