"""Pinned requirements files, so that Azure installs the versions that were tested here."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import Refused

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?\s*"
    r"==\s*(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)\s*(?:;[^#]*)?"
)
#: What ends a package's name.
_NAME = re.compile(r"[^A-Za-z0-9._-]")
#: A comment starts at the beginning of a line, or after a space.
_COMMENT = re.compile(r"(^|\s+)#.*$")


@dataclass(frozen=True, slots=True)
class Pin:
    """One line. `name` is normalized: Foo_Bar is foo-bar."""

    name: str
    extras: frozenset[str]
    version: str
    line: str


def normalize_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read(file: Path, *, without: Set[str] = frozenset()) -> list[Pin]:
    """The pins of a requirements file, but those of some names. Raises Refused, OSError."""
    return list(_pins(file, without))


def _pins(file: Path, without: Set[str]) -> Iterator[Pin]:
    if not file.is_file():
        raise Refused(f"{file} does not exist: --requirements names a file of NAME==VERSION lines")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise Refused(f"{file} is not UTF-8 text: save it as UTF-8") from error
    for number, raw in enumerate(lines, start=1):
        line = _COMMENT.sub("", raw).strip()
        if not line or normalize_name(_NAME.split(line, maxsplit=1)[0]) in without:
            continue
        try:
            yield parse(line)
        except ValueError as error:
            raise Refused(
                f"{file}, line {number}, is {line!r}: expected NAME==VERSION (`pip freeze` prints"
                " it), so that Azure installs what was tested here"
            ) from error


def parse(line: str) -> Pin:
    """Raises ValueError for a line that pins nothing."""
    found = _PIN.fullmatch(line)
    if found is None:
        raise ValueError(line)
    extras = frozenset(normalize_name(each.strip()) for each in (found["extras"] or "").split(","))
    return Pin(normalize_name(found["name"]), extras - {""}, found["version"], line)


def merge(app: Iterable[Pin], own: Iterable[Pin]) -> list[Pin]:
    """The app's pins and a model's own. The model's take precedence: it was made with them."""
    own = list(own)
    named = {pin.name for pin in own}
    return [pin for pin in app if pin.name not in named] + own


def text(pins: Iterable[Pin]) -> bytes:
    return "".join(f"{pin.line}\n" for pin in pins).encode()


def installed_version(pin: Pin) -> str | None:
    """The installed version, None if the package is not installed."""
    try:
        return importlib.metadata.version(pin.name)
    except importlib.metadata.PackageNotFoundError:
        return None


def untested_notes(pins: Iterable[Pin]) -> list[str]:
    """A sentence for each pin whose version is not the one installed here."""
    return [
        f"requirements pin {pin.name}=={pin.version}, tested here with {here or 'none'}"
        for pin in pins
        if (here := installed_version(pin)) != pin.version
    ]
