"""All that scoring can end in, sorted by who must act.

ScoringError
├── CallerError              the caller changes the request
│   ├── MalformedInput       not what its content type says it is
│   ├── UnfitInput           well-formed, but not what the model takes
│   ├── InputTooLarge        over a limit on bytes or rows
│   ├── UnsupportedType      a content type nobody here reads
│   └── UnacceptableAnswer   an answer format nobody here writes
├── OperatorError            whoever runs the app mends model or script
│   ├── ScriptFailed         the entry script or the estimator raised
│   ├── ResultUnserialisable run() returned what JSON can't say
│   ├── InternalError        this program's own fault
│   └── ModelUnavailable     the model or the script did not load
└── TransientError           the same request may succeed later
    ├── Overloaded           too much is waiting
    └── ScoringTimeout       the script ran past SCORING_TIMEOUT_S

SettingError                 a bad setting stops the start
"""

from __future__ import annotations


class ScoringError(Exception):
    """Base of all that a request can end in; `code` is what documents and answers carry."""

    code = "scoring_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CallerError(ScoringError):
    """The request is at fault; sending it again changes nothing."""


class MalformedInput(CallerError):
    """The body is not what its content type says it is."""

    code = "malformed_input"


class UnfitInput(CallerError):
    """Well-formed, but not what the model takes."""

    code = "unfit_input"

    def __init__(self, *, field: str, expected: str, got: str) -> None:
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field, self.expected, self.got = field, expected, got


class InputTooLarge(CallerError):
    """Over a limit; `unit` is bytes or rows. `at_least`: nobody counted on."""

    code = "input_too_large"

    def __init__(
        self, *, size: int, limit: int, unit: str, setting: str, at_least: bool = False
    ) -> None:
        has = f"at least {size:,}" if at_least else f"{size:,}"
        super().__init__(
            f"the input has {has} {unit}, the limit is {limit:,} ({setting}); send it in parts"
        )
        self.size, self.limit, self.unit = size, limit, unit


class UnsupportedType(CallerError):
    """A content type nobody here reads."""

    code = "unsupported_type"

    def __init__(
        self, *, got: str, supported: tuple[str, ...], why: str = "is not supported"
    ) -> None:
        super().__init__(f"content type {got!r} {why}; send {', '.join(supported)}")
        self.got, self.supported = got, supported


class UnacceptableAnswer(CallerError):
    """None of the formats in Accept can carry the answer."""

    code = "unacceptable_answer"

    def __init__(self, *, got: str, supported: tuple[str, ...]) -> None:
        super().__init__(f"no answer as {got!r}; accept one of {', '.join(supported)}")
        self.got, self.supported = got, supported


class OperatorError(ScoringError):
    """The model or the script is at fault; the caller can do nothing."""


class ScriptFailed(OperatorError):
    """The entry script or the estimator raised."""

    code = "script_failed"

    def __init__(self, message: str, *, located: str = "") -> None:
        """`located` is for the log: what was raised, and every frame that it passed."""
        super().__init__(message)
        self.located = located


class ResultUnserialisable(OperatorError):
    """run() returned something that JSON can't say."""

    code = "result_unserialisable"


class InternalError(OperatorError):
    """A fault of this program, met by one request; the log says where."""

    code = "internal_error"

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind}: a fault of the server's, which its log locates")


class ModelUnavailable(OperatorError):
    """The model or the entry script did not load; nothing can be scored until it does."""

    code = "model_unavailable"


class TransientError(ScoringError):
    """The same request may succeed later."""


class Overloaded(TransientError):
    """More is waiting for the model than it can get through in time."""

    code = "overloaded"


class ScoringTimeout(TransientError):
    """The script ran past the deadline."""

    code = "scoring_timeout"


def is_row_specific(error: BaseException) -> bool:
    """Whether the model may answer other rows, or fewer, where this came of some: it refused these.

    What is of the time that has passed, of the whole model or of this program is not tried again.
    """
    return isinstance(error, Exception) and not isinstance(
        error, TransientError | ModelUnavailable | InternalError
    )


class SettingError(ValueError):
    """A setting holds a value that can't be used; the start stops here."""

    def __init__(self, *, name: str, value: str, expected: str) -> None:
        super().__init__(f"{name}={value!r}: expected {expected}")
        self.name, self.value, self.expected = name, value, expected
