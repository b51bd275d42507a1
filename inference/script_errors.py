"""Calls scripts and models, and describes the errors they raise.

The text of such an error may hold payload, keys or paths. Without SHOW_SCRIPT_ERRORS=true it goes
neither to callers nor to the log: they get the error's kind and place, which are names of classes,
files and functions.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inference import log_text, tracebacks
from inference.errors import ScoringError, ScriptFailed

log = logging.getLogger(__name__)

#: Characters of an error's text that are shown.
MAX_TEXT = 500


class ScriptErrors:
    """What callers, the operator and the log see of an error that a script or a model raised.

    `shown`: whether they see its text. `folder` has the script's code: the place is a frame there.
    """

    def __init__(self, *, shown: bool, folder: Path | None = None) -> None:
        self.shown, self._folder = shown, folder

    def __repr__(self) -> str:
        return f"<ScriptErrors {'shown' if self.shown else 'hidden'}>"

    def guard[T](self, call: Callable[[], T]) -> T:
        """Call a script. Raises ScriptFailed for whatever it raises, sys.exit() included."""
        try:
            return call()
        except ScoringError:
            raise
        except BaseException as error:  # noqa: BLE001 - as the docstring says
            failed = ScriptFailed(self.describe(error), located=self._located(error))
            raise failed from self.cause(error)

    def describe(self, error: BaseException) -> str:
        """`ValueError: its text` if it is shown, else `ValueError at score.py:12 run`."""
        if self.shown:
            return kind_and_text(error)
        return f"{type(error).__name__} at {tracebacks.format_place(error, self._folder)}"

    @property
    def hint(self) -> str:
        """How to see the text that `describe` leaves out, for the end of an operator's message."""
        return "" if self.shown else ". SHOW_SCRIPT_ERRORS=true adds the error's text"

    def describe_refusal(self, error: BaseException, check: str) -> str | None:
        """What a library says about an input that its function `check` refused; None otherwise.

        That text is for the caller, so it is shown. An error that the script's code raises within
        `check` is described like any other of the script's errors.
        """
        passed = tracebacks.code_objects(error)
        names = [code.co_name for code in passed]
        if check not in names:
            return None
        own = any(
            tracebacks.is_in_folder(code, self._folder) for code in passed[names.index(check) :]
        )
        return self.describe(error) if own else kind_and_text(error)

    def cause(self, error: BaseException) -> BaseException | None:
        """What to raise a ScriptFailed `from`: a log that prints it prints its cause as well."""
        return error if self.shown else None

    def install_hooks(self) -> None:
        """Log errors of the script's threads and destructors, which Python would print with their
        text. Does nothing if texts are shown.
        """
        if not self.shown:
            threading.excepthook = lambda each: self.log_unhandled(each.exc_value)
            sys.unraisablehook = lambda each: self.log_unhandled(each.exc_value)

    def log_unhandled(self, error: BaseException | None) -> None:
        """Log an error that no request waits for."""
        if error is not None and not isinstance(error, SystemExit):
            log.error("raised outside a request: %s", self.describe(error))

    def handle_loop_error(self, loop: Any, context: dict[str, Any]) -> None:
        """For `loop.set_exception_handler`: the default one logs an error with its text."""
        error = context.get("exception")
        if self.shown or error is None:
            loop.default_exception_handler(context)
        else:
            self.log_unhandled(error)

    def _located(self, error: BaseException) -> str:
        """For the log: with every frame; if the text is shown, with a traceback instead, of the
        script's own frames.
        """
        if not self.shown:
            return f"{type(error).__name__} at {tracebacks.format_frames(error)}"
        line = _in_one_line(error)
        own = self._folder and tracebacks.format_traceback(error, self._folder, _in_one_line)
        return f"{line}\n{own}" if own else f"{line} at {tracebacks.format_frames(error)}"


#: For a developer at a terminal, and the default of the app.
SHOWN, HIDDEN = ScriptErrors(shown=True), ScriptErrors(shown=False)


def _in_one_line(error: BaseException) -> str:
    return log_text.printable(kind_and_text(error))


def kind_and_text(error: BaseException) -> str:
    """An error's kind and the beginning of its text."""
    try:
        text = str(error)[:MAX_TEXT]
    except BaseException:  # noqa: BLE001 - a class of the script's own may fail to describe itself
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
