"""Parquet files and Arrow streams as batches: input columns, then predictions and errors."""

import io
import tracemalloc

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from inference.errors import InputTooLarge, MalformedInput, UnfitInput
from inference.limits import Limits
from inference.request import Request
from inference.rows import formats, media_types
from inference.rows.schema import Schema
from inference.serving import table_scoring
from tests import bodies

MB = 1024 * 1024

FORM = pytest.mark.parametrize("form", media_types.COLUMNAR)


async def scored(scorer, form: str, source, sink):
    request = Request(id="b", source="blob", body=b"", content_type=form)
    return await table_scoring.score(scorer, request, source, sink)


@pytest.fixture
def score(model_dir, make_scorer):
    """`score(form, table or body)`: the report and the table that was written."""
    scorer = make_scorer(model_dir, MAX_BODY_BYTES="100000", MAX_ROWS="50")

    async def run(form: str, given: pa.Table | bytes):
        body = given if isinstance(given, bytes) else bodies.of_table(form, given)
        out = io.BytesIO()
        report = await scored(scorer, form, io.BytesIO(body), out.write)
        return report, bodies.read_table(form, out.getvalue())

    return run


@FORM
async def test_rows_come_back_with_their_predictions_or_errors_beside_them(score, form):
    table = pa.table(
        {
            "a": [0.9, 0.1, None],
            "b": [0.9, 0.1, 1.0],
            "c": pa.array([0.9, 0.1, 1.0], pa.float32()),
        }
    )
    report, written = await score(form, table)
    assert written.select(["a", "b", "c"]).equals(table)
    assert written["prediction"].to_pylist() == [1, 0, None]
    assert written["error"].to_pylist()[:2] == [None, None]
    assert "row 2, column 0: expected a finite number" in written["error"].to_pylist()[2]
    assert (report.rows, report.failed, report.content_type) == (3, 1, form)


@pytest.fixture
def named_model(tmp_path):
    """The folder of a regressor of the columns a and b."""
    import pandas as pd

    folder = tmp_path / "named"
    folder.mkdir()
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 5.0]})
    joblib.dump(LinearRegression().fit(frame, [1.0, 2.0, 3.0]), folder / "model.joblib")
    return folder


@pytest.fixture
def named(named_model, make_scorer):
    return make_scorer(named_model, ALLOW_UNPINNED_MODEL="true", MAX_ROWS="2500")


@FORM
async def test_columns_that_are_not_the_models_pass_through(named, form):
    texts = pa.array(["x", "y", "x"])
    table = pa.table(
        {
            "when": pa.array([1, 2, None], pa.timestamp("us", "UTC")),
            "kind": texts.dictionary_encode(),
            "b": [1, 2, 3],
            "price": pa.array([1, 2, 3]).cast(pa.decimal128(30, 2)),
            "note": texts.cast(pa.large_string()),
            "a": [3, 2, 1],
            "raw": pa.array([b"\xff", None, b""]),
        }
    ).replace_schema_metadata({"ours": "kept"})
    out = io.BytesIO()
    await scored(named, form, io.BytesIO(bodies.of_table(form, table)), out.write)
    written = bodies.read_table(form, out.getvalue())
    assert written.select(table.column_names).equals(table)
    assert written.schema.metadata[b"ours"] == b"kept"
    model = (await named.script())._answer
    expected = model(np.array([[3.0, 1], [2, 2], [1, 3]]))
    assert written["prediction"].to_pylist() == expected.tolist()


@FORM
async def test_a_callers_columns_keep_their_names(named, form):
    table = pa.table(
        {"prediction": ["own"], "a": [0.9], "error": [1], "b": [0.9], "prediction_scored": [2]}
    )
    out = io.BytesIO()
    await scored(named, form, io.BytesIO(bodies.of_table(form, table)), out.write)
    written = bodies.read_table(form, out.getvalue())
    assert written.select(table.column_names).equals(table)
    assert written.column_names[5:] == ["prediction_scored_scored", "error_scored"]
    assert written["error_scored"].to_pylist() == [None]


