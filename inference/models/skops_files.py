"""Loads skops files: trees of types and arrays, built only from types that are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.errors import ModelUnavailable


def load(file: Path, trusted: Sequence[str]) -> Any:
    """The estimator, built from types that skops or `trusted` lists.

    Raises ModelUnavailable for any other type, before anything is imported or constructed.
    """
    try:
        import skops.io  # noqa: PLC0415 - an extra, and it brings scikit-learn
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            f"{file.name} needs skops, which is not installed: add it to requirements.txt"
        ) from error
    unlisted = sorted(set(skops.io.get_untrusted_types(file=file)) - set(trusted))
    if unlisted:
        options = " ".join(f"--trust {name}" for name in unlisted)
        raise ModelUnavailable(
            f"{file.name} holds types that neither skops nor its manifest trusts:"
            f" {', '.join(unlisted)}. If you know them and where the file comes from, trust them"
            f" with `triscore describe {file.parent} {options}`"
        )
    return skops.io.load(file, trusted=list(trusted))
