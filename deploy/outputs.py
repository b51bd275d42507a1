"""Writes a package to a folder or a zip: completely or not at all, with reproducible bytes."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import zipfile
from pathlib import Path

from deploy.errors import Refused
from inference import package_settings

#: All names that may lie at the top of a package.
TOP = frozenset(
    {"function_app.py", "host.json", "requirements.txt", package_settings.NAME}
    | {"triggers", "inference", "cache", "models"}
    | {"Dockerfile", ".dockerignore"}
)

#: The range of a zip's dates. It cannot hold dates before 1980, and none should lie in the future.
_FIRST = dt.datetime(1980, 1, 1, tzinfo=dt.UTC)
_LAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_FILE_MODE = 0o100644


def require_free(target: Path, model: Path) -> None:
    """Raises Refused if the target exists and is not a package, or lies in the model's folder."""
    if model.is_dir() and target.is_relative_to(model):
        raise Refused(f"{target} is in the model's folder: name an --output outside of it")
    above = next(parent for parent in target.parents if parent.exists())
    if not above.is_dir():
        raise Refused(f"{above} is not a folder: name another --output")
    if target.exists():
        _require_package(target)


def _require_package(target: Path) -> None:
    """Raises Refused if the target holds anything that a package does not."""
    names = _top_names(target)
    if names is None:
        raise Refused(f"{target} exists and is not a package: name another --output")
    foreign = sorted(names - TOP - {"__pycache__"})
    if names and (foreign or package_settings.NAME not in names):
        what = f"holds {foreign[0]}" if foreign else f"has no {package_settings.NAME}"
        raise Refused(
            f"{target} {what}, so it is not only a package, and is not replaced: empty it, or name"
            " another --output"
        )


def replace(staged: Path, target: Path) -> None:
    """Replace the target by a staged package, which must be on the same disk."""
    if target.suffix == ".zip":
        archive = staged.with_name("package.zip")
        _write_zip(staged, archive)
        archive.replace(target)
        return
    before = staged.with_name("before")
    if target.exists():
        target.rename(before)
    try:
        staged.rename(target)
    except BaseException:
        if before.exists():
            before.rename(target)
        raise


def _top_names(target: Path) -> set[str] | None:
    """The names at the top of a folder or a zip; None if it is neither."""
    if target.suffix != ".zip":
        return {file.name for file in target.iterdir()} if target.is_dir() else None
    try:
        with zipfile.ZipFile(target) as archive:
            return {name.partition("/")[0] for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return None


def _write_zip(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            with file.open("rb") as source:
                digest = hashlib.file_digest(source, "sha256").digest()
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _zip_date(digest))
                entry.create_system = 3  # Unix, on every system
                entry.external_attr = _FILE_MODE << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.file_size = file.stat().st_size
                source.seek(0)
                with opened.open(entry, "w") as sink:
                    shutil.copyfileobj(source, sink)


def _zip_date(digest: bytes) -> tuple[int, int, int, int, int, int]:
    """A date derived from the content of a file.

    It changes when the content does: Azure's zip deployment copies only files with a changed date.
    """
    seconds = int.from_bytes(digest[:8]) % int((_LAST - _FIRST).total_seconds())
    moment = _FIRST + dt.timedelta(seconds=seconds - seconds % 2)  # a zip stores even seconds only
    return (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
