"""Which ports the demo takes."""

from __future__ import annotations

import re
import socket
from dataclasses import astuple

import pytest

from local.demo import free_ports
from local.demo.errors import DemoError
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


@pytest.mark.parametrize("target", ["run", "demo"])
def test_a_taken_port_that_was_asked_for_is_refused_with_a_command_to_try(target):
    taken = free_port()
    with socket.create_server((HOST, taken)):
        with pytest.raises(DemoError, match=f"port {taken} is taken") as refused:
            free_ports.choose_http_port(taken, target=target)
        found = re.search(rf"try `make {target} PORT=(\d+)`$", str(refused.value))
        assert found
        assert free_ports.choose_http_port(int(found[1])) == int(found[1])


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


def test_behind_the_last_port_the_search_goes_on_at_the_usual_one(monkeypatch):
    monkeypatch.setattr(free_ports, "is_free", lambda port: port != free_ports.LAST_PORT)
    assert free_ports._next_free(free_ports.LAST_PORT, set()) == free_ports.HTTP_PORT
