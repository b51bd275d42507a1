"""`triscore emulators up|down|status|servicebus`: what stands in for Azure on this machine."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import output
from cli.errors import require_clone

if TYPE_CHECKING:
    from local.emulators.ports import Ports
    from local.emulators.stack import Stack

app = typer.Typer(help="Run what stands in for Azure: Redis, Azurite, the Service Bus emulator.")

State = Annotated[
    Path | None,
    typer.Option("--state", help="The folder of their data and logs; without it .triscore."),
]


def _port(server: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{server}-port",
        metavar="PORT",
        min=1,
        max=65535,
        help=f"The port of {server}; TRISCORE_PORTS=20000 moves all, to 20001 and on.",
    )
    return option


Redis = Annotated[int | None, _port("redis")]
AzuriteBlob = Annotated[int | None, _port("azurite-blob")]
AzuriteQueue = Annotated[int | None, _port("azurite-queue")]
AzuriteTable = Annotated[int | None, _port("azurite-table")]
ServiceBus = Annotated[int | None, _port("servicebus")]


@app.command()
def up(
    *,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once they are ready; `down` stops them.")
    ] = False,
    state: State = None,
    redis: Redis = None,
    azurite_blob: AzuriteBlob = None,
    azurite_queue: AzuriteQueue = None,
    azurite_table: AzuriteTable = None,
    servicebus: ServiceBus = None,
) -> int:
    """Start them, print the settings that lead to them, and stay up until Ctrl-C."""
    require_clone("triscore emulators up")
    from local.emulators import commands

    _log_warnings()
    folder = state or commands.STATE
    ports = _ports(redis, azurite_blob, azurite_queue, azurite_table, servicebus)
    if detach:
        _print_settings(commands.start_in_background(_command(folder, ports), folder, ports))
    else:
        commands.run(folder, ports, on_ready=_print_settings)
    return 0


@app.command()
def servicebus(
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            help="A Config.json of Microsoft's emulator; without it, what the app's settings name."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="The folder of its database; without it .triscore/data/servicebus."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="The port of AMQP, WebSockets and HTTP.")
    ] = 5672,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:KEY[:RIGHTS]", help="One more key: app:s3cret:Send."),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            help="A PEM file with a certificate and its private key: TLS on another port."
        ),
    ] = None,
    tls_port: Annotated[
        int, typer.Option(min=1, max=65535, help="The port of TLS, with --certificate.")
    ] = 5671,
) -> int:
    """Run the Service Bus emulator alone, for any app, until Ctrl-C."""
    from local.emulators import commands
    from local.emulators.scoring_entities import write_config
    from local.emulators.service_bus_emulator import ServiceBusEmulator
    from local.emulators.servicebus.__main__ import main
    from local.emulators.state_folder import StateFolder

    folder = data or StateFolder(commands.STATE).data("servicebus")
    if config is None:
        config = folder.absolute() / "Config.json"
        write_config(config)
    emulator = ServiceBusEmulator(folder.absolute(), port, config)
    print(emulator.connection_string, flush=True)
    keys = [word for each in key or () for word in ("--key", each)]
    tls = ["--certificate", str(certificate), "--tls-port", str(tls_port)] if certificate else []
    return main([*emulator.arguments(), *keys, *tls])


@app.command()
def down(*, state: State = None) -> int:
    """Stop the emulators that run in a folder."""
    from local.emulators import commands

    folder = state or commands.STATE
    print("stopped" if commands.stop(folder) else f"no emulators run in {folder}")
    return 0


@app.command()
def status(
    *,
    state: State = None,
    redis: Redis = None,
    azurite_blob: AzuriteBlob = None,
    azurite_queue: AzuriteQueue = None,
    azurite_table: AzuriteTable = None,
    servicebus: ServiceBus = None,
    as_json: output.JsonLines = False,
) -> int:
    """Print each emulator's state, port and process id. Exit code 1 if one does not answer."""
    from local.emulators import commands

    ports = _ports(redis, azurite_blob, azurite_queue, azurite_table, servicebus)
    found = commands.status(state or commands.STATE, ports)
    for server in found:
        output.show(asdict(server), server, as_json=as_json)
    return 0 if all(server.ok for server in found) else 1


def _ports(*given: int | None) -> Ports:
    """The ports that options give, else those of TRISCORE_PORTS or the defaults, in their order."""
    from local.emulators.ports import Ports

    others = asdict(Ports.from_env(os.environ)).values()
    return Ports(
        *(other if port is None else port for port, other in zip(given, others, strict=True))
    )


def _command(state: Path, ports: Ports) -> list[str]:
    """The command line of the process in the background."""
    options = [f"--{name.replace('_', '-')}-port={port}" for name, port in asdict(ports).items()]
    words = ["emulators", "up", "--state", str(state.absolute()), *options]
    return [sys.executable, "-m", "cli", *words]


def _print_settings(stack: Stack) -> None:
    print(f"REDIS_URL={stack.redis_url}")
    print(f"ScoringStorage={stack.storage_connection_string}")
    print(f"ServiceBusConnection={stack.servicebus_connection_string}", flush=True)


def _log_warnings() -> None:
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
