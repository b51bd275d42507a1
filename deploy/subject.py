"""What a package serves: a model's files and, where there is one, the entry script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import Refused
from inference.models import manifests
from inference.settings import DEFAULT_SCRIPT


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The folder that AZUREML_MODEL_DIR is going to be."""

    #: The app calls its model so.
    name: str
    #: Where the model is now: the folder, or that of the file.
    folder: Path
    #: Where each file is now, by its path in that folder.
    files: Mapping[str, Path]
    #: The entry script's path in that folder; None for the built-in one.
    script: str | None
    #: The requirements that lie beside the script, or the model.
    requirements: Path | None

    @property
    def place(self) -> str:
        """The folder's path in the package."""
        return f"models/{self.name}"

    def settings(self) -> dict[str, str]:
        script = {} if self.script is None else {"AZUREML_ENTRY_SCRIPT": self.script}
        return {"AZUREML_MODEL_DIR": self.place, **script}


def find(model: Path, entry_script: Path | None) -> Subject:
    """The files of `--model` and `--entry-script`. Raises Refused."""
    model = model.resolve()
    if not model.exists():
        raise Refused(f"{model} is not there: --model names a model file, or the folder of one")
    files = dict(files_of(model)) if model.is_dir() else _with_manifest(model)
    if not files:
        raise Refused(f"{model} is empty: --model names a model file, or the folder of one")
    script = None
    if entry_script is not None:
        script = _add(_script(entry_script, model), files, model)
    elif model.is_dir() and DEFAULT_SCRIPT in files:
        script = DEFAULT_SCRIPT
    folder = model if model.is_dir() else model.parent
    of_folder = model.is_dir() or manifests.NAME in files
    return Subject(
        name=folder.name if of_folder else model.stem,
        folder=folder,
        files=files,
        script=script,
        requirements=_requirements(model, None if script is None else files[script]),
    )


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder by its path there, sorted; nothing hidden, no byte code."""
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        if file.is_file() and not any(map(_left_out, path.parts)):
            yield path.as_posix(), file


def _left_out(part: str) -> bool:
    return part.startswith(".") or part == "__pycache__"


def _with_manifest(model: Path) -> dict[str, Path]:
    """A model file, and what lies beside it where that describes it."""
    files = {model.name: model}
    manifest = manifests.read(model.parent)
    if manifest is not None and manifest.file == model.name:
        for name in (manifests.NAME, manifest.effective().file):
            files[name] = model.parent / name
    return files


def _script(given: Path, model: Path) -> Path:
    """Where the script is: there, or in the model's folder."""
    for place in (given, model / given):
        if place.is_file():
            return place.resolve()
    raise Refused(f"{given} is not there: --entry-script names a file with init() and run()")


def _requirements(model: Path, script: Path | None) -> Path | None:
    places = [script.parent] if script is not None else []
    places += [model] if model.is_dir() else []
    beside = (place / "requirements.txt" for place in places)
    return next((file for file in beside if file.is_file()), None)


def _add(script: Path, files: dict[str, Path], model: Path) -> str:
    """Put the script among the files; its path there."""
    for name, file in files.items():
        if file.resolve() == script:
            return name
    if script.name in files:
        raise Refused(
            f"{model.name}/ has another {script.name} than --entry-script {script}: take one away"
        )
    files[script.name] = script
    return script.name
