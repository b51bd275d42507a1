import csv
import io
import tracemalloc

import joblib
import numpy as np
import orjson
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from cache import keys
from inference.error_threshold import ErrorThreshold
from inference.errors import InputTooLarge, MalformedInput, TooManyErrors, UnfitInput
from inference.limits import MAX_ROW_BYTES
from inference.request import Request
from inference.rows import media_types
from inference.serving import table_scoring
from inference.serving.batch_report import Report

GOOD, LOW = [0.9, 0.9, 0.9], [0.1, 0.1, 0.1]


@pytest.fixture
def score(model_dir, make_scorer):
    """`score(form, body)`: the report and the output."""
    scorer = make_scorer(model_dir, MAX_BODY_BYTES="10000", MAX_ROWS="50")

    async def run(form: str, body: bytes, **more):
        out = io.BytesIO()
        request = Request(id="b", source="blob", body=b"", content_type=form)
        report = await table_scoring.score(scorer, request, io.BytesIO(body), out.write, **more)
        return report, out.getvalue()

    return run


async def test_csv_rows_get_a_prediction_or_an_error(score):
    report, written = await score(
        media_types.CSV, b'a,b,c\n0.9,0.9,0.9\n"0.1",0.1,0.1\n1,2\n1,2,x\n1,2,\n'
    )
    lines = list(csv.reader(io.StringIO(written.decode())))
    assert lines[0] == ["a", "b", "c", "prediction", "error"]
    assert lines[1] == ["0.9", "0.9", "0.9", "1", ""]
    assert lines[2] == ["0.1", "0.1", "0.1", "0", ""]
    assert lines[3] == ["1", "2", "", "", "row 2: expected a list of 3 values, got 2 values"]
    assert lines[4][3:] == ["", "row 3, column 2: expected a number, got 'x'"]
    assert "a finite number" in lines[5][-1]
    assert (report.rows, report.failed) == (5, 3)


async def test_json_lines_keep_their_fields_beside_the_prediction(score):
    body = b'{"id": 7, "data": [0.9, 0.9, 0.9]}\n[0.1, 0.1, 0.1]\n\n{oops\n'
    report, written = await score(media_types.JSON_LINES, body)
    first, second, third = map(orjson.loads, written.splitlines())
    assert first == {"id": 7, "data": GOOD, "prediction": 1}
    assert second == {"data": LOW, "prediction": 0}
    assert third["data"] == "{oops"
    assert "line 4 is not JSON" in third["error"]
    assert (report.rows, report.failed) == (3, 1)


@pytest.mark.parametrize("depth", [200, 253, 254, 255, 600, 1000])
async def test_a_json_line_nested_however_deep_comes_back_as_it_was(score, depth):
    deep = b"[" * depth + b"]" * depth
    body = b'{"data": [0.9, 0.9, 0.9], "deep": %b}\n%b\n' % (deep, deep)
    report, written = await score(media_types.JSON_LINES, body)
    first, second = written.splitlines()
    assert first == b'{"data": [0.9, 0.9, 0.9], "deep": %b,"prediction":1}' % deep
    assert second.startswith(b'{"data":%b,"error":"row 1: ' % deep)
    assert (report.rows, report.failed) == (2, 1)


async def test_a_json_document_keeps_its_fields_beside_the_predictions(score):
    _, written = await score(media_types.JSON, orjson.dumps({"batch": 3, "data": [GOOD, [1], LOW]}))
    document = orjson.loads(written)
    assert document["batch"] == 3
    assert document["predictions"] == [1, None, 0]
    assert list(document["errors"]) == ["1"]


async def test_an_array_becomes_data_and_prediction(score):
    out = io.BytesIO()
    np.save(out, np.array([GOOD, [np.nan] * 3, LOW]))
    report, written = await score(media_types.NPY, out.getvalue())
    joined = np.load(io.BytesIO(written), allow_pickle=False)
    np.testing.assert_array_equal(joined["prediction"], [1, np.nan, 0])
    np.testing.assert_array_equal(joined["data"][2], LOW)
    assert report.failed == 1


