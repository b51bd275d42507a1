"""`triscore package`: a model and a script as a folder or zip that Functions runs as it is.

Everything is put together beside its place, started there once, and moved into place: a package is
there whole and proven, or not at all.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import orjson

from deploy import manifest, options, outputs, pins, project_files, subject, trial
from deploy.errors import Refused
from deploy.options import Options
from deploy.pins import Pin
from deploy.subject import Subject
from inference import package_settings
from inference.errors import ScoringError
from inference.models import manifests

#: What of this project runs in Azure.
APP = ("function_app.py", "host.json", "triggers", "inference", "cache")
IMAGE = Path(__file__).with_name("image")

MB = 1024 * 1024
#: The largest package that Azure's zip deployment takes; an image has no such limit.
MAX_BYTES = 2048 * MB

AnyPath = str | Path


@dataclass(frozen=True, slots=True)
class Package:
    """What was written, and what somebody should know of it."""

    path: Path
    model: str
    functions: Sequence[str]
    size: int
    notes: Sequence[str]


def package(
    model: AnyPath,
    *,
    trigger: str,
    output: AnyPath,
    entry_script: AnyPath | None = None,
    requirements: AnyPath | None = None,
    generate_dockerfile: bool = False,
    **given: Unpack[Options],
) -> Package:
    """Write a package to `output`, a folder or *.zip.

    `trigger`: http, blob, service-bus-queue or all. Raises Refused, ScoringError or OSError, and
    then leaves everything as it was.
    """
    settings = options.settings(trigger, given)
    target = Path(output).resolve()
    outputs.require_free(target, Path(model).resolve())
    found = subject.find(Path(model), None if entry_script is None else Path(entry_script))
    required = requirements_of(found, requirements)
    files = _files(found, dockerfile=generate_dockerfile)
    size = sum(file.stat().st_size for file in files.values())
    if not generate_dockerfile:
        _require_small(size)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        staged = Path(beside, "package")
        _stage(staged, files, required, settings | found.settings())
        functions = _proven(staged, found, required)
        outputs.put(staged, target)
    return Package(target, found.name, functions, size, pins.untried(required))


def requirements_of(found: Subject, given: AnyPath | None) -> list[Pin]:
    """The app's, and those that are given or lie beside the script. Raises Refused, OSError."""
    own = found.requirements if given is None else Path(given)
    return pins.merged(
        pins.read(project_files.find("requirements.txt")), pins.read(own) if own else ()
    )


def _require_small(size: int) -> None:
    if size > MAX_BYTES:
        raise Refused(
            f"the package has {size // MB:,} MB, and Azure's zip deployment takes"
            f" {MAX_BYTES // MB:,}: let init() bring the model from storage, or deploy an image"
            " (--generate-dockerfile)"
        )


def _files(found: Subject, *, dockerfile: bool) -> dict[str, Path]:
    """Where each file of the package is now, by its path there."""
    files = {f"{found.place}/{name}": file for name, file in found.files.items()}
    for name in APP:
        place = project_files.find(name)
        if place.is_dir():
            files |= {f"{name}/{path}": file for path, file in subject.files_of(place)}
        else:
            files[name] = place
    if dockerfile:
        files |= {file.name: file for file in IMAGE.iterdir()}
    return files


def _stage(
    staged: Path, files: dict[str, Path], required: Sequence[Pin], settings: dict[str, str]
) -> None:
    for name, file in files.items():
        place = staged / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    (staged / "requirements.txt").write_bytes(pins.text(required))
    layout = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    (staged / package_settings.NAME).write_bytes(orjson.dumps(settings, option=layout))


def _proven(staged: Path, found: Subject, required: Sequence[Pin]) -> list[str]:
    """Describe the model where nobody has, and start the package once; its functions' names."""
    folder = staged / found.place
    try:
        if found.script is None and manifests.NAME not in found.files:
            manifests.write(folder, manifest.describe(folder))
        return _started(staged, required)
    except (Refused, ScoringError) as error:
        # Who reads it knows the folder by its own name, and reads one line.
        sentence = str(error).replace(str(folder), str(found.folder))
        raise Refused(" ".join(sentence.split())) from error


def _started(staged: Path, required: Sequence[Pin]) -> list[str]:
    before = set(staged.rglob("*"))
    functions = trial.start(staged, required)
    written = sorted(set(staged.rglob("*")) - before)
    if written:
        raise Refused(
            f"the script wrote {written[0].relative_to(staged)} while it started, and in Azure the"
            " app's folder is read-only: let it write to tempfile.gettempdir()"
        )
    return functions
