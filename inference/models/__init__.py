"""Models: the files in a model's folder, and what answers from them.

Nothing here imports a framework before a file of its kind is loaded: a digest, a manifest and a
cached answer need none.
"""

from __future__ import annotations

from inference.models.files import ModelId, digest, find_file, verify_digest
from inference.models.model import Model, load
from inference.models.verified_model import VerifiedModel, load_verified

__all__ = [
    "Model",
    "ModelId",
    "VerifiedModel",
    "digest",
    "find_file",
    "load",
    "load_verified",
    "verify_digest",
]
