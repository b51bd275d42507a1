"""Whatever bytes come under whatever type: the caller's fault, and nothing of them stays."""

import asyncio

import azure.functions as func
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache import keys
from cache.memory import MemoryCache
from inference import media_types
from inference.results import Results
from inference.scorer import Scorer
from inference.settings import InferenceSettings
from tests import small_model
from triggers.http_trigger import HttpDoor

KINDS = [*media_types.FORMATS, "", "text/plain", "image/png", "application/json; charset=latin-1"]
#: Bytes that begin like something, and bytes that do not.
BODIES = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.builds(
        bytes.__add__,
        st.sampled_from([b"{", b"[[", b'{"data": [[', b"\x93NUMPY\x01\x00", b"\x1f\x8b", b'"']),
        st.binary(max_size=100),
    ),
)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """`ask(body, kind, encoding)`: the response, and how many values are stored after it."""
    folder = small_model.save(tmp_path_factory.mktemp("model"))
    store = MemoryCache()
    scorer = Scorer(InferenceSettings(model_dir=folder), store, keys)
    door = HttpDoor(scorer, Results(store, keys.result_key, ttl_s=60))
    with asyncio.Runner() as runner:

        def ask(body: bytes, kind: str, encoding: str = "") -> tuple[func.HttpResponse, int]:
            headers = {"content-type": kind, "content-encoding": encoding}
            request = func.HttpRequest(
                method="POST",
                url="http://localhost/api/score",
                headers={name: value for name, value in headers.items() if value},
                body=body,
            )
            return runner.run(door.score(request, None)), len(store)

        yield ask
        runner.run(scorer.close())


@settings(max_examples=1500)
@given(body=BODIES, kind=st.sampled_from(KINDS), encoding=st.sampled_from(["", "gzip", "deflate"]))
def test_random_bytes_are_refused_and_leave_nothing_behind(ask, body, kind, encoding):
    _, before = ask(b"[[1, 2]]", "application/json")
    response, after = ask(body, kind, encoding)
    # Some bytes are rows after all: "1,2,3" is CSV.
    assert 400 <= response.status_code < 500 or response.status_code == 200, response.get_body()
    if response.status_code != 200:
        assert after == before
    served, _ = ask(b"[[1, 1, 1]]", "application/json")
    assert (served.status_code, served.get_body()) == (200, b"[1]")
