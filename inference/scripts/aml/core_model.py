"""`azureml.core.model.Model` as entry scripts use it: `Model.get_model_path(name)`.

The SDK that it comes from (v1) does not install on today's Python. All else in `azureml.core` needs
a workspace, which a served script does not have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inference import models
from inference.errors import ModelUnavailable


class NotInAzuremlCore(ImportError):
    """A name of azureml.core that is not answered."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} needs a workspace and is not available: of azureml.core an entry script has"
            " Model.get_model_path; remove the rest from it"
        )


class _OnlyPaths(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotInAzuremlCore(f"azureml.core.model.Model.{name}")


class Model(metaclass=_OnlyPaths):
    """Finds models below AZUREML_MODEL_DIR."""

    #: AZUREML_MODEL_DIR.
    _folder = Path()

    def __init__(self, *_: object, **__: object) -> None:
        raise NotInAzuremlCore("azureml.core.model.Model(…)")

    @classmethod
    def get_model_path(
        cls,
        model_name: str,
        version: int | str | None = None,
        _workspace: object = None,
    ) -> str:
        """The path of a model's file or folder. Raises ModelUnavailable.

        A model is, by its registered name, a file or folder in AZUREML_MODEL_DIR, or a folder
        `name/version` in it, of which the highest version counts. Otherwise the folder is the model
        itself: its one model file, if it has one, whatever it was registered as.
        """
        found = _in_folder(cls._folder, str(model_name), version)
        if found is None:
            there = ", ".join(sorted(each.name for each in cls._folder.glob("[!._]*"))) or "nothing"
            asked = model_name if version is None else f"{model_name}, version {version}"
            raise ModelUnavailable(
                f"Model.get_model_path: AZUREML_MODEL_DIR has no {asked}; it has {there}"
            )
        return str(found)


def use_folder(folder: Path) -> None:
    """`folder`: AZUREML_MODEL_DIR of the script that is loaded next."""
    Model._folder = folder  # noqa: SLF001 - its own module


def _in_folder(folder: Path, name: str, version: int | str | None) -> Path | None:
    place = folder / name
    if place.is_dir():
        return _version_in(place, version)
    if place.exists():
        return place
    if version is not None and folder.name not in {str(version), f"v{version}"}:
        return None
    try:
        return models.find_file(folder)
    except ModelUnavailable:
        return folder if name in {models.model_name(folder), folder.name} else None


def _version_in(place: Path, version: int | str | None) -> Path | None:
    """The content of `place/version`; `place` itself if it has no versions."""
    numbers = [each for each in place.iterdir() if each.is_dir() and each.name.isdecimal()]
    if not numbers:
        return place
    newest = max(numbers, key=lambda each: int(each.name))
    chosen = newest if version is None else place / str(version)
    if not chosen.is_dir():
        return None
    inside = [each for each in chosen.iterdir() if not each.name.startswith(".")]
    return inside[0] if len(inside) == 1 else chosen
