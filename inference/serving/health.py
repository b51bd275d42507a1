"""What the parts that scoring depends on say of themselves."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from inference.ports import Degradation

State = Literal["ok", "loading", "failed"]
#: What can be answered by now: nothing, rows that were stored before, everything.
Answers = Literal["none", "stored", "all"]

#: What is too slow to import to make a first answer wait for it, by module.
HEAVY = {
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "onnxruntime": "onnxruntime",
    "skops": "skops",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "azure.storage.blob": "azure-storage-blob",
}


@dataclass(frozen=True, slots=True)
class Health:
    """Without the cache scoring is slower, without the model there is none."""

    model: State
    answers: Answers
    cache: Literal["ok", "degraded"]
    #: Whether it answers. It may be degraded all the same: `degradation` says why.
    cache_up: bool
    degradation: Degradation | None
    failure: str | None
    #: The heavy packages that are imported, or being imported.
    packages: tuple[str, ...]

    @property
    def status(self) -> str:
        return self.cache if self.model == "ok" else self.model


def packages() -> tuple[str, ...]:
    return tuple(package for module, package in HEAVY.items() if module in sys.modules)
