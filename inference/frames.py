"""Where an error was raised: places, never the values that a message may carry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import CodeType


def where(error: BaseException) -> str:
    """File, line and function of every frame below the one that caught it."""
    places = [_place(code, line) for code, line in _passed(error)]
    return " > ".join([*places[1:], *_unparsed(error)])


def place(error: BaseException, folder: Path | None = None) -> str:
    """File, line and function where it was raised; of a folder's code, where that had a part."""
    if unparsed := _unparsed(error):
        return unparsed[0]
    passed = list(_passed(error))
    own = [each for each in passed if lies_in(each[0], folder)]
    return next((_place(*each) for each in reversed(own or passed)), "an unknown place")


def codes(error: BaseException) -> list[CodeType]:
    """The code of every frame that an error passed, outermost first."""
    return [code for code, _ in _passed(error)]


def lies_in(code: CodeType, folder: Path | None) -> bool:
    return folder is not None and Path(code.co_filename).is_relative_to(folder)


def _passed(error: BaseException) -> Iterator[tuple[CodeType, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_lineno
        trace = trace.tb_next


def _place(code: CodeType, line: int) -> str:
    return f"{Path(code.co_filename).name}:{line} {code.co_name}"


def _unparsed(error: BaseException) -> list[str]:
    """The line that Python could not read: no frame is in a file that never ran."""
    if isinstance(error, SyntaxError) and error.filename:
        return [f"{Path(error.filename).name}:{error.lineno}"]
    return []
