"""Clients of the Open Inference Protocol, unchanged, against the whole app."""

import json
import uuid

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

INFER = "/api/v2/models/sum/infer"


@pytest.fixture(scope="module")
def app(make_app):
    """With every lookup, even if it does not pay for the small model."""
    return make_app(CACHE_MODE="always")


@pytest.fixture
def rows():
    """Rows that no test has sent before, away from the border between the classes."""
    drawn = np.random.default_rng().random((40, 3)).round(6)
    return drawn[abs(drawn.sum(axis=1) - 1.5) > 0.1]


@pytest.fixture(scope="module")
def base(app):
    """The client's URL: the route prefix is its base path."""
    return app.host.url.removeprefix("http://") + "/api"


@pytest.fixture
def client(base):
    with triton.InferenceServerClient(base) as opened:
        yield opened


def right(rows) -> list[int]:
    return [int(total > 1.5) for total in rows.sum(axis=1)]


def given(array, *, binary=True, name="input-0", library=triton):
    asked = library.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    return asked.set_data_from_numpy(array, binary_data=binary)


def test_triton_finds_the_server_and_the_model_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    described = client.get_model_metadata("sum")
    (version,) = described["versions"]
    assert client.get_model_metadata("sum", version) == described
    assert described["inputs"] == [{"name": "input-0", "datatype": "FP64", "shape": [-1, 3]}]
    assert client.is_model_ready("sum", version)
    assert not client.is_model_ready("product")


@pytest.mark.parametrize("binary", [True, False])
def test_triton_scores_rows_as_bytes_and_in_json(client, rows, binary):
    result = client.infer(
        "sum",
        [given(rows.astype(np.float32), binary=binary)],
        outputs=[triton.InferRequestedOutput("predict", binary_data=binary)],
        request_id="mine",
        timeout=1_000_000,
    )
    assert result.as_numpy("predict").tolist() == right(rows)
    assert result.as_numpy("predict").dtype == np.int64
    assert ("data" in result.get_output("predict")) is not binary
    assert result.get_response()["id"] == "mine"


def test_triton_scores_with_its_defaults(client, rows):
    (version,) = client.get_model_metadata("sum")["versions"]
    for more in ({}, {"model_version": version}, {"request_compression_algorithm": "gzip"}):
        result = client.infer("sum", [given(rows)], **more)
        assert result.as_numpy("predict").tolist() == right(rows)
        assert result.get_response()["model_version"] == version


def test_triton_scores_a_tensor_a_column(client, rows):
    columns = [
        given(rows[:, :1], name="first"),
        given(rows[:, 1], name="second"),
        given(rows[:, 2], name="third", binary=False),
    ]
    assert client.infer("sum", columns).as_numpy("predict").tolist() == right(rows)


async def test_tritons_asyncio_client_scores_too(base, rows):
    async with triton_aio.InferenceServerClient(base) as opened:
        result = await opened.infer("sum", [given(rows, library=triton_aio)])
    assert result.as_numpy("predict").tolist() == right(rows)


def test_a_row_scored_by_triton_is_a_hit_for_score(client, app, rows):
    client.infer("sum", [given(rows)])
    reply = app.post(json.dumps({"data": rows.tolist()}).encode())
    assert (reply.status, reply.headers["x-cache"]) == (200, "hit")
    assert reply.json() == right(rows)


def test_triton_shows_its_user_why_it_was_refused(client, rows):
    for name, asked, status, says in (
        ("sum", given(rows[:, :2]), "422", "shape: expected (rows, 3), got"),
        ("product", given(rows), "404", "no such model; the only one is 'sum'"),
        ("sum", given(np.array([[b"a", b"b", b"c"]], object)), "422", "expected a number, got 'a'"),
        ("sum", given(np.full((9_000, 3), 0.5)), "413", "MAX_BODY_BYTES"),
    ):
        with pytest.raises(InferenceServerException) as caught:
            client.infer(name, [asked])
        assert caught.value.status() == status
        assert says in caught.value.message()


def test_the_kserve_clients_requests_get_answers_that_it_can_read(app, rows):
    # Its package needs pandas below 3: the test sends its documents itself.
    assert app.get("/api/v2/health/live").json() == {"live": True}
    assert app.get("/api/v2/health/ready").json() == {"ready": True}
    named = str(uuid.uuid4())
    asked = {
        "id": named,
        "model_name": "sum",
        "inputs": [
            {
                "name": "input-0",
                "shape": list(rows.shape),
                "datatype": "FP64",
                "data": rows.ravel().tolist(),
            }
        ],
    }
    reply = app.post(json.dumps(asked).encode(), path=INFER)
    assert reply.headers["content-type"] == "application/json"
    assert set(reply.json()) == {"id", "model_name", "model_version", "outputs"}
    assert (reply.json()["id"], reply.json()["model_name"]) == (named, "sum")
    (only,) = reply.json()["outputs"]
    assert np.reshape(only["data"], only["shape"]).tolist() == right(rows)


def test_requests_of_mlservers_codecs_are_answered(app, rows):
    def numbers(name, values):
        return {
            "name": name,
            "shape": list(values.shape),
            "datatype": "FP64",
            "parameters": {"content_type": "np"},
            "data": values.ravel().tolist(),
        }

    whole = {"parameters": {"content_type": "np"}, "inputs": [numbers("input-0", rows)]}
    frame = {
        "parameters": {"content_type": "pd"},
        "inputs": [numbers(name, rows[:, [index]]) for index, name in enumerate("abc")],
    }
    for asked in (whole, frame):
        (only,) = app.post(json.dumps(asked).encode(), path=INFER).json()["outputs"]
        assert (only["name"], only["datatype"]) == ("predict", "INT64")
        assert only["data"] == right(rows)
