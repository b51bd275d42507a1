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
    errors.ModelUnavailable: 503,
    errors.Overloaded: 503,
    errors.ScoringTimeout: 504,
}


def status_of(error: errors.ScoringError) -> int:
    return STATUSES[type(error)]


def is_passing(error: errors.ScoringError) -> bool:
    """Whether the same input may succeed later: it then stays where it is and comes again.

    A model that can't be loaded counts: what waits for it must not be used up while it is mended.
    """
    return isinstance(error, errors.PassingError | errors.ModelUnavailable)
