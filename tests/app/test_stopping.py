"""How a process ends: it stores what is pending, and exits by itself if all threads hang."""

import json

import pytest
from redis import Redis

from inference.serving.hung_threads import EXIT_CODE, MAX_HUNG
from tests.waiting import eventually

#: A script that never returns from some requests.
HANGS = """
import threading

def init(): pass

def run(data):
    if data.startswith("hang"):
        threading.Event().wait()
    return data
"""


def stored(app) -> int:
    with Redis.from_url(app.redis.url) as client:
        return sum(1 for _ in client.scan_iter("triscore:w:*"))


def test_results_that_wait_to_be_stored_are_stored_when_the_app_stops(make_app):
    app = make_app(CACHE_MODE="always", CACHE_TIMEOUT_MS="5000", TRIGGERS="http")
    before = stored(app)
    with Redis.from_url(app.redis.url) as client:
        client.execute_command("CLIENT", "PAUSE", 2000, "WRITE")
    for number in range(20):
        assert app.post(b"[[0.3, 0.%d, 0.9]]" % (100 + number)).status == 200
    assert app.host.stop() == 0
    assert stored(app) == before + 20


@pytest.fixture
def hanging(make_app, tmp_path):
    (tmp_path / "score.py").write_text(HANGS)
    return make_app(AZUREML_MODEL_DIR=str(tmp_path), SCORING_TIMEOUT_S="0.3", TRIGGERS="http")


@pytest.mark.long
def test_a_process_whose_model_threads_all_hang_logs_it_and_is_replaced(hanging):
    app = hanging
    for number in range(MAX_HUNG):  # equal ones might be coalesced with a call that hangs already
        assert app.post(b"hang %d" % number, "text/plain").status == 504
    # The last one counts as hung when its own deadline is over, just after its caller's.
    ready = eventually(lambda: (reply := app.get("/api/health/ready")).status == 503 and reply)
    assert ready.headers["retry-after"] == "1"
    assert f"{MAX_HUNG} calls of the model hang" in ready.json()["dependencies"]["model"]["message"]
    refused = app.post(b"fine", "text/plain")
    assert (refused.status, refused.json()["error"]["code"]) == (503, "overloaded")

    def answers_again() -> bool:
        try:
            return bool(app.post(b"fine", "text/plain").status == 200)
        except OSError:  # between the two processes
            return False

    eventually(answers_again, 40)
    assert json.loads(app.post(b"fine", "text/plain").body) == "fine"
    assert f"ended with exit code {EXIT_CODE}" in app.host.log()
