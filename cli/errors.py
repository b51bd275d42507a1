"""Errors that a person can act on. They are one line on standard error, without a stack trace."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

#: Errors whose text is one sentence for a person. They are imported only once something was raised:
#: no command pays for a package that it does not use.
EXPECTED = (
    ("deploy.errors", "Refused"),
    ("inference.errors", "ScoringError"),
    ("local.emulators.errors", "EmulatorError"),
    ("local.host.errors", "HostError"),
    ("local.demo.errors", "DemoError"),
    ("bench.errors", "BenchError"),
    ("triscore_client.errors", "ClientError"),
)


class UsageError(Exception):
    """A command cannot be run this way, or not here. Exit code 2."""


def require_clone(command: str) -> None:
    """Raise UsageError where this is an installed copy of the project, without its folder."""
    if not Path(__file__).resolve().parent.with_name("pyproject.toml").is_file():
        raise UsageError(
            f"{command} needs a clone of the project, and this is an installed copy: clone it and"
            " type `make run` there"
        )


def is_expected(error: Exception) -> bool:
    """Whether the error's text says what was wrong and what to do."""
    if isinstance(error, OSError | UsageError):
        return True
    return any(isinstance(error, kind) for kind in _expected())


def sentence(error: Exception) -> str:
    """What an expected error says. The system's own has a number and quotes around the file."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _expected() -> list[type[Exception]]:
    # Only a clone of the project has the bench.
    packages = {module: module.partition(".")[0] for module, _ in EXPECTED}
    return [
        getattr(import_module(module), name)
        for module, name in EXPECTED
        if find_spec(packages[module])
    ]
