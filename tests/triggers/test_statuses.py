import pytest

from inference import errors
from triggers.statuses import STATUSES, is_retryable, status_of


def leaves(kind: type[errors.ScoringError]) -> list[type[errors.ScoringError]]:
    below = kind.__subclasses__()
    return [leaf for each in below for leaf in leaves(each)] if below else [kind]


@pytest.mark.parametrize("kind", leaves(errors.ScoringError))
def test_every_error_has_a_status(kind):
    assert kind in STATUSES


def test_the_callers_errors_are_4xx_and_ours_5xx():
    for kind, status in STATUSES.items():
        assert (400 <= status < 500) == issubclass(kind, errors.CallerError), kind


def test_retryable_errors_are_delivered_again():
    assert is_retryable(errors.Overloaded("busy"))
    assert is_retryable(errors.ModelUnavailable("not loaded"))
    assert not is_retryable(errors.MalformedInput("never"))
    assert not is_retryable(errors.ScriptFailed("raised"))
    assert not is_retryable(errors.ScoringTimeout("late"))
    assert status_of(errors.Overloaded("busy")) == 503
