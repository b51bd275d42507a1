"""Which version of XGBoost or CatBoost wrote a model's file.

Both write it into their models, in a pickle too, and forget it while they read one. LightGBM writes
none. What scikit-learn wrote is known from its warning (inference.models.package_versions).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inference.models import Model

#: The first bytes of a pickle that joblib compressed.
_COMPRESSIONS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"\x78": zlib.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
    b"\x5d\x00": lzma.decompress,
}
#: `"version": [3, 4, 1]` as XGBoost writes it: in JSON, and in UBJSON, with one-byte numbers.
_JSON = re.compile(rb'"version":\[(\d+),(\d+),(\d+)\]')
_UBJSON = re.compile(rb"\x07version\[#L\0{7}\x03[iU](.)[iU](.)[iU](.)", re.DOTALL)
_CATBOOST = re.compile(r"CatBoost release (\d[\d.]*\d)|tags/v(\d[\d.]*\d)")


def version_of(file: Path, model: Model) -> str:
    """The version that wrote a model's file; the installed one where the file does not say it."""
    if model.framework == "catboost":
        return _catboost(getattr(model, "estimator", None)) or model.written_with
    if model.framework == "xgboost":
        return _xgboost(file.read_bytes()) or model.written_with
    return model.written_with


def _catboost(estimator: Any) -> str | None:
    try:
        found = _CATBOOST.search(dict(estimator.get_metadata())["catboost_version_info"])
    except Exception:  # noqa: BLE001 - a model that was not trained, or of a release without it
        return None
    return found and (found[1] or found[2])


def _xgboost(content: bytes) -> str | None:
    try:
        for magic, unpack in _COMPRESSIONS.items():
            if content.startswith(magic):
                content = unpack(content)
                break
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        return None
    if (found := _UBJSON.search(content)) is not None:
        return ".".join(str(ord(number)) for number in found.groups())
    found = _JSON.search(content)
    return None if found is None else b".".join(found.groups()).decode()
