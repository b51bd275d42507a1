"""Errors as text without their messages, which may hold payload: kinds and places only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import CodeType


def format_error(error: BaseException) -> str:
    """Kind and every frame: `ValueError at scorer.py:170 score > score.py:12 run`."""
    return f"{type(error).__name__} at {format_frames(error)}"


def format_frames(error: BaseException) -> str:
    """File, line and function of every frame below the one that caught the error."""
    places = [_format(code, line) for code, line in _frames(error)]
    return " > ".join([*places[1:], *_syntax_error(error)])


def format_place(error: BaseException, folder: Path | None = None) -> str:
    """File, line and function that raised; where code in `folder` took part, its last frame."""
    if syntax_error := _syntax_error(error):
        return syntax_error[0]
    frames = list(_frames(error))
    own = [(code, line) for code, line in frames if is_in_folder(code, folder)]
    return next((_format(*frame) for frame in reversed(own or frames)), "an unknown place")


def code_objects(error: BaseException) -> list[CodeType]:
    """The code of every frame that the error passed, outermost first."""
    return [code for code, _ in _frames(error)]


def is_in_folder(code: CodeType, folder: Path | None) -> bool:
    return folder is not None and Path(code.co_filename).is_relative_to(folder)


def _frames(error: BaseException) -> Iterator[tuple[CodeType, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_lineno
        trace = trace.tb_next


def _format(code: CodeType, line: int) -> str:
    return f"{Path(code.co_filename).name}:{line} {code.co_name}"


def _syntax_error(error: BaseException) -> list[str]:
    """The line that Python could not parse: the file never ran, so it has no frame."""
    if isinstance(error, SyntaxError) and error.filename:
        return [f"{Path(error.filename).name}:{error.lineno}"]
    return []