@FORM
async def test_columns_of_any_type_pass_through(named, form):
    table = pa.table(
        {
            "vector": [[1.0, 2.0], [], None],
            "a": [1.0, 2.0, 3.0],
            "person": [{"name": "x", "tags": ["y"]}, None, {"name": None, "tags": []}],
            "b": [1, 2, 3],
            "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
        }
    )
    out = io.BytesIO()
    await scored(named, form, io.BytesIO(bodies.of_table(form, table)), out.write)
    written = bodies.read_table(form, out.getvalue())
    assert written.select(table.column_names).equals(table)


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli"])
@pytest.mark.parametrize("version", ["1.0", "2.4", "2.6"])
async def test_a_parquet_file_is_copied_byte_for_byte(named, compression, version):
    rng = np.random.default_rng(0)
    table = pa.table(
        {"a": rng.random(5000), "t": rng.integers(0, 9, 5000).astype(str), "b": rng.random(5000)}
    )
    body = bodies.parquet(
        table, compression=compression, version=version, row_group_size=1999, write_page_index=True,
        sorting_columns=[pq.SortingColumn(0)],
    )  # fmt: skip
    out = io.BytesIO()
    await scored(named, media_types.PARQUET, io.BytesIO(body), out.write)
    end = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    assert out.getvalue()[:end] == body[:end]
    written = pq.ParquetFile(out)
    assert [written.metadata.row_group(at).num_rows for at in range(3)] == [1999, 1999, 1002]
    assert written.read().select(table.column_names).equals(table)
    assert written.read(["prediction"]).num_rows == 5000
    assert written.metadata.row_group(0).column(3).statistics.has_min_max


async def test_an_arrow_file_is_read_as_a_stream_and_written_as_a_file(named):
    table = pa.table({"a": np.arange(9.0), "b": np.arange(9.0)})
    body = bodies.arrow(table, compression="zstd", rows=2, file=True)
    out = io.BytesIO()
    # The first bytes count, whatever the content type says.
    await scored(named, media_types.ARROW, io.BytesIO(body), out.write)
    assert pa.ipc.open_file(out).read_all().select(["a", "b"]).equals(table)
    for cut in (3, 9, 200):
        with pytest.raises(MalformedInput, match="cut short"):
            await scored(named, media_types.ARROW, io.BytesIO(body[:-cut]), io.BytesIO().write)


@FORM
@pytest.mark.parametrize("groups", [0, 1])
def test_an_input_without_rows_has_an_output_with_all_columns(form, groups):
    table = pa.table({"a": pa.array([], pa.float64()), "t": pa.array([], pa.string())})
    out = io.BytesIO()
    if form == media_types.PARQUET and not groups:
        pq.ParquetWriter(out, table.schema).close()
    else:
        out.write(bodies.of_table(form, table))
    out.seek(0)
    read = formats.open_table(form, out, Schema(features=1, names=("a",)), Limits(10**6, 100))
    assert list(read.parts()) in ([], [])
    written = bodies.read_table(form, b"".join(read.end()))
    assert written.schema.names == ["a", "t", "prediction", "error"]
    assert written.num_rows == 0


@FORM
def test_several_outputs_have_a_column_each(form):
    body = bodies.of_table(form, pa.table({"a": [1.0, 2.0, None]}))
    schema = Schema(features=1, names=("a",))
    table = formats.open_table(form, io.BytesIO(body), schema, Limits(10**6, 100))
    out = [table.write(part, [[1, "x"], [2, "y"]]) for part in table.parts()]
    written = bodies.read_table(form, b"".join([*out, *table.end()]))
    assert written["prediction_0"].to_pylist() == [1, 2, None]
    assert written["prediction_1"].to_pylist() == ["x", "y", None]


@FORM
async def test_many_parts_become_one_table_even_if_the_first_has_only_errors(named, form):
    rows = np.random.default_rng(0).random((10_000, 2))
    a = pa.array([None] * 2000 + rows[2000:, 0].tolist())
    table = pa.table({"a": a, "b": rows[:, 1]})
    body = bodies.parquet(table, row_group_size=4321)
    if form != media_types.PARQUET:
        body = bodies.arrow(table, rows=4321, file=form == media_types.ARROW_FILE)
    out = io.BytesIO()
    report = await scored(named, form, io.BytesIO(body), out.write)
    written = bodies.read_table(form, out.getvalue())
    assert (report.rows, report.failed) == (10_000, 2000)
    assert written["b"].to_pylist() == rows[:, 1].tolist()
    predicted = written["prediction"].to_numpy()
    assert np.isnan(predicted[:2000]).all()
    assert not np.isnan(predicted[2000:]).any()
    assert written["error"].null_count == 8000
    if form == media_types.PARQUET:
        assert pq.ParquetFile(io.BytesIO(out.getvalue())).num_row_groups == 3


@FORM
async def test_too_many_errors_before_the_first_prediction_refuse_the_table(named, form):
    table = pa.table({"a": [None] * 4000 + [1.0], "b": [1.0] * 4001})
    with pytest.raises(UnfitInput, match="column 0"):
        await scored(named, form, io.BytesIO(bodies.of_table(form, table)), io.BytesIO().write)