async def test_an_array_of_labels_has_room_for_rows_that_failed(tmp_path, make_scorer):
    folder = tmp_path / "labels"
    folder.mkdir()
    rows = np.random.default_rng(0).random((50, 3))
    labels = np.where(rows.sum(axis=1) > 1.5, "yes", "no")
    joblib.dump(LogisticRegression().fit(rows, labels), folder / "model.joblib")
    scorer = make_scorer(folder, ALLOW_UNPINNED_MODEL="true")
    out, source = io.BytesIO(), io.BytesIO()
    np.save(source, np.array([GOOD, [np.nan] * 3, LOW]))
    source.seek(0)
    request = Request(id="b", source="blob", body=b"", content_type=media_types.NPY)
    report = await table_scoring.score(scorer, request, source, out.write)
    assert np.load(io.BytesIO(out.getvalue()))["prediction"].tolist() == ["yes", "", "no"]
    assert report.failed == 1


async def test_the_same_rows_again_are_hits(score):
    body = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"
    first, written = await score(media_types.CSV, body)
    second, again = await score(media_types.CSV, body)
    assert (first.cache_hits, second.cache_hits) == (0, 2)
    assert written == again == b"0.9,0.9,0.9,1,\n0.1,0.1,0.1,0,\n"


@pytest.mark.parametrize(
    ("form", "body", "error", "says"),
    [
        (media_types.CSV, b"1,2\n3,4\n", UnfitInput, "row 0: expected a list of 3"),
        (media_types.CSV, b"1,2,\xff\n", MalformedInput, "UTF-8"),
        (media_types.CSV, b'1,2,"x' + b"x" * 200_000, MalformedInput, "a quote of line 1"),
        (media_types.JSON_LINES, b"{oops\n", MalformedInput, "line 1 is not JSON"),
        (media_types.JSON, b"", MalformedInput, "empty"),
        (media_types.JSON, b"{oops", MalformedInput, "the blob, read as JSON, is not"),
        (media_types.JSON, b" " * 10_001, InputTooLarge, "MAX_BODY_BYTES"),
        (media_types.JSON, orjson.dumps([GOOD] * 51), InputTooLarge, "MAX_ROWS"),
        (media_types.NPY, b"\x93NUMPY", MalformedInput, "npy"),
    ],
)
async def test_a_table_without_a_row_that_can_be_scored_is_refused(score, form, body, error, says):
    with pytest.raises(error, match=says):
        await score(form, body)


@pytest.mark.parametrize(
    ("form", "body"),
    [(media_types.CSV, b""), (media_types.CSV, b"a,b,c\n"), (media_types.JSON_LINES, b"\n")],
)
async def test_an_input_without_rows_succeeds(score, form, body):
    report, _ = await score(form, body)
    assert (report.rows, report.failed, report.errors) == (0, 0, [])


BAD = b"0.9,0.9,0.9\n1,2\n" * 300


async def test_the_report_names_the_first_hundred_rows_that_failed(score):
    report, _ = await score(media_types.CSV, BAD)
    assert (report.rows, report.failed) == (600, 300)
    assert [row for row, _ in report.errors] == list(range(1, 201, 2))
    assert report.errors[3].message == "row 7: expected a list of 3 values, got 2 values"
    assert report.rows_per_s > 0


@pytest.mark.parametrize("limit", [0, 1, 120, 299])
async def test_too_many_errors_end_the_batch_at_their_exact_row(score, limit):
    report = Report()
    with pytest.raises(TooManyErrors, match=rf"the limit is {limit} \(ERROR_THRESHOLD\); row"):
        await score(media_types.CSV, BAD, threshold=ErrorThreshold.parse(str(limit)), report=report)
    assert (report.failed, report.rows) == (limit + 1, 2 * limit + 2)


async def test_a_share_of_errors_is_compared_at_the_end(score):
    report = Report()
    with pytest.raises(TooManyErrors, match=r"rows that failed: 300 of the first 600.*0\.4"):
        await score(media_types.CSV, BAD, threshold=ErrorThreshold.parse("0.4"), report=report)
    for limit in ("0.5", "300", "-1"):  # none of them is exceeded
        report, _ = await score(media_types.CSV, BAD, threshold=ErrorThreshold.parse(limit))
        assert report.failed == 300


async def test_the_error_of_the_earliest_part_counts(score):
    """Parts after it are read ahead: what is wrong with them must not come first."""
    body = b"1,2\n" + b"0.9,0.9,0.9\n" * 2_000 + b"\xff\n"
    with pytest.raises(TooManyErrors, match="row 0"):
        await score(media_types.CSV, body, threshold=ErrorThreshold.parse("0"))


async def test_a_fault_of_the_sink_ends_the_batch_as_it_is(model_dir, make_scorer):
    def full(_: bytes) -> None:
        raise OSError("full")

    request = Request(id="b", source="blob", body=b"", content_type=media_types.CSV)
    source = io.BufferedReader(Endless(100_000), 65536)
    with pytest.raises(OSError, match="full"):
        await table_scoring.score(make_scorer(model_dir), request, source, full)


