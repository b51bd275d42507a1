"""How far a submission is, as a bar in the terminal."""

from __future__ import annotations

import os
import sys

from cli.running_app.submission import WAITING


class ProgressBar:
    """On standard error, and only in a terminal: standard output is for the result."""

    def __init__(self, *, hidden: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description:<11}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[details]}"),
        )
        self._bar = Progress(
            *columns, console=console, disable=hidden or not os.isatty(2), transient=True
        )
        self._task = self._bar.add_task("", total=None, details="")
        self._step = ""

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, step: str, share: float | None, details: str = "") -> None:
        """`share`: how much of the step is done; None while that is unknown."""
        if step != self._step:
            self._step = step
            if step == WAITING and self._bar.disable:
                print(details, file=sys.stderr)
            self._bar.reset(self._task, description=step, total=None)
        self._bar.update(self._task, details=details)
        if share is not None:
            self._bar.update(self._task, total=1.0, completed=share)
