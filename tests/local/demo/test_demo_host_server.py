"""The settings that the demo passes to the host."""

from local.demo.host_server import HostServer
from local.emulators.stack import Stack


def test_the_demo_shows_what_a_script_raises(tmp_path, monkeypatch):
    host = HostServer(Stack(tmp_path))
    monkeypatch.delenv("SHOW_SCRIPT_ERRORS", raising=False)
    assert host.environment()["SHOW_SCRIPT_ERRORS"] == "true"
    monkeypatch.setenv("SHOW_SCRIPT_ERRORS", "false")
    assert host.environment()["SHOW_SCRIPT_ERRORS"] == "false"