async def test_no_keys_are_made_while_the_row_cache_is_closed(model_dir, make_scorer, monkeypatch):
    scorer = make_scorer(model_dir)
    await scorer.script()
    scorer.cache_policy.many_rows.near.share = 0.0  # as the policy does where lookups do not pay
    monkeypatch.setattr(scorer, "_keys", None)  # any use of it fails
    request = Request(id="b", source="blob", body=b"", content_type=media_types.CSV)
    source = io.BufferedReader(Endless(10_000), 65536)
    report = await table_scoring.score(scorer, request, source, lambda _: None)
    assert (report.rows, report.cache_hits) == (10_000, 0)


async def test_a_line_without_an_end_is_refused_before_it_fills_memory(score):
    with pytest.raises(MalformedInput, match="a line is longer than"):
        await score(media_types.CSV, b"1" * (MAX_ROW_BYTES + 2))


class Endless(io.RawIOBase):
    """CSV rows that are made while they are read."""

    def __init__(self, rows: int) -> None:
        self._left = rows

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        line = b"0.9,0.9,0.9\n"
        count = min(self._left, len(buffer) // len(line))
        self._left -= count
        buffer[: count * len(line)] = line * count
        return count * len(line)


async def test_a_csv_of_any_length_is_scored_in_constant_memory(model_dir, make_scorer):
    scorer = make_scorer(model_dir, MAX_BODY_BYTES="100", MAX_ROWS="10")
    request = Request(id="b", source="blob", body=b"", content_type=media_types.CSV)
    written = 0

    def sink(part: bytes) -> None:
        nonlocal written
        written += len(part)

    await scorer.script()
    tracemalloc.start()
    try:
        source = io.BufferedReader(Endless(100_000), 65536)
        report = await table_scoring.score(scorer, request, source, sink)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.rows == 100_000
    assert written == 100_000 * len(b"0.9,0.9,0.9,1,\n")
    assert peak < 8 * 1024 * 1024


async def test_a_user_script_gets_the_whole_blob(script_dir, make_scorer):
    scorer = make_scorer(script_dir("def init(): ...\ndef run(data): return data.upper()\n"))
    out = io.BytesIO()
    request = Request(id="b", source="blob", body=b"", content_type=media_types.CSV)
    report = await table_scoring.score(scorer, request, io.BytesIO(b"abc"), out.write)
    assert (out.getvalue(), report.rows) == (b'"ABC"', 1)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("form", [media_types.CSV, media_types.JSON_LINES])
async def test_a_row_that_the_model_refuses_alone_has_an_error(form, tmp_path, make_scorer):
    joblib.dump(DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]), tmp_path / "model.joblib")
    scorer = make_scorer(tmp_path, ALLOW_UNPINNED_MODEL="true")
    values = [b"0", b"1", b"1e39", b"0"]  # the third is beyond its float32
    body = b"\n".join(values if form == media_types.CSV else (b"[%b]" % each for each in values))
    out, request = io.BytesIO(), Request(id="b", source="blob", body=b"", content_type=form)
    report = await table_scoring.score(scorer, request, io.BytesIO(body), out.write)
    assert (report.rows, report.failed, [each.row for each in report.errors]) == (4, 1, [2])
    assert report.errors[0].message.startswith("row 2: expected values that the model can compute")
    third = out.getvalue().splitlines()[2]
    assert (b"row 2: expected" in third, out.getvalue().count(b"row 2")) == (True, 1)


@pytest.mark.parametrize("share", [0.0, 1.0])
async def test_keys_are_made_only_while_the_row_cache_is_open_for_batches(
    share, model_dir, make_scorer, monkeypatch
):
    scorer, named = make_scorer(model_dir), []
    make = keys.row_keys
    monkeypatch.setattr(keys, "row_keys", lambda **of: named.append(1) or make(**of))
    many = scorer.cache_policy.many_rows
    many.near.share = many.redis.share = share
    many.near.pays = many.redis.pays = share > 0
    request = Request(id="b", source="blob", body=b"", content_type=media_types.CSV)
    body = b"".join(b"0.%d,0.2,0.3\n" % at for at in range(3_000))
    report = await table_scoring.score(scorer, request, io.BytesIO(body), lambda _: None)
    assert (report.rows, report.failed) == (3_000, 0)
    assert bool(named) == (share > 0)
