"""Which key a command sends."""

import json

import pytest

from cli.running_app.options import find_key, is_here

HERE, AZURE = "http://localhost:7071", "https://app.azurewebsites.net"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    monkeypatch.delenv("HOST_FUNCTION_KEY", raising=False)
    monkeypatch.delenv("HOST_MASTER_KEY", raising=False)


def test_the_local_hosts_key_goes_to_apps_on_this_machine_alone(tmp_path, monkeypatch):
    settings = tmp_path / "local.settings.json"
    assert find_key("", HERE, settings) == ""
    settings.write_text(json.dumps({"Values": {"HOST_FUNCTION_KEY": "of the file"}}))
    assert find_key("", HERE, settings) == "of the file"
    monkeypatch.setenv("HOST_FUNCTION_KEY", "of the environment")
    assert find_key("", HERE, settings) == "of the environment"
    assert find_key("given", HERE, settings) == "given"
    assert find_key("", AZURE, settings) == ""


def test_settings_that_can_not_be_read_have_no_key(tmp_path):
    settings = tmp_path / "local.settings.json"
    settings.write_text('{"IsEncrypted": true}')
    assert find_key("", HERE, settings) == ""


def test_an_address_that_is_none_is_not_here():
    assert not is_here("http://[::1")
