"""`triscore package`: a model and a script as a folder or zip that Functions runs as it is.

A package is put together in a temporary folder beside the target, started there once, and then
moved: a target is complete and tested, or unchanged.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import orjson

from deploy import (
    manifest,
    outputs,
    packaged_model,
    pins,
    project_files,
    script_needs,
    tracing_pins,
    trial,
)
from deploy import options as package_options
from deploy.errors import Refused
from deploy.options import Options
from deploy.packaged_model import PackagedModel
from deploy.pins import Pin
from inference import package_settings
from inference.errors import ScoringError
from inference.models import manifest_file, mlflow_folder

MB = 1024 * 1024
#: The largest package that Azure's zip deployment accepts. An image has no such limit.
MAX_BYTES = 2048 * MB

AnyPath = str | Path


@dataclass(frozen=True, slots=True)
class Package:
    """What was written. `notes` are warnings for the user, `size` is in bytes."""

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
    tracing: str | None = None,
    **options: Unpack[Options],
) -> Package:
    """Write a package to `output`, a folder or *.zip.

    `trigger`: http, blob, service-bus-queue, all, or several separated by commas. `tracing`: otlp
    or azure-monitor. Raises Refused, ScoringError or OSError, and then changes nothing (a missing
    folder above `output` is made).
    """
    settings = package_options.settings(trigger, options)
    target = Path(output).resolve()
    outputs.require_free(target, Path(model).resolve())
    packaged = packaged_model.find(
        Path(model), None if entry_script is None else Path(entry_script)
    )
    required = requirements_of(packaged, requirements, tracing)
    late_notes = script_needs.require_late(packaged, required)
    files = _files(packaged, dockerfile=generate_dockerfile)
    size = sum(file.stat().st_size for file in files.values())
    if not generate_dockerfile:
        _require_small(size)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        staged = Path(beside, "package")
        _stage(staged, files, required, settings | packaged.settings())
        functions = _test(staged, packaged, required)
        outputs.replace(staged, target)
    notes = [*pins.untested_notes(required), *packaged.notes, *late_notes]
    return Package(target, packaged.name, functions, size, notes)


def requirements_of(
    packaged: PackagedModel, given: AnyPath | None, tracing: str | None = None
) -> list[Pin]:
    """The app's pins, and those given or found beside the script. Raises Refused, OSError."""
    own = packaged.requirements if given is None else Path(given)
    app = [*pins.read(project_files.find("requirements.txt")), *tracing_pins.of(tracing)]
    return pins.merge(app, _own_pins(own) if own else ())


def _own_pins(file: Path) -> list[Pin]:
    """Without MLflow, where MLflow wrote the file: its models are served without it."""
    logged = mlflow_folder.is_model(file.parent)
    return pins.read(file, without=frozenset({"mlflow"} if logged else ()))


def _require_small(size: int) -> None:
    if size > MAX_BYTES:
        raise Refused(
            f"the package has {size // MB:,} MB, and Azure's zip deployment accepts"
            f" {MAX_BYTES // MB:,} MB: let init() download the model, or deploy an image"
            " (--generate-dockerfile)"
        )


def _files(packaged: PackagedModel, *, dockerfile: bool) -> dict[str, Path]:
    """The source of each file, by its path in the package."""
    files = {f"{packaged.place}/{name}": file for name, file in packaged.files.items()}
    for name in project_files.APP:
        place = project_files.find(name)
        if place.is_dir():
            files |= {f"{name}/{path}": file for path, file in packaged_model.files_of(place)}
        else:
            files[name] = place
    if dockerfile:
        files |= {file.name: file for file in project_files.IMAGE.iterdir()}
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


def _test(staged: Path, packaged: PackagedModel, required: Sequence[Pin]) -> list[str]:
    """Write a manifest if there is none, and start the package once; returns its functions."""
    folder = staged / packaged.place
    script = None if packaged.script is None else packaged.files[packaged.script]
    try:
        if packaged.script is None and manifest_file.find(folder) is None:
            manifest_file.write(folder, manifest.describe(folder))
        return _start_once(staged, required, script)
    except (Refused, ScoringError) as error:
        # The user knows the folder by its own name, and reads one line.
        sentence = str(error).replace(str(folder), str(packaged.folder))
        raise Refused(" ".join(sentence.split())) from error


def _start_once(staged: Path, required: Sequence[Pin], script: Path | None) -> list[str]:
    before = set(staged.rglob("*"))
    functions = trial.start(staged, required, script=script)
    written = sorted(set(staged.rglob("*")) - before)
    if written:
        raise Refused(
            f"the script wrote {written[0].relative_to(staged)} while it started, and the app's"
            " folder is read-only in Azure: let it write to tempfile.gettempdir()"
        )
    return functions
