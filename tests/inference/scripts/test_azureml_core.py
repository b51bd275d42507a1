"""`azureml.core.model.Model.get_model_path` is answered from AZUREML_MODEL_DIR."""

import joblib
import orjson
import pytest
from sklearn.linear_model import LinearRegression

from inference.errors import ModelUnavailable
from inference.scripts.aml import aliases, core_model

SCRIPT = """
import json, joblib, numpy
{imported}
def init():
    global model
    model = joblib.load(Model.get_model_path("model.pkl"))
def run(raw_data):
    return model.predict(numpy.array(json.loads(raw_data)["data"])).tolist()
"""


@pytest.mark.parametrize(
    "imported",
    [
        "from azureml.core.model import Model",
        "from azureml.core import Model",
        "import azureml.core\nModel = azureml.core.model.Model",
        "import azureml.core.model as core\nModel = core.Model",
        "try: import azureml.core.run\nexcept ImportError: from azureml.core import Model",
    ],
)
async def test_a_script_of_the_first_sdk_finds_its_model(
    script_dir, make_scorer, request_of, imported
):
    folder = script_dir(SCRIPT.format(imported=imported))
    joblib.dump(LinearRegression().fit([[0], [1]], [1, 3]), folder / "model.pkl")
    scored = await make_scorer(folder).score(request_of(b'{"data": [[2]]}', "application/json"))
    assert orjson.loads(scored.body) == pytest.approx([5.0])


@pytest.mark.parametrize(
    ("files", "asked", "found"),
    [
        (["model.pkl"], ("model.pkl",), "model.pkl"),
        (["model.pkl", "score.py"], ("registered-as",), "model.pkl"),
        (["deep/model.pkl"], ("registered-as",), "deep/model.pkl"),
        (["weights.bin", "vocabulary.txt"], ("churn",), "."),
        (["a.pkl", "b.pkl"], ("b.pkl",), "b.pkl"),
        (["one/a.pkl", "two/b.pkl"], ("two",), "two"),
        (["two/1/b.pkl", "two/10/b.pkl", "two/9/b.pkl"], ("two",), "two/10/b.pkl"),
        (["two/1/b.pkl", "two/10/b.pkl"], ("two", 1), "two/1/b.pkl"),
        (["two/1/b.pkl", "two/1/c.txt"], ("two", "1", None), "two/1"),
        (["a.pkl", "b.pkl"], ("c.pkl",), None),
        (["two/1/b.pkl"], ("two", 3), None),
        (["model.pkl"], ("model", 7), None),
    ],
)
def test_a_model_is_found_by_its_name(tmp_path, files, asked, found):
    folder = tmp_path / "churn"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    aliases.install(folder)
    if found is None:
        with pytest.raises(ModelUnavailable, match=rf"has no {asked[0]}.*; it has "):
            core_model.Model.get_model_path(*asked)
    else:
        assert core_model.Model.get_model_path(*asked) == str(folder / found)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from azureml.core import Workspace", "azureml.core.Workspace"),
        ("from azureml.core import Run, Model", "azureml.core.Run"),
        ("from azureml.core.run import Run", "azureml.core.run"),
        ("import azureml.core.webservice", "azureml.core.webservice"),
        ("from azureml.core.model import InferenceConfig", "azureml.core.model.InferenceConfig"),
        ("import azureml.core; azureml.core.Dataset", "azureml.core.Dataset"),
        (
            "from azureml.core.model import Model; Model.register",
            "azureml.core.model.Model.register",
        ),
        ("from azureml.core.model import Model; Model(None, 'x')", "azureml.core.model.Model(…)"),
    ],
)
async def test_anything_else_of_azureml_core_is_refused_in_a_sentence(
    script_dir, make_scorer, request_of, line, name
):
    folder = script_dir(f"def init(): ...\ndef run(data): ...\n{line}\n")
    with pytest.raises(ModelUnavailable) as raised:
        await make_scorer(folder).score(request_of(b"x"))
    assert str(raised.value) == (
        f"{name} needs a workspace and is not available: of azureml.core an entry script has"
        " Model.get_model_path; remove the rest from it"
    )
