"""The HTTP status of each error of the core, and which errors are worth a retry."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from inference import errors

RETRY_AFTER_S = 1

STATUSES: dict[type[errors.ScoringError], int] = {
    errors.MalformedInput: 400,
    errors.UnacceptableAnswer: 406,
    errors.InputTooLarge: 413,
    errors.UnsupportedType: 415,
    errors.UnfitInput: 422,
    errors.TooManyErrors: 422,
    errors.ClaimNotFound: 404,
    errors.Cancelled: 409,
    errors.ScriptFailed: 500,
    errors.ResultUnserialisable: 500,
    errors.InternalError: 500,
    errors.ModelUnavailable: 503,
    errors.Overloaded: 503,
    errors.ScoringTimeout: 504,
}

#: What only blobs and messages end in: their documents have these codes, no HTTP response has.
OF_DOCUMENTS = (errors.TooManyErrors, errors.ClaimNotFound, errors.Cancelled)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way in which a request fails."""

    status: int
    code: str
    description: str


#: Longer ids are refused, as Azure ML's own server does.
MAX_ID = 100

ID_TOO_LONG = Refusal(431, "id_too_long", f"An id of more than {MAX_ID} characters.")
ID_IN_USE = Refusal(409, "id_in_use", "The id names another request.")
UNKNOWN_RESULT = Refusal(404, "unknown_result", "No such id, or its result has expired.")
RESULT_FINISHED = Refusal(409, "result_finished", "The work has ended: nothing is left to cancel.")
UNKNOWN_VERSION = Refusal(404, "unknown_version", "No document of this version.")
#: Of the console.
NO_FILE = Refusal(404, "unknown_file", "No such file.")
NOT_SCORED = Refusal(
    404, "not_scored", "No scored file of this id, or not yet: results/{id} says how far it is."
)
BEHIND_END = Refusal(416, "range_not_satisfiable", "The range begins behind the file's end.")
OUTPUT_TOO_LARGE = Refusal(
    413, "output_too_large", "A scored file that is too large for one response; fetch it in ranges."
)
NO_VIEWER = Refusal(
    501,
    "no_viewer",
    "The page of the OpenAPI document needs `pip install mkdocs-swagger-ui-tag`;"
    " the document itself is at openapi.json.",
)


def refusal_of(kind: type[errors.ScoringError]) -> Refusal:
    """An error of the core as a refusal, described by the first paragraph of its docstring."""
    description = (inspect.getdoc(kind) or kind.__name__).partition("\n\n")[0]
    return Refusal(STATUSES[kind], kind.code, description)


def status_of(error: errors.ScoringError) -> int:
    return STATUSES[type(error)]


def is_retryable(error: errors.ScoringError) -> bool:
    """Whether a blob or a message with this error should be delivered again.

    That a model can't be loaded is retryable: its inputs wait until it is repaired. A call past its
    deadline is not: each retry would block the model for all other requests.
    """
    return isinstance(error, errors.Overloaded | errors.ModelUnavailable)
