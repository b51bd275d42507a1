"""joblib files and plain pickles. Both are code: their digest was checked before.

Arrays of an uncompressed joblib file can be mapped: the workers of one machine then share them, and
the system reads them as they are needed. Two things come with that. They are read-only, which some
estimators can't work on. And they are the file: who writes into it, rather than put another in its
place, changes the model that answers, or takes it away.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import ModelUnavailable

log = logging.getLogger(__name__)

#: What a pickle begins with; where it is compressed, it begins with something else.
_PICKLE = b"\x80"


@dataclass(frozen=True, slots=True)
class MappedFile:
    """The file that a model's arrays are mapped from, as it was then."""

    file: Path
    state: os.stat_result

    def require_unchanged(self) -> None:
        """Raises ModelUnavailable where somebody wrote into it; another file in its place is fine.

        About a microsecond.
        """
        try:
            now = self.file.stat()
        except FileNotFoundError:
            return
        written = (now.st_size, now.st_mtime_ns) != (self.state.st_size, self.state.st_mtime_ns)
        if written and os.path.samestat(now, self.state):
            raise ModelUnavailable(
                f"{self.file.name} was written to while it answered: start again, and next time"
                " put a new file in its place (mv) rather than write into it"
            )


def load(file: Path, *, mapped: bool = False) -> tuple[Any, MappedFile | None]:
    """An estimator, and its source where some arrays are mapped. May raise anything."""
    if mapped and _uncompressed(file):
        from inference.models import mapped_unpickler  # noqa: PLC0415 - imports joblib

        source = MappedFile(file, file.stat())
        try:
            estimator, count = mapped_unpickler.load(file)
        except OSError as error:  # not every file system maps
            log.info("%s can't be mapped: %s", file.name, error)
        else:
            return estimator, source if count else None
    import joblib  # noqa: PLC0415 - brings scikit-learn's whole import with it

    return joblib.load(file), None


def _uncompressed(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(1) == _PICKLE
