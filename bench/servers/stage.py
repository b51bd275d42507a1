"""What servers get to start with: a model, a Redis database, a folder to write to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.models import Model
from local.emulators.ports import HOST

#: Databases of the bench's Redis, so that servers do not see each other's entries.
DATABASES = 64


@dataclass(slots=True)
class Stage:
    """Gives each server a database and a folder of its own."""

    model: Model
    #: The same model with ONNX in its manifest; None if it cannot be converted.
    accelerated: Model | None
    redis_port: int
    folder: Path
    _databases: count[int]

    @classmethod
    def at(cls, model: Model, accelerated: Model | None, *, redis_port: int, folder: Path) -> Stage:
        folder.mkdir(parents=True, exist_ok=True)
        return cls(model, accelerated, redis_port, folder, count())

    def redis_url(self) -> str:
        """The URL of a database that no other server uses."""
        return f"redis://{HOST}:{self.redis_port}/{next(self._databases) % DATABASES}"

    def folder_of(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder
