"""requirements.txt: pinned, so that what was tried is what Azure installs."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import Refused

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?\s*"
    r"==\s*(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)\s*(?:;[^#]*)?"
)
#: A comment begins a line, or follows a space.
_COMMENT = re.compile(r"(^|\s+)#.*$")


@dataclass(frozen=True, slots=True)
class Pin:
    """One line. `name` is normalised: Foo_Bar is foo-bar."""

    name: str
    extras: frozenset[str]
    version: str
    line: str


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read(file: Path) -> list[Pin]:
    """The pins of a requirements file. Raises Refused, OSError."""
    return list(_pins(file))


def _pins(file: Path) -> Iterator[Pin]:
    if not file.is_file():
        raise Refused(f"{file} is not there: --requirements names a file of NAME==VERSION lines")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise Refused(f"{file} is not text in UTF-8: save it as such") from error
    for number, raw in enumerate(lines, start=1):
        line = _COMMENT.sub("", raw).strip()
        if not line:
            continue
        found = _PIN.fullmatch(line)
        if found is None:
            raise Refused(
                f"{file}, line {number}, is {line!r}: expected NAME==VERSION (`pip freeze` prints"
                " it), so that Azure installs what was tried here"
            )
        extras = frozenset(normal(each.strip()) for each in (found["extras"] or "").split(","))
        yield Pin(normal(found["name"]), extras - {""}, found["version"], line)


def merged(app: Iterable[Pin], own: Iterable[Pin]) -> list[Pin]:
    """The app's and a model's own, which wins: the model was made with it."""
    own = list(own)
    named = {pin.name for pin in own}
    return [pin for pin in app if pin.name not in named] + own


def text(pins: Iterable[Pin]) -> bytes:
    return "".join(f"{pin.line}\n" for pin in pins).encode()


def installed(pin: Pin) -> str | None:
    """The version that is here, None where the package is not."""
    try:
        return importlib.metadata.version(pin.name)
    except importlib.metadata.PackageNotFoundError:
        return None


def untried(pins: Iterable[Pin]) -> list[str]:
    """A sentence on each pin that another version was tried of here."""
    return [
        f"requirements pin {pin.name}=={pin.version}, tried here with {here or 'none'}"
        for pin in pins
        if (here := installed(pin)) != pin.version
    ]
