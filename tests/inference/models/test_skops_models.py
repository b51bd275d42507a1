"""skops files: what their manifest does not trust is neither imported nor constructed."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from deploy import manifest
from inference import models
from inference.errors import ModelUnavailable
from inference.models import manifest_file
from tests.small_model import doubled

ROOT = Path(__file__).resolve().parents[3]
ROW = b"[[0.9, 0.9, 0.9]]"
TYPE = "tests.small_model.doubled"


def save(folder, *first):
    rows = np.random.default_rng(0).random((200, 3))
    model = make_pipeline(*first, LogisticRegression(C=1000))
    skops.io.dump(model.fit(rows, (rows.sum(axis=1) > 1.5).astype(int)), folder / "model.skops")
    return model


async def test_a_skops_file_of_types_that_skops_knows_is_served(tmp_path, make_scorer, request_of):
    save(tmp_path)
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    assert (await make_scorer(tmp_path).score(request_of(ROW))).body == b"[1]"


async def test_a_type_that_the_manifest_trusts_is_served(tmp_path, make_scorer, request_of):
    save(tmp_path, FunctionTransformer(doubled))
    manifest_file.write(tmp_path, manifest.describe(tmp_path, trusted=[TYPE]))
    assert manifest_file.read(tmp_path).trusted == [TYPE]
    assert (await make_scorer(tmp_path).score(request_of(ROW))).body == b"[1]"


async def test_a_type_that_the_manifest_does_not_trust_is_refused(
    tmp_path, make_scorer, request_of
):
    save(tmp_path, FunctionTransformer(doubled))
    manifest_file.write(tmp_path, manifest.describe(tmp_path, trusted=[TYPE]))
    document = json.loads((tmp_path / manifest_file.NAME).read_bytes()) | {"trusted": []}
    (tmp_path / manifest_file.NAME).write_text(json.dumps(document))
    with pytest.raises(ModelUnavailable) as caught:
        await make_scorer(tmp_path).score(request_of(ROW))
    assert f"types that neither skops nor its manifest trusts: {TYPE}." in str(caught.value)
    assert f"triscore describe {tmp_path} --trust {TYPE}`" in str(caught.value)


def hostile(folder, mark):
    """A skops file that names a module whose import leaves a mark."""
    (folder / "hostile_module.py").write_text(
        f"import pathlib\npathlib.Path({str(mark)!r}).touch()\ndef doubled(rows): ...\n"
    )
    save(folder, FunctionTransformer(doubled))
    with zipfile.ZipFile(folder / "model.skops") as read:
        parts = {name: read.read(name) for name in read.namelist()}
    parts["schema.json"] = parts["schema.json"].replace(
        doubled.__module__.encode(), b"hostile_module"
    )
    with zipfile.ZipFile(folder / "model.skops", "w") as written:
        for name, part in parts.items():
            written.writestr(name, part)


def test_a_hostile_skops_file_is_refused_before_its_modules_are_imported(tmp_path, monkeypatch):
    mark = tmp_path / "executed"
    hostile(tmp_path, mark)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"trusts: hostile_module\.doubled\."):
        models.load(tmp_path / "model.skops")
    assert not mark.exists()
    # Trusted, it would have been: the file is what it seems.
    models.load(tmp_path / "model.skops", trusted=["hostile_module.doubled"])
    assert mark.exists()


async def test_a_tampered_skops_file_is_refused_by_its_digest(tmp_path, make_scorer, request_of):
    save(tmp_path)
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    mark = tmp_path / "executed"
    hostile(tmp_path, mark)
    with pytest.raises(ModelUnavailable, match="is another file than the one that"):
        await make_scorer(tmp_path).score(request_of(ROW))
    assert not mark.exists()


def test_without_skops_its_files_are_refused_with_what_to_do(tmp_path, monkeypatch):
    save(tmp_path)
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ModelUnavailable, match=r"needs skops.*add it to requirements\.txt"):
        models.load(tmp_path / "model.skops")


def test_a_file_that_is_not_skops_is_refused_with_the_reason(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"no zip")
    with pytest.raises(ModelUnavailable, match=r"model\.skops did not load: BadZipFile"):
        models.load(tmp_path / "model.skops")


def deploy(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "cli", "describe", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.long
def test_the_command_names_untrusted_types_and_takes_them_with_trust(tmp_path):
    save(tmp_path, FunctionTransformer(doubled))
    told = deploy(tmp_path)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert f"--trust {TYPE}" in told.stderr
    assert not (tmp_path / manifest_file.NAME).exists()
    told = deploy(tmp_path, "--trust", TYPE)
    assert told.returncode == 0, told.stderr
    assert manifest_file.read(tmp_path).trusted == [TYPE]
