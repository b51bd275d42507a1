"""`triscore accelerate DIR`: a model as an ONNX graph, proven to answer as before."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

from deploy import conversion, errors, proof, speed, trial_rows
from deploy.conversion import Conversion
from deploy.proof import Answering, Proof
from inference import models
from inference.errors import ModelUnavailable
from inference.models import manifest_file, manifests
from inference.models.manifests import Accelerated, Manifest
from inference.models.onnx_model import OnnxModel
from inference.models.sklearn_model import SklearnModel
from inference.rows import coercion
from inference.rows.row_types import Values
from inference.script_errors import SHOWN
from inference.scripts import batch_invariance

#: A graph names its producer in its first bytes.
_HEADER_BYTES = 100


@errors.refusing_exit()
def accelerate(
    folder: Path, *, relative: float | None = None, absolute: float | None = None
) -> Accelerated:
    """Write accelerated.onnx beside the model of a folder, and name it in the manifest.

    Numbers may differ by the tolerances, by default those of the golden rows. Raises
    ScoringError if no conversion is possible, or none is proven to answer alike and as fast: then
    the model itself is served.
    """
    manifest, model = _load_described(folder)
    _require_replaceable(folder / manifests.ACCELERATED, manifest)
    schema = model.schema(manifest.features)
    conversion.require_convertible(schema)
    golden = coercion.coerce_rows(manifest.golden.rows, schema, text=False).require_valid()
    original = model.answer_function(manifest.method, schema, checked=True)  # as it is served
    proving = Proof(
        original,
        trial_rows.draw(golden, schema, model.estimator),
        relative=manifest.golden.relative if relative is None else relative,
        absolute=manifest.golden.absolute if absolute is None else absolute,
    )
    failures = []
    for way in conversion.conversions(model.estimator, schema, manifest.method):
        try:
            graph, answer = _convert(way, manifest)
            largest = proving.largest_difference(answer)
            _require_fast(original, answer, golden)
        except proof.Unproven as error:
            failures.append(f"as {way.name}, {error}")
        else:
            accelerated = Accelerated(
                file=manifests.ACCELERATED,
                sha256=hashlib.sha256(graph).hexdigest(),
                numbers=way.name,
                independent=batch_invariance.is_batch_invariant(answer, golden),
                versions=conversion.versions(),
                relative=proving.relative,
                absolute=proving.absolute,
                rows=len(proving.rows),
                largest_difference=largest,
            )
            _write(folder, graph, replace(manifest, accelerated=accelerated))
            return accelerated
    if manifest.accelerated is not None:  # of an earlier run: it may be slower too
        manifest_file.write(folder, replace(manifest, accelerated=None))
    (folder / manifests.ACCELERATED).unlink(missing_ok=True)  # a package would take it along
    raise ModelUnavailable(
        f"{manifest.file} is unchanged and answers, because no conversion is proven to answer alike"
        f" and as fast: {'; '.join(failures)}"
    )


def _require_fast(original: Answering, answer: Answering, golden: Values) -> None:
    """Raises Unproven if the conversion is slower than the model."""
    found = speed.measure(original, answer, golden)
    if found.is_slower:
        raise proof.Unproven(f"it is slower: {found.describe()}")


def _load_described(folder: Path) -> tuple[Manifest, SklearnModel]:
    manifest = manifest_file.read(folder)
    if manifest is None or not manifest.golden.rows:
        raise ModelUnavailable(
            f"{folder.name}/ has no {manifest_file.NAME} with golden rows to compare answers"
            f" on: write it with `triscore describe {folder} --rows FILE`"
        )
    file = models.find_file(folder, manifest)
    models.verify_digest(file, manifest, allow_unpinned=False)
    model = models.load(file, trusted=manifest.trusted, errors=SHOWN)
    if not isinstance(model, SklearnModel):
        raise ModelUnavailable(f"{file.name} is already served by ONNX Runtime")
    return manifest, model


def _require_replaceable(file: Path, manifest: Manifest) -> None:
    """Raises ModelUnavailable for a file that `accelerate` did not write."""
    if not file.exists():
        return
    with file.open("rb") as opened:
        ours = conversion.PRODUCER.encode() in opened.read(_HEADER_BYTES)
    named = manifest.accelerated is not None and manifest.accelerated.file == file.name
    if not (ours or named):
        raise ModelUnavailable(
            f"{file} is not replaced, because `triscore accelerate` did not write it: move it away,"
            " and run this again"
        )


def _convert(way: Conversion, manifest: Manifest) -> tuple[bytes, Answering]:
    """A graph, and a function that answers with it. Raises Unproven."""
    try:
        graph = way.convert()
        return graph, _answer_function(graph, manifest)
    except Exception as error:  # skl2onnx raises anything
        raise proof.Unproven(proof.format_error(error)) from error


def _answer_function(graph: bytes, manifest: Manifest) -> Answering:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, manifests.ACCELERATED)
        file.write_bytes(graph)
        model = OnnxModel(file)
    return model.answer_function(manifest.method, model.schema(manifest.features), checked=True)


def _write(folder: Path, graph: bytes, manifest: Manifest) -> None:
    part = folder / f"{manifests.ACCELERATED}.part"
    part.write_bytes(graph)
    part.replace(folder / manifests.ACCELERATED)
    manifest_file.write(folder, manifest)
