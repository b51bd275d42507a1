"""joblib's unpickler, mapping only large arrays from the file.

`joblib.load(mmap_mode="r")` maps every array. A boosted model has thousands of arrays of a few
bytes each, and each mapping would hold a file descriptor.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

#: Smaller arrays are read instead of mapped.
MIN_BYTES = 1024 * 1024
#: Each mapping holds a file descriptor as long as the model lives.
MAX_ARRAYS = 64


def load(file: Path) -> tuple[Any, int]:
    """The estimator in an uncompressed file, and how many of its arrays are mapped, read-only."""
    with file.open("rb") as opened:
        unpickler = _Unpickler(str(file), opened, ensure_native_byte_order=False, mmap_mode="r")
        return unpickler.load(), unpickler.mapped


class _Array(NumpyArrayWrapper):  # type: ignore[misc]
    """Stands in the pickle for an array, whose bytes follow."""

    def read(self, unpickler: _Unpickler, ensure_native_byte_order: bool) -> Any:  # noqa: ARG002 - joblib's
        self.allow_mmap = self._is_worth_mapping() and unpickler.mapped < MAX_ARRAYS
        unpickler.mapped += self.allow_mmap
        return super().read(unpickler, ensure_native_byte_order=not self.allow_mmap)

    def _is_worth_mapping(self) -> bool:
        # joblib before 1.2 wrote arrays at any address; some libraries crash on those.
        aligned = self.safe_get_numpy_array_alignment_bytes() is not None
        size = math.prod(self.shape) * self.dtype.itemsize
        return bool(self.allow_mmap and aligned and self.dtype.isnative and size >= MIN_BYTES)


class _Unpickler(NumpyUnpickler):  # type: ignore[misc]
    mapped = 0

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return _Array if found is NumpyArrayWrapper else found
