"""The errors that a request can end in, grouped by who must act.

ScoringError
├── CallerError              the caller changes the request
│   ├── MalformedInput       the body is not in the format that its content type names
│   ├── UnfitInput           well-formed, but not what the model takes
│   ├── InputTooLarge        over a limit on bytes or rows
│   ├── TooManyErrors        more rows of a batch failed than ERROR_THRESHOLD allows
│   ├── ClaimNotFound        a message names a blob that is not there
│   ├── Cancelled            somebody asked for the end of a batch
│   ├── UnsupportedType      a content type that can't be read
│   └── UnacceptableAnswer   an answer format that can't be written
├── OperatorError            the operator fixes the model or the script
│   ├── ScriptFailed         the entry script or the estimator raised
│   ├── ResultUnserialisable run() returned what JSON can't hold
│   ├── InternalError        a bug in this program
│   └── ModelUnavailable     the model or the script did not load
└── TransientError           the same request may succeed later
    ├── Overloaded           too much is waiting
    └── ScoringTimeout       the script ran past SCORING_TIMEOUT_S

SettingError                 a bad setting stops the start
"""

from __future__ import annotations


class ScoringError(Exception):
    """Base of the errors that a request can end in. Documents and responses carry its `code`."""

    code = "scoring_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CallerError(ScoringError):
    """The request is wrong; sending it again unchanged fails again."""


class MalformedInput(CallerError):
    """The body is not in the format that its content type names."""

    code = "malformed_input"


class UnfitInput(CallerError):
    """Well-formed, but not what the model takes."""

    code = "unfit_input"

    def __init__(self, *, field: str, expected: str, got: str) -> None:
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field, self.expected, self.got = field, expected, got


class InputTooLarge(CallerError):
    """Over a limit of so many `unit`: bytes, rows or the like.

    `at_least`: the input may be larger than `size`, where counting stopped.
    """

    code = "input_too_large"

    def __init__(
        self, *, size: int, limit: int, unit: str, setting: str, at_least: bool = False
    ) -> None:
        has = f"at least {size:,}" if at_least else f"{size:,}"
        super().__init__(
            f"the input has {has} {unit}, the limit is {limit:,} ({setting}); send it in parts"
        )
        self.size, self.limit, self.unit = size, limit, unit


class TooManyErrors(CallerError):
    """More rows of a batch failed than ERROR_THRESHOLD allows."""

    code = "too_many_errors"

    def __init__(self, *, failed: int, rows: int, limit: str, last: ScoringError) -> None:
        """`rows`: how many were read until then. `last`: the error of one that failed."""
        super().__init__(
            f"rows that failed: {failed:,} of the first {rows:,}, the limit is {limit}"
            f" (ERROR_THRESHOLD); {last.message}"
        )
        self.rows = rows


class ClaimNotFound(CallerError):
    """A message names a blob with its rows, and that blob does not exist."""

    code = "claim_not_found"

    def __init__(self, *, container: str, name: str) -> None:
        super().__init__(
            f"the container {container} has no blob {name!r}; upload it, then send the message"
        )


class Cancelled(CallerError):
    """Ended by DELETE /api/results/{id}."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("cancelled by DELETE of its result; send it again under a new id")


class UnsupportedType(CallerError):
    """A content type or encoding that can't be read."""

    code = "unsupported_type"

    def __init__(
        self,
        *,
        got: str,
        supported: tuple[str, ...],
        why: str = "is not supported",
        what: str = "content type",
    ) -> None:
        super().__init__(f"{what} {got!r} {why}; send {', '.join(supported)}")
        self.got, self.supported = got, supported


class UnacceptableAnswer(CallerError):
    """The answer can't be written in any format that Accept names."""

    code = "unacceptable_answer"

    def __init__(self, *, got: str, supported: tuple[str, ...]) -> None:
        super().__init__(
            f"the answer can't be written as {got!r}; accept one of {', '.join(supported)}"
        )
        self.got, self.supported = got, supported


class OperatorError(ScoringError):
    """The model or the script is wrong; the caller can do nothing."""


class ScriptFailed(OperatorError):
    """The entry script or the estimator raised."""

    code = "script_failed"

    def __init__(self, message: str, *, located: str = "") -> None:
        """`located` is for the log: the kind of the error, and every frame that it passed; with
        SHOW_SCRIPT_ERRORS its text and traceback.
        """
        super().__init__(message)
        self.located = located


class ResultUnserialisable(OperatorError):
    """run() returned what JSON can't hold, or the model not one answer a row."""

    code = "result_unserialisable"


class InternalError(OperatorError):
    """A bug in this program."""

    code = "internal_error"

    def __init__(self, kind: str) -> None:
        super().__init__(f"internal error ({kind}); the log of the server says where")


class ModelUnavailable(OperatorError):
    """The model or the entry script did not load, so nothing can be scored."""

    code = "model_unavailable"


class TransientError(ScoringError):
    """The same request may succeed later."""


class Overloaded(TransientError):
    """More waits for the model than it can answer in time."""

    code = "overloaded"


class ScoringTimeout(TransientError):
    """The script ran past the deadline."""

    code = "scoring_timeout"


def is_row_specific(error: BaseException) -> bool:
    """Whether some rows may be to blame, so that the model may answer the others.

    Timeouts, a model that did not load and bugs of this program are not about rows.
    """
    return isinstance(error, Exception) and not isinstance(
        error, TransientError | ModelUnavailable | InternalError
    )


class SettingError(ValueError):
    """A setting has a value that can't be used. The app does not start."""

    def __init__(self, *, name: str, value: str, expected: str) -> None:
        super().__init__(f"{name}={value!r}: expected {expected}")
        self.name, self.value, self.expected = name, value, expected
