"""What is told of an exception that a script or a model raised.

Its text may hold payload, keys or paths. Unless SHOW_SCRIPT_ERRORS=true nobody is told it, neither
callers nor the log; all are told its kind and its place, which are names of classes, files and
functions.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inference import tracebacks
from inference.errors import ScoringError, ScriptFailed

log = logging.getLogger(__name__)

#: Characters of a script's own error text that are shown, where it is.
MAX_TEXT = 500


class ScriptErrors:
    """Calls scripts and models, and tells what they raise.

    `shown`: with its text. `folder`: where the script's own code is, whose frame is the place.
    """

    def __init__(self, *, shown: bool, folder: Path | None = None) -> None:
        self.shown, self._folder = shown, folder

    def __repr__(self) -> str:
        return f"<ScriptErrors {'shown' if self.shown else 'hidden'}>"

    def guard[T](self, call: Callable[[], T]) -> T:
        """Call a script. Raises ScriptFailed for all it raises, sys.exit() included."""
        try:
            return call()
        except ScoringError:
            raise
        except BaseException as error:  # noqa: BLE001 - as the docstring says
            failed = ScriptFailed(self.describe(error), located=self._located(error))
            raise failed from self.cause(error)

    def describe(self, error: BaseException) -> str:
        """`ValueError: its text` where it is shown, else `ValueError at score.py:12 run`."""
        if self.shown:
            return kind_and_text(error)
        return f"{type(error).__name__} at {tracebacks.format_place(error, self._folder)}"

    @property
    def hint(self) -> str:
        """How to see the text that `describe` leaves out, for the end of an operator's message."""
        return "" if self.shown else ". SHOW_SCRIPT_ERRORS=true adds the error's text"

    def describe_refusal(self, error: BaseException, check: str) -> str | None:
        """What a library says of its caller's value, where its function `check` refused it.

        Those words are for that caller, and told him; but what code of the script's raises within
        `check` is told as anything else of the script's.
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
        """What an error of ours is raised `from`: whoever prints the one prints the other too."""
        return error if self.shown else None

    def install_hooks(self) -> None:
        """See to what Python would print with its text: what ends a thread of the script's, and
        what its destructors raise. Does nothing where texts are shown.
        """
        if not self.shown:
            threading.excepthook = lambda each: self.log_unhandled(each.exc_value)
            sys.unraisablehook = lambda each: self.log_unhandled(each.exc_value)

    def log_unhandled(self, error: BaseException | None) -> None:
        """Log what a script raised where nobody waits for it."""
        if error is not None and not isinstance(error, SystemExit):
            log.error("raised where nobody waits for it: %s", self.describe(error))

    def handle_loop_error(self, loop: Any, context: dict[str, Any]) -> None:
        """For `loop.set_exception_handler`: asyncio's own logs an exception with its text."""
        error = context.get("exception")
        if self.shown or error is None:
            loop.default_exception_handler(context)
        else:
            self.log_unhandled(error)

    def _located(self, error: BaseException) -> str:
        """For the log: every frame, in place of the one that others are told."""
        kind = kind_and_text(error) if self.shown else type(error).__name__
        return f"{kind} at {tracebacks.format_frames(error)}"


#: For whoever works on a model or a script at a terminal, and for the app unless it is told.
SHOWN, HIDDEN = ScriptErrors(shown=True), ScriptErrors(shown=False)


def kind_and_text(error: BaseException) -> str:
    """An error's kind and, in short, its text."""
    try:
        text = str(error)[:MAX_TEXT]
    except BaseException:  # noqa: BLE001 - a class of the script's own may fail to describe itself
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
