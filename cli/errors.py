"""Errors that a person can act on. They are one line on standard error, without a stack trace."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

#: Errors whose text is one sentence for a person. What raised one has imported its module: no
#: command pays for a package that it does not use.
EXPECTED = (
    ("deploy.errors", "Refused"),
    ("inference.errors", "ScoringError"),
    ("local.emulators.errors", "EmulatorError"),
    ("local.host.errors", "HostError"),
    ("local.demo.errors", "DemoError"),
    ("bench.errors", "BenchError"),
    ("triscore_client.errors", "ClientError"),
)


#: Modules that the extra `deploy` brings.
_OF_DEPLOY = frozenset({"pathspec", "yaml"})


#: What a model lacks, in the words of inference and deploy. Azure installs requirements.txt.
_NOT_INSTALLED = re.compile(r"(\S+?),? (?:which )?is not installed: add it to requirements\.txt$")


class UsageError(Exception):
    """A command cannot be run this way, or not here. Exit code 2."""


def is_clone() -> bool:
    """Whether this is the project's folder, and not an installed copy."""
    return Path(__file__).resolve().parent.with_name("pyproject.toml").is_file()


def require_clone(command: str) -> None:
    """Raise UsageError where this is an installed copy of the project, without its folder."""
    if not is_clone():
        raise UsageError(
            f"{command} needs a clone of the project, and this is an installed copy: clone it and"
            " type `make run` there"
        )


def is_expected(error: Exception) -> bool:
    """Whether the error's text says what was wrong and what to do."""
    kinds = [
        getattr(sys.modules[module], name) for module, name in EXPECTED if module in sys.modules
    ]
    return isinstance(error, (OSError, UsageError, *kinds)) or _lacks_deploy(error)


def sentence(error: Exception) -> str:
    """What an expected error says. The system's own has a number and quotes around the file."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if _lacks_deploy(error):
        return f"{error}: pip install '.[deploy]' brings what this command needs"
    text = str(error)
    if missing := _NOT_INSTALLED.search(text):
        return f"{text}, and here `{_python()} -m pip install {missing[1]}`"
    return text


def _python() -> str:
    """The Python that runs this, as a person in this folder types it."""
    near = os.path.relpath(sys.executable)
    return sys.executable if near.startswith(os.pardir) else near


def _lacks_deploy(error: Exception) -> bool:
    return isinstance(error, ModuleNotFoundError) and error.name in _OF_DEPLOY
