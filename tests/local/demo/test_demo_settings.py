"""Which settings the demo runs the app with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from local.demo.settings import AppSettings, environment
from local.emulators.stack import Stack

ROOT = Path(__file__).resolve().parents[3]
REDIS = "redis://127.0.0.1:16379/0"

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A clone whose local.settings.json is the sample with other values."""
    shutil.copy(ROOT / "local.settings.sample.json", tmp_path)

    def make(**values: str) -> Path:
        sample = json.loads((ROOT / "local.settings.sample.json").read_text())
        document = {"IsEncrypted": False, "Values": sample["Values"] | values}
        (tmp_path / "local.settings.json").write_text(json.dumps(document))
        return tmp_path

    return make


def test_a_copy_of_the_sample_changes_nothing(folder: Folder, tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    without = environment(tmp_path, stack, {})
    assert environment(folder(), stack, {}) == without
    assert without["ScoringStorage"] == stack.storage_connection_string
    assert without["REDIS_URL"] == REDIS
    assert without["SHOW_SCRIPT_ERRORS"] == "true"


def test_a_value_of_local_settings_json_is_used_unless_the_environment_has_another(
    folder: Folder, tmp_path: Path
) -> None:
    root = folder(REDIS_URL="redis://elsewhere:6379", AZUREML_MODEL_DIR="models/mine")
    stack = Stack(tmp_path)
    assert environment(root, stack, {})["REDIS_URL"] == "redis://elsewhere:6379"
    assert environment(root, stack, {"REDIS_URL": ""})["REDIS_URL"] == ""
    assert AppSettings.read(root, {}).model_dir == root / "models/mine"
    other = AppSettings.read(root, {"AZUREML_MODEL_DIR": "models/other"})
    assert other.model_dir == root / "models/other"
    assert other.model_dir_name == "models/other"


def test_a_connection_that_is_an_identity_gets_no_connection_string(tmp_path: Path) -> None:
    env = {"ScoringStorage__blobServiceUri": "https://mine.blob.core.windows.net"}
    assert "ScoringStorage" not in environment(tmp_path, Stack(tmp_path), env)


def test_without_redis_the_app_caches_in_its_own_memory(tmp_path: Path) -> None:
    stack = Stack(tmp_path, with_redis=False)
    assert environment(tmp_path, stack, {})["REDIS_URL"] == ""
    assert [server.name for server in stack.servers] == ["azurite", "servicebus"]


def test_a_folder_is_served_by_its_script_if_it_has_one(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    assert AppSettings.read(tmp_path, {"AZUREML_MODEL_DIR": "mine"}).entry_script is None
    (mine / "score.py").touch()
    assert AppSettings.read(tmp_path, {"AZUREML_MODEL_DIR": "mine"}).entry_script == "score.py"
    (mine / "other.py").touch()
    env = {"AZUREML_MODEL_DIR": "mine", "AZUREML_ENTRY_SCRIPT": "other.py"}
    assert AppSettings.read(tmp_path, env).entry_script == "other.py"


@pytest.mark.parametrize(
    ("level", "keys", "used"),
    [
        ("function", {}, ""),
        ("function", {"HOST_FUNCTION_KEY": "a", "HOST_MASTER_KEY": "b"}, "HOST_FUNCTION_KEY"),
        ("function", {"HOST_MASTER_KEY": "b"}, "HOST_MASTER_KEY"),
        ("admin", {"HOST_FUNCTION_KEY": "a", "HOST_MASTER_KEY": "b"}, "HOST_MASTER_KEY"),
        ("anonymous", {"HOST_FUNCTION_KEY": "a"}, ""),
    ],
)
def test_the_key_is_one_that_the_trigger_accepts(
    tmp_path: Path, level: str, keys: dict[str, str], used: str
) -> None:
    settings = AppSettings.read(tmp_path, {"HTTP_AUTH_LEVEL": level, **keys})
    assert (settings.key_setting, settings.key) == (used, keys.get(used, ""))
