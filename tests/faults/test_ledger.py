"""The fault cases' own checks find each kind of fault."""

import random

import pytest

from tests.faults.hostile_requests import Requests
from tests.faults.ledger import Ledger, Rows
from tests.faults.outcome import Outcome


def document(name, result, **more):
    return {
        "id": name,
        "status": "succeeded",
        "source": "http",
        "result": result,
        "error": None,
        "finished_at": "2026-11-24T08:00:00.000Z",
        **more,
    }


def settled(ledger, *documents, forgiven=()):
    found = {}
    for each in documents:
        found.setdefault(each["id"], []).append(each)
    outcome = Outcome("case")
    ledger.settle(found, outcome, forgiven=forgiven)
    return outcome.lost, outcome.wrong


@pytest.fixture
def ledger():
    ledger = Ledger()
    ledger.enter("sure", [1], accepted=True)
    ledger.enter("maybe", [0], accepted=False)
    return ledger


def test_exactly_one_right_document_of_each_accepted_input_holds(ledger):
    assert settled(ledger, document("sure", [1])) == (0, 0)
    assert settled(ledger, document("sure", [1]), document("maybe", [0])) == (0, 0)


def test_an_accepted_input_without_a_document_is_lost(ledger):
    assert settled(ledger) == (1, 0)
    assert settled(ledger, forgiven=["sure"]) == (0, 0)


@pytest.mark.parametrize(
    "second",
    [
        document("sure", [1]),
        document("maybe", [1]),
        document("unknown", [1]),
        document("maybe", None, status="failed", error={"code": "x", "message": "y"}),
        document("maybe", {"rows": 2, "failed": 0}, source="blob"),
        document("maybe", {"rows": 1, "failed": 1}, source="blob"),
    ],
    ids=["twice", "wrong", "unknown input", "failed", "rows too many", "failed rows"],
)
def test_any_other_document_is_wrong(ledger, second):
    assert settled(ledger, document("sure", [1]), second) == (0, 1)


def test_a_case_holds_only_if_nothing_is_lost_or_wrong():
    outcome = Outcome("case")
    outcome.require(truth=True, what="all is well")
    assert outcome.holds
    outcome.require(truth=False, what="something is not")
    assert not outcome.holds
    assert outcome.faults() == ["something is not (1): something is not"]


def test_no_row_is_drawn_twice_or_near_the_border():
    rows, expected = Rows(1).take(500)
    assert len({tuple(row) for row in rows}) == 500
    assert {(sum(row) > 1.5) for row in rows} == {True, False}
    assert [int(sum(row) > 1.5) for row in rows] == expected


def test_one_seed_draws_the_same_requests_again():
    first, second = (Requests(random.Random(5)) for _ in range(2))
    drawn = [first.draw() for _ in range(300)]
    assert drawn == [second.draw() for _ in range(300)]
    assert len({each.sort for each in drawn}) == 4
