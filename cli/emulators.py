"""`triscore emulators up|down|status`: what stands in for Azure on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.clone import ROOT
from cli.running import become

app = typer.Typer(help="Run what stands in for Azure: Redis, Azurite, the Service Bus emulator.")


def _port(server: str) -> typer.models.OptionInfo:
    ports = "a port of its own, else the default or one that TRISCORE_PORTS gives"
    option: typer.models.OptionInfo = typer.Option(
        f"--{server}-port", min=1, max=65535, help=f"The port of {server}: {ports}."
    )
    return option


State = Annotated[Path, typer.Option("--state", help="The folder of their data and logs.")]
Redis = Annotated[int | None, _port("redis")]
AzuriteBlob = Annotated[int | None, _port("azurite-blob")]
AzuriteQueue = Annotated[int | None, _port("azurite-queue")]
AzuriteTable = Annotated[int | None, _port("azurite-table")]
ServiceBus = Annotated[int | None, _port("servicebus")]

STATE = ROOT / ".triscore"
SERVERS = ("redis", "azurite-blob", "azurite-queue", "azurite-table", "servicebus")


@app.command()
def up(
    *,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once they are ready; `down` stops them.")
    ] = False,
    state: State = STATE,
    redis: Redis = None,
    azurite_blob: AzuriteBlob = None,
    azurite_queue: AzuriteQueue = None,
    azurite_table: AzuriteTable = None,
    servicebus: ServiceBus = None,
) -> int:
    """Start them, print the settings that lead to them, and stay up until Ctrl-C."""
    ports = _flags(redis, azurite_blob, azurite_queue, azurite_table, servicebus)
    return _run("up", state, *(["--detach"] if detach else []), *ports)


@app.command()
def down(*, state: State = STATE) -> int:
    """Stop the emulators that run in a folder."""
    return _run("down", state)


@app.command()
def status(
    *,
    state: State = STATE,
    redis: Redis = None,
    azurite_blob: AzuriteBlob = None,
    azurite_queue: AzuriteQueue = None,
    azurite_table: AzuriteTable = None,
    servicebus: ServiceBus = None,
) -> int:
    """Print each emulator's state, port and process id. Exit code 1 if one does not answer."""
    ports = _flags(redis, azurite_blob, azurite_queue, azurite_table, servicebus)
    return _run("status", state, *ports)


def _flags(*ports: int | None) -> list[str]:
    return [
        f"--{server}-port={port}"
        for server, port in zip(SERVERS, ports, strict=True)
        if port is not None
    ]


def _run(command: str, state: Path, *options: str) -> int:
    return become("local.emulators", [command, "--state", str(state), *options])
