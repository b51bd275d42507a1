"""Errors as text: their kinds and places, without their messages, which may hold payload.

`format_traceback` alone shows messages.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType

#: Of an error, how many causes a traceback shows.
MAX_CAUSES = 3


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


def format_traceback(
    error: BaseException, folder: Path, describe: Callable[[BaseException], str]
) -> str:
    """As Python prints it, with the frames of code in `folder` alone. Empty if there are none.

    `describe` gives an error's kind and message in one line. A cause comes before its effect.
    """
    parts: list[str] = []
    each: BaseException | None = error
    for _ in range(1 + MAX_CAUSES):
        if each is None:
            break
        stack = [
            frame
            for frame in traceback.extract_tb(each.__traceback__)
            if Path(frame.filename).is_relative_to(folder)
        ]
        if stack:
            frames = "".join(traceback.format_list(stack))
            parts.append(f"Traceback (most recent call last):\n{frames}{describe(each)}")
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return "\n\nwhich led to:\n\n".join(reversed(parts))


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