@FORM
async def test_labels_are_a_text_column_with_nulls_for_errors(tmp_path, make_scorer, form):
    folder = tmp_path / "labels"
    folder.mkdir()
    rows = np.random.default_rng(0).random((50, 2))
    labels = np.where(rows.sum(axis=1) > 1, "yes", "no")
    joblib.dump(LogisticRegression().fit(rows, labels), folder / "model.joblib")
    scorer = make_scorer(folder, ALLOW_UNPINNED_MODEL="true")
    table = pa.table({"a": [5.0, None, -5.0], "b": [5.0, 1.0, -5.0]})
    out = io.BytesIO()
    await scored(scorer, form, io.BytesIO(bodies.of_table(form, table)), out.write)
    assert bodies.read_table(form, out.getvalue())["prediction"].to_pylist() == ["yes", None, "no"]


@FORM
@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (b"", (MalformedInput, UnfitInput), "empty|can't be read"),
        (b"PAR1oops", MalformedInput, "no Parquet file|cut short"),
        (pa.table({"a": [1.0], "b": [1.0], "c": [[1.0]]}), UnfitInput, "column 'c': .*list"),
        (pa.table({"a": [1.0], "b": [1.0]}), UnfitInput, "columns: expected 3, got 2"),
        (pa.table({"a": [np.inf], "b": [1.0], "c": [1.0]}), UnfitInput, "got inf"),
    ],
    ids=["nothing", "rubbish", "a list", "a column short", "infinity"],
)
async def test_a_table_without_a_row_that_can_be_scored_is_refused(score, form, given, error, says):
    with pytest.raises(error, match=says):
        await score(form, given)


@pytest.mark.parametrize("values", [np.random.default_rng(0).random(30_000), np.zeros(200_000)])
async def test_a_parquet_blob_may_be_longer_than_a_body(score, values):
    table = pa.table(dict.fromkeys("abc", values))
    report, written = await score(media_types.PARQUET, table)
    assert (report.rows, report.failed) == (len(values), 0)
    assert written.select(["a", "b", "c"]).equals(table)


@pytest.mark.parametrize("form", [media_types.ARROW, media_types.ARROW_FILE])
async def test_a_batch_of_arrow_may_not_be_longer_than_a_body(score, form):
    table = pa.table(dict.fromkeys("abc", np.zeros(9000)))
    with pytest.raises(InputTooLarge, match="MAX_BODY_BYTES"):
        await score(form, table)
    body = bodies.arrow(table, rows=1000, file=form == media_types.ARROW_FILE)
    report, _ = await score(form, body)
    assert report.rows == 9000


def arrow_rows(count: int) -> bytes:
    values = np.random.default_rng(0).random(count)
    return bodies.arrow(pa.table({"a": values, "b": values}), rows=5000)


def parquet_rows(count: int) -> bytes:
    values = np.random.default_rng(0).random(count)
    return bodies.parquet(pa.table({"a": values, "b": values}), row_group_size=5000)


@pytest.mark.parametrize(
    ("form", "rows"),
    [
        (media_types.ARROW, arrow_rows),
        (media_types.PARQUET, parquet_rows),
        (media_types.NPY, lambda count: bodies.npy(np.ones((count, 2)))),
        (media_types.NPY, lambda count: bodies.npy(np.ones((2, count)).T)),
    ],
    ids=["Arrow", "Parquet", "npy by row", "npy by column"],
)
async def test_ten_times_the_rows_take_no_more_memory(
    named_model, make_scorer, tmp_path, form, rows
):
    # The row cache would grow to its own bound.
    scorer = make_scorer(named_model, ALLOW_UNPINNED_MODEL="true", CACHE_MODE="off")
    peaks = []
    for count in (1_000, 20_000, 200_000):  # the first one also counts what is imported
        (tmp_path / "rows").write_bytes(rows(count))
        peaks.append(await peak_of(scorer, form, tmp_path / "rows", count))
    assert peaks[2] < 5 * MB
    assert peaks[2] < peaks[1] + MB


async def peak_of(scorer, form: str, file, rows: int) -> int:
    """The most bytes that Python and Arrow hold while a blob is scored."""
    written = 0

    def sink(content: bytes) -> None:
        nonlocal written
        written += len(content)

    tracemalloc.start()
    try:
        with bodies.counted_memory() as pool, file.open("rb") as source:
            report = await scored(scorer, form, source, sink)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.rows == rows
    assert written > rows * 3 * 8
    return int(peak + pool.max_memory())
