"""What an error of the core is in HTTP, and whether an asynchronous door should try again."""

from __future__ import annotations

from inference import errors

RETRY_AFTER_S = 1

STATUSES: dict[type[errors.ScoringError], int] = {
    errors.MalformedInput: 400,
    errors.UnacceptableAnswer: 406,
    errors.InputTooLarge: 413,
    errors.UnsupportedType: 415,
    errors.UnfitInput: 422,
    errors.ScriptFailed: 500,
    errors.ResultUnserialisable: 500,
    errors.InternalError: 500,
    errors.ModelUnavailable: 503,
    errors.Overloaded: 503,
    errors.ScoringTimeout: 504,
}


def status_of(error: errors.ScoringError) -> int:
    return STATUSES[type(error)]


def comes_again(error: errors.ScoringError) -> bool:
    """Whether an asynchronous door leaves an input where it is, to be delivered again.

    A model that can't be loaded counts: what waits for it must not be answered while it is mended.
    A call past its deadline does not: each new try would hang the model for everybody else.
    """
    return isinstance(error, errors.Overloaded | errors.ModelUnavailable)
