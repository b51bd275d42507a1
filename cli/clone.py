"""The project's folder, which some commands need as a whole and an installed copy does not have."""

from __future__ import annotations

from pathlib import Path

from cli.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent


def require(what: str) -> None:
    """Raise UsageError where these modules do not lie in a clone of the project."""
    if not (ROOT / "pyproject.toml").is_file():
        raise UsageError(
            f"{what} needs a clone of the project, and this is an installed copy: clone it and"
            " type `make run` there"
        )
