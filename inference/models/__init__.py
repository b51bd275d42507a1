"""Models: find a model's file, verify it against its manifest, load it, and call it with rows.

A model folder is found by `find_file`, checked by `verify_digest` and loaded by `load_verified`,
which also compares its golden rows; `load` alone compares nothing. No framework is imported before
a file of its kind is loaded: a digest, a manifest and a cached answer need none.
"""

from __future__ import annotations

from inference.models.files import ModelId, digest, find_file, model_name, stem, verify_digest
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
    "model_name",
    "stem",
    "verify_digest",
]
