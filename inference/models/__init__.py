"""Models: the files in a model's folder, and what answers from them.

Nothing here imports a framework before a file of its kind is loaded: a digest, a manifest and a
cached answer need none.
"""

from __future__ import annotations

from inference.models.files import ModelId, digest, find, require_pinned
from inference.models.loaders import Model, load
from inference.models.verified_model import Served, serve

__all__ = ["Model", "ModelId", "Served", "digest", "find", "load", "require_pinned", "serve"]
