"""The errors of commands that refuse what they are asked to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from inference.errors import ModelUnavailable


class Refused(Exception):
    """One sentence: what was given, what was expected, what to do. Nothing was written."""


@contextmanager
def refusing_exit() -> Iterator[None]:
    """Raises ModelUnavailable where the model's code calls sys.exit(): it would end the command."""
    try:
        yield
    except SystemExit as error:
        raise ModelUnavailable(
            f"the model called sys.exit({error.code!r}) instead of answering: let it raise an"
            " error for rows that it does not take"
        ) from error
