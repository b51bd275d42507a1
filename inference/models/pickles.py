"""Loads joblib files and plain pickles. Both are code, so their digest is verified before.

Arrays of an uncompressed joblib file can be mapped. The workers of one machine then share them, and
the system reads them when they are needed. Mapped arrays are read-only, which some estimators can't
work on. They also are the file itself: to write into the file, instead of putting another in its
place, changes the model that answers or ends the process.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import ModelUnavailable
from inference.models import package_versions

log = logging.getLogger(__name__)

#: The first byte of a pickle. A compressed file begins with another.
_PICKLE = b"\x80"
#: The release that wrote an estimator stands in an uncompressed pickle, behind this name.
_RELEASE = re.compile(
    rb"_sklearn_version(?:\x94|q.|r.{4})?(?:\x8c.|X.{4})(\d+(?:\.\d+)*(?:\.?(?:a|b|rc|dev|post)\d+)?)",
    re.DOTALL,
)
#: Of a file that are searched for it.
_READ_BYTES = 64 * 1024 * 1024
#: What Git has for a large file that is not fetched.
_GIT_LFS = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class MappedFile:
    """The file that a model's arrays are mapped from, and its state at that time."""

    file: Path
    state: os.stat_result

    def require_unchanged(self) -> None:
        """Raises ModelUnavailable if the file was written to. Another file in its place is fine.

        Takes about a microsecond.
        """
        try:
            now = self.file.stat()
        except FileNotFoundError:
            return
        written = (now.st_size, now.st_mtime_ns) != (self.state.st_size, self.state.st_mtime_ns)
        if written and os.path.samestat(now, self.state):
            raise ModelUnavailable(
                f"{self.file.name} was written to while it was served: restart the app, and next"
                " time put a new file in its place (mv) instead of writing into it"
            )


def load(file: Path, *, mapped: bool = False) -> tuple[Any, MappedFile | None]:
    """An estimator, and its file if arrays are mapped from it. May raise anything."""
    if mapped and _is_uncompressed(file):
        from inference.models import mapped_unpickler  # noqa: PLC0415 - imports joblib

        source = MappedFile(file, file.stat())
        try:
            estimator, count = mapped_unpickler.load(file)
        except OSError as error:  # some file systems can't map
            log.info("%s can't be mapped: %s", file.name, error)
        else:
            return estimator, source if count else None
    import joblib  # noqa: PLC0415 - brings scikit-learn's whole import with it

    return joblib.load(file), None


def advice(file: Path, error: BaseException) -> str:
    """What to do about a file that did not load, for the end of a message; empty if unknown."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("sklearn."):
        return _other_release(file)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"; install {error.name} and add it to requirements.txt, or put the module beside the"
            " model"
        )
    if isinstance(error, AttributeError) and "__main__'" in str(error):
        return (
            "; what a notebook or a script defines can't be imported here: put it into a module"
            " beside the model, import it from there, and save the model again"
        )
    with file.open("rb") as opened:
        if opened.read(len(_GIT_LFS)) == _GIT_LFS:
            return "; it is a pointer of Git LFS: fetch the model with `git lfs pull`"
    if _is_damage(error):
        return "; it is damaged or of another kind: copy it again, or save the model again"
    return ""


def _other_release(file: Path) -> str:
    """What to do about a pickle of scikit-learn that names a module which the release lacks."""
    installed = package_versions.installed_version("scikit-learn")
    with file.open("rb") as opened:
        found = _RELEASE.search(opened.read(_READ_BYTES))
    release = f"scikit-learn {found[1].decode()}" if found else "another release of scikit-learn"
    return (
        f"; it was saved with {release}, and {installed} is installed: install the release that"
        " saved it, or save the model again with the installed one"
    )


def _is_damage(error: BaseException) -> bool:
    """Whether an error says that the bytes are no pickle, no skops file, or not all of it."""
    if isinstance(error, KeyError):  # an opcode that pickle does not have
        return bool(error.args) and isinstance(error.args[0], int)
    if type(error).__name__ == "BadZipFile":  # its module is not imported only to ask
        return True
    return isinstance(error, EOFError | pickle.UnpicklingError | struct.error | zlib.error)


def _is_uncompressed(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(1) == _PICKLE
