"""What `triscore enqueue` leaves behind when it ends before its results are there."""

import json

import pytest

from cli.running_app import queued_requests
from triscore_client import AppUnavailable, ScoringFailed


class Queue:
    """A client whose app takes some requests, answers some of them, and then goes away."""

    def __init__(self, *, takes=0, answers=()):
        self._takes, self._answers = iter(range(takes)), dict(answers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def enqueue(self, rows, **_):
        number = next(self._takes, None)
        if number is None:
            raise KeyboardInterrupt
        return f"id{number}"

    def result(self, name, wait_s):
        if name not in self._answers:
            raise AppUnavailable("away")
        document = self._answers[name]
        if document["error"]:
            raise ScoringFailed(document)
        return document


@pytest.fixture
def enqueue(tmp_path, monkeypatch):
    """`enqueue(queue, **options)` of one row."""
    (tmp_path / "rows.json").write_text("[[1]]")

    def run(queue, **options):
        monkeypatch.setattr(queued_requests, "_client", lambda url, key: queue)
        return queued_requests.enqueue(str(tmp_path / "rows.json"), **options)

    return run


def test_ctrl_c_while_it_enqueues_names_what_is_enqueued(enqueue, capsys):
    with pytest.raises(KeyboardInterrupt):
        enqueue(Queue(takes=2), count=3, wait=True)
    assert capsys.readouterr() == ("", "no result yet: id0 id1\n")


def test_an_app_that_goes_away_leaves_the_ids_without_a_result(enqueue, capsys):
    answered = {"id0": {"result": [7], "error": None}}
    with pytest.raises(AppUnavailable):
        enqueue(Queue(takes=3, answers=answered), count=3, wait=True)
    assert capsys.readouterr() == ("[7]\n", "no result yet: id1 id2\n")


def test_a_failure_is_an_error_for_people_and_a_document_for_programs(enqueue, capsys):
    failed = {"error": {"message": "row 0: too short"}}
    assert enqueue(Queue(takes=1, answers={"id0": failed}), wait=True) == 1
    assert capsys.readouterr() == ("", "id0: row 0: too short\n")
    assert enqueue(Queue(takes=1, answers={"id0": failed}), wait=True, as_json=True) == 1
    told = capsys.readouterr()
    assert (json.loads(told.out), told.err) == (failed, "")
