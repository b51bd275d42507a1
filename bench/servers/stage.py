"""What a server is built for: one model, one cache, a folder to write in."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.models import Model
from local.emulators.ports import HOST

#: Databases of the bench's Redis: servers do not see each other's entries.
DATABASES = 64


@dataclass(slots=True)
class Stage:
    """Hands out what servers must not share."""

    model: Model
    #: The same with ONNX in its manifest, where that can be had.
    accelerated: Model | None
    redis_port: int
    folder: Path
    _databases: count[int]

    @classmethod
    def at(cls, model: Model, accelerated: Model | None, *, redis_port: int, folder: Path) -> Stage:
        folder.mkdir(parents=True, exist_ok=True)
        return cls(model, accelerated, redis_port, folder, count())

    def redis_url(self) -> str:
        """A database that no other server of the stage has."""
        return f"redis://{HOST}:{self.redis_port}/{next(self._databases) % DATABASES}"

    def folder_of(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder
