"""Digest of the data files that lie beside a script: it may read any of them.

They are all files in its folder and below that are no Python code: tables, texts, configurations.
Hidden files, logs, environments and other projects' folders are left out.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from inference import models
from inference.models import local_modules

#: Of so many bytes the content counts, in the order of the files' paths.
MAX_READ_BYTES = 256 * 1024 * 1024
#: Code is found by what the script imports. Logs change while the app runs.
_SKIPPED = frozenset({".py", ".pyc", ".pyo", ".log"})


def digest(folder: Path, model_dir: Path | None = None) -> bytes:
    """Of the files' paths and contents, except those in `model_dir`, which the cache key names.

    Of files beyond MAX_READ_BYTES, the size and the time of the last change count. So a changed
    file always changes the digest, and an equal copy with another time does too.
    """
    whole, left = hashlib.sha256(), MAX_READ_BYTES
    for file in _files(folder, model_dir):
        try:
            state = file.stat()
            if state.st_size <= left:
                left -= state.st_size
                content = models.digest(file)
            else:
                content = f"{state.st_size} {state.st_mtime_ns}".encode()
        except OSError:  # it has been removed, or the script can't read it either
            continue
        name = file.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")
        whole.update(hashlib.sha256(name).digest())
        whole.update(hashlib.sha256(content).digest())
    return whole.digest()


def _files(folder: Path, model_dir: Path | None) -> list[Path]:
    if model_dir is not None and folder.resolve().is_relative_to(model_dir.resolve()):
        return []
    return sorted(
        file
        for file in local_modules.files_in(folder)
        if not file.name.startswith(".")
        and file.suffix.lower() not in _SKIPPED
        and file.is_file()
        and not (model_dir is not None and file.resolve().is_relative_to(model_dir.resolve()))
    )
