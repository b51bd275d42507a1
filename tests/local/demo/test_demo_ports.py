"""Which ports the demo takes."""

from __future__ import annotations

import socket
from dataclasses import astuple

import pytest

from local.demo import free_ports
from local.emulators.errors import EmulatorError
from local.emulators.ports import HOST, Ports
from tests.servers import free_port


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    for name in ("RELEASE_S", "HOST_RELEASE_S"):
        monkeypatch.setattr(free_ports, name, 0.0)


def test_the_next_free_port_is_taken_unless_one_was_asked_for(monkeypatch):
    usual = free_port()
    monkeypatch.setattr(free_ports, "HTTP_PORT", usual)
    assert free_ports.choose_http_port(None) == usual
    with socket.create_server((HOST, usual)):
        assert usual < free_ports.choose_http_port(None) < usual + 100
        with pytest.raises(EmulatorError, match=f"port {usual}, which the host needs, is taken"):
            free_ports.choose_http_port(usual)


def test_only_the_taken_port_of_the_emulators_moves_and_no_two_are_the_same(monkeypatch):
    first = free_port()
    usual = Ports(first, free_port(), free_port(), free_port(), free_port())
    monkeypatch.setattr(Ports, "from_env", lambda env: usual)
    with socket.create_server((HOST, usual.azurite_blob)):
        chosen = free_ports.choose_ports({}, was_killed=True)
    moved = [
        mine for mine, other in zip(astuple(chosen), astuple(usual), strict=True) if mine != other
    ]
    assert moved == [chosen.azurite_blob]
    assert len(set(astuple(chosen))) == 5


def test_ports_that_the_environment_names_do_not_move():
    first = free_port()
    with socket.create_server((HOST, first + 1)):
        chosen = free_ports.choose_ports({"TRISCORE_PORTS": str(first)}, was_killed=False)
    assert chosen == Ports(*(first + number for number in range(1, 6)))
