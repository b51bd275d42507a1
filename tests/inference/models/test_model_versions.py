"""The version that made a model: the one that its file names, not the one that reads it."""

import logging
import pickle
import warnings
import zlib

import joblib
import pytest
import sklearn
from sklearn.linear_model import Ridge

from cli.app import main
from deploy import manifest
from inference import models
from inference.errors import ModelUnavailable
from inference.models import manifest_file, package_versions

ESTIMATOR = Ridge().fit([[0.0], [1.0]], [0.0, 1.0])
HERE = sklearn.__version__


@pytest.fixture
def older(tmp_path):
    """A pickle that says it was written with scikit-learn 1.2.2."""
    body = pickle.dumps(ESTIMATOR).replace(HERE.encode(), b"1.2.2")
    (tmp_path / "model.pkl").write_bytes(body)
    return tmp_path


def test_the_version_is_the_one_in_the_pickle(older):
    described = manifest.describe(older)
    assert (described.framework, described.version) == ("scikit-learn", "1.2.2")
    assert described.versions == {"scikit-learn": HERE}


def test_describe_says_that_another_version_made_the_model(older, capsys):
    assert main(["describe", str(older)]) == 0
    said = capsys.readouterr()
    assert "scikit-learn 1.2.2, predict" in said.out
    assert said.err.startswith("model.pkl was made with scikit-learn 1.2.2, and its golden rows")
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_module_that_this_version_lacks_is_told_with_the_version_that_had_it(tmp_path, protocol):
    named = b"sklearn.linear_model._ridge"
    body = pickle.dumps(ESTIMATOR, protocol).replace(named, named.replace(b"_ridge", b"_rxdge"))
    (tmp_path / "model.pkl").write_bytes(body.replace(HERE.encode(), b"1.2.2"))
    said = f"it was saved with scikit-learn 1.2.2, and {HERE} is installed: install the release"
    with pytest.raises(ModelUnavailable, match=said):
        manifest.describe(tmp_path)
    joblib.dump(pickle.loads(pickle.dumps(ESTIMATOR)), tmp_path / "model.pkl", compress=3)
    packed = zlib.compress(zlib.decompress((tmp_path / "model.pkl").read_bytes()).replace(
        named, named.replace(b"_ridge", b"_rxdge")
    ))  # fmt: skip
    (tmp_path / "model.pkl").write_bytes(packed)
    with pytest.raises(ModelUnavailable, match="saved with another release of scikit-learn"):
        manifest.describe(tmp_path)


async def test_a_model_of_another_version_is_served_with_a_warning(
    older, make_scorer, request_of, caplog
):
    manifest_file.write(older, manifest.describe(older))
    with caplog.at_level(logging.WARNING):
        assert (await make_scorer(older).score(request_of(b"[[1]]"))).cache == "miss"
    assert f"made with scikit-learn 1.2.2 and is served with version {HERE}" in caplog.text


def test_a_model_of_this_version_is_described_without_a_word(tmp_path, capsys):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(ESTIMATOR))
    assert main(["describe", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
    assert manifest_file.read(tmp_path).version == HERE


class Careful:
    """Warns of something else while it is read."""

    def __reduce__(self):
        return (warnings.warn, ("read with care", FutureWarning))


def test_other_warnings_are_passed_on(tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps([Careful(), ESTIMATOR]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        models.load(tmp_path / "model.pkl")
    assert [str(each.message) for each in caught] == ["read with care"]


def test_packages_have_the_names_and_versions_of_their_distributions():
    found = package_versions.installed_versions(["sklearn", "xgboost", "json", "own_module"])
    assert found["scikit-learn"] == HERE
    assert set(found) - {"scikit-learn"} <= {"xgboost", "xgboost-cpu"}
    assert package_versions.installed_version("nowhere") == "none"
