"""How many messages wait for a running app, where the settings here name its connection."""

from __future__ import annotations

from pathlib import Path

from cli.running_app.running_here import with_emulators


def describe_input(url: str) -> str:
    """`queue NAME: 3 messages wait, 0 are dead-lettered`. Empty without a connection or the right.

    The emulator's queue belongs to an app on this machine; an app elsewhere needs its connection in
    the settings.
    """
    import asyncio

    try:
        from cli.deployment import open_app
        from deploy import connections
        from deploy.doctor.queue_depth import describe_depth
        from deploy.errors import Refused
    except ModuleNotFoundError:  # without the extra `deploy`
        return ""
    from triggers.settings import SERVICE_BUS

    try:
        app = open_app(Path(), None)
    except (Refused, OSError, ValueError):
        return ""
    if app.triggers is None:
        return ""
    env = with_emulators(app.env, url)
    if connections.uses_emulators(env, SERVICE_BUS):
        return ""
    depth = asyncio.run(describe_depth(env, SERVICE_BUS, app.triggers.input))
    return f"{app.triggers.input}: {depth}" if depth else ""
