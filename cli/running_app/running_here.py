"""The app that runs in this folder: what `make run` serves, on whatever ports it took."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from cli.errors import is_clone
from cli.running_app.options import LOCAL, is_here


def find_url(url: str | None) -> str:
    """The address given, else that of the app that runs here, else where `make run` usually serves.

    One that a person neither gave nor expects is told.
    """
    if url:
        return url
    found = _find_address() or LOCAL
    if found != LOCAL:
        print(f"Using the app that runs in this folder, at {found}.", file=sys.stderr)
    return found


def with_emulators(env: Mapping[str, str], url: str) -> dict[str, str]:
    """The settings, with the emulators that run here for connections that are not set.

    An app elsewhere does not use them. As for `make run`, local.settings.json does not set a
    connection that it has from its sample.
    """
    from deploy import connections
    from triggers.settings import SERVICE_BUS, STORAGE

    whole = dict(env)
    if not is_here(url):
        return whole
    usual = {STORAGE: connections.STORAGE_EMULATOR, SERVICE_BUS: connections.SERVICE_BUS_EMULATOR}
    running = _running_emulators() or tuple(usual.values())
    for (name, sample), address in zip(usual.items(), running, strict=True):
        is_sample = name not in os.environ and whole.get(name) == sample
        if is_sample or connections.uses_emulators(whole, name):
            whole[name] = address
    return whole


def _find_address() -> str | None:
    if not is_clone():
        return None
    from local.demo.served_app import find_address
    from local.emulators.commands import STATE

    return find_address(STATE)


def _running_emulators() -> tuple[str, str] | None:
    """The connection strings of storage and Service Bus; None if none run here."""
    if not is_clone():
        return None
    from local.demo.served_app import find_stack
    from local.emulators.commands import STATE
    from local.emulators.stack import Stack

    record = find_stack(STATE)
    if record is None:
        return None
    stack = Stack(STATE, record.ports)
    return stack.storage_connection_string, stack.servicebus_connection_string
