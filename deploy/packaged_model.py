"""The model that a package serves: its files and, if there is one, its entry script."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy import own_files
from deploy.errors import Refused
from deploy.own_files import OwnFiles
from inference import models
from inference.errors import ModelUnavailable
from inference.models import manifest_file
from inference.settings import DEFAULT_SCRIPT


@dataclass(frozen=True, kw_only=True, slots=True)
class PackagedModel:
    """The folder that AZUREML_MODEL_DIR will name."""

    #: The name of the model in the app.
    name: str
    #: Where the model is now: the folder, or the folder of the file.
    folder: Path
    #: The source of each file, by its path in that folder.
    files: Mapping[str, Path]
    #: The path of the entry script in that folder; None for the built-in one.
    script: str | None
    #: The requirements beside the script, or beside the model.
    requirements: Path | None
    #: What was left out of the folder, for the user.
    notes: Sequence[str] = ()

    @property
    def place(self) -> str:
        """The path of the folder in the package."""
        return f"models/{self.name}"

    def settings(self) -> dict[str, str]:
        script = {} if self.script is None else {"AZUREML_ENTRY_SCRIPT": self.script}
        return {"AZUREML_MODEL_DIR": self.place, **script}


def find(model: Path, entry_script: Path | None) -> PackagedModel:
    """The files of `--model` and `--entry-script`. Raises Refused."""
    model = model.resolve()
    own = _own_files(model)
    files = dict(own.files)
    script = _script(model, entry_script, files)
    folder = model if model.is_dir() else model.parent
    described = any(manifest_file.find(folder) == file for file in files.values())
    return PackagedModel(
        name=models.model_name(folder) if model.is_dir() or described else models.stem(model),
        folder=folder,
        files=files,
        script=script,
        requirements=_requirements(model, None if script is None else files[script]),
        notes=own.notes(),
    )


def _own_files(model: Path) -> OwnFiles:
    if not model.exists():
        raise Refused(f"{model} does not exist: --model names a model file, or the folder of one")
    if not model.is_dir():
        return OwnFiles(_with_manifest(model), {})
    own = own_files.find(model)
    _require_needed(model, own)
    if not own.files:
        raise Refused(f"{model} is empty: --model names a model file, or the folder of one")
    return own


def _require_needed(folder: Path, own: OwnFiles) -> None:
    """Raises Refused if the script, the model or its manifest would be left out."""
    needed = [DEFAULT_SCRIPT, manifest_file.NAME]
    with contextlib.suppress(ModelUnavailable):  # the start of the package says why
        manifest = manifest_file.read(folder)
        needed += [] if manifest is None else [manifest.file, manifest.effective().file]
    for name in needed:
        if (folder / name).is_file():
            own.require(name)


def _script(model: Path, given: Path | None, files: dict[str, Path]) -> str | None:
    """The path of the entry script among the files, to which a given one is added."""
    if given is not None:
        return _add(_locate(given, model), files, model)
    return DEFAULT_SCRIPT if model.is_dir() and DEFAULT_SCRIPT in files else None


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below one of the app's own folders, by its path there, sorted; without hidden
    files and byte code.
    """
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        if file.is_file() and not any(map(_left_out, path.parts)):
            yield path.as_posix(), file


def _left_out(part: str) -> bool:
    return part.startswith(".") or part == "__pycache__"


def _with_manifest(model: Path) -> dict[str, Path]:
    """A model file, with the manifest beside it that describes it, and the file that this names."""
    files = {model.name: model}
    manifest = manifest_file.read(model.parent)
    described_by = manifest_file.find(model.parent)
    if manifest is not None and described_by is not None and manifest.file == model.name:
        for file in (described_by, model.parent / manifest.effective().file):
            files[file.name] = file
    return files


def _locate(given: Path, model: Path) -> Path:
    """A script is looked up as given, then in the model's folder."""
    for place in (given, model / given):
        if place.is_file():
            return place.resolve()
    raise Refused(f"{given} does not exist: --entry-script names a file with init() and run()")


def _requirements(model: Path, script: Path | None) -> Path | None:
    places = [script.parent] if script is not None else []
    places += [model, *_folder_of_file(model)] if model.is_dir() else []
    beside = (place / "requirements.txt" for place in places)
    return next((file for file in beside if file.is_file()), None)


def _folder_of_file(folder: Path) -> list[Path]:
    """Where a model's file lies, if it has one: a script may load others."""
    try:
        return [models.find_file(folder, manifest_file.read(folder)).parent]
    except ModelUnavailable:
        return []


def _add(script: Path, files: dict[str, Path], model: Path) -> str:
    """Add the script to the files; returns its path there."""
    for name, file in files.items():
        if file.resolve() == script:
            return name
    if script.name in files:
        raise Refused(
            f"{model.name}/ has another {script.name} than --entry-script {script}: remove one of"
            " them"
        )
    files[script.name] = script
    return script.name
