"""Makes the tour, shows it as it goes, and ends with what a user needs next."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from azure.core.exceptions import AzureError

from local.demo import blob_exchange, message_exchange, screen
from local.demo.example import Example
from local.demo.golden_rows import read_golden_rows
from local.demo.host_server import STATE, HostServer
from local.demo.sample_input import find_sample, read_sample
from local.demo.screen import console
from local.demo.settings import REDIS, SERVICE_BUS, STORAGE, AppSettings
from local.demo.tour import Step, Tour
from local.emulators.ports import Ports

#: Where it stands why a script raised, among other things.
LOGS = {"Logs": os.path.relpath(STATE / "logs")}


def show(host: HostServer, settings: AppSettings, sample: Path | None, *, stays_up: bool) -> bool:
    """Returns whether every trigger answered as it must. Never raises: the server stays up."""
    example: Example | None = None
    try:
        example = _find_example(host, settings, sample)
        correct = _make_tour(host, settings, example)
    except Exception as error:  # noqa: BLE001 - whatever happens to the tour, the app runs
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        console.print(f"The tour ended early: {reason}", style="red")
        correct = False
    if stays_up:
        console.print()
        screen.show_links(_next_lines(host, settings, example))
    elif not correct:
        screen.show_links(LOGS)
    return correct


def _find_example(host: HostServer, settings: AppSettings, sample: Path | None) -> Example | None:
    """What the tour sends; None if nothing says what the model takes."""
    is_model = settings.entry_script is None
    if sample is not None:
        return read_sample(sample, settings.prediction_column if is_model else "")
    if is_model:
        return read_golden_rows(
            settings.model_dir, settings.model_dir_name, settings.prediction_column
        )
    openapi = host.openapi()
    return None if openapi is None else find_sample(openapi)


def _make_tour(host: HostServer, settings: AppSettings, example: Example | None) -> bool:
    connections = {name: host.environment().get(name, "") for name in (STORAGE, SERVICE_BUS)}
    if example is None:
        return _reach_triggers(settings, connections)
    tour = Tour(
        example,
        settings,
        url=host.url,
        storage=connections[STORAGE],
        service_bus=connections[SERVICE_BUS],
    )
    screen.show_heading()
    correct = _show_steps(tour.steps())
    if correct:
        console.print(example.success, style="green")
    return correct


def _show_steps(steps: Iterable[Callable[[], Step]]) -> bool:
    """Make and show each step, then what was wrong. Returns whether nothing was."""
    wrong = []
    for take in steps:
        with screen.waiting("Waiting for the answer"):
            step = take()
        screen.show_step(step)
        if step.problem is not None:
            wrong.append(step)
    console.print()
    for step in wrong:
        screen.show_problem(step)
    return not wrong


def _reach_triggers(settings: AppSettings, connections: Mapping[str, str]) -> bool:
    """What can be shown of a model whose input nobody knows: that its triggers are there."""
    if settings.entry_script:
        console.print(
            f"{settings.entry_script} declares no sample input, so the tour sends nothing. Show it"
            " an input with `make run SAMPLE=request.json`, or declare one with @input_schema."
        )
    else:
        console.print(
            "The model has no golden rows, so the tour sends nothing. `./triscore describe"
            f" {settings.model_dir_name} --rows FILE` adds them."
        )
    console.print()
    places: list[tuple[str, str, Callable[[], None]]] = []
    if "http" in settings.triggers:
        places.append(("HTTP", "POST score", lambda: None))  # the host waited for it
    if "blob" in settings.triggers and connections[STORAGE]:
        container = settings.input_container
        find = partial(blob_exchange.find_container, connections[STORAGE], container)
        places.append(("Blob", container, find))
    if "servicebus" in settings.triggers and connections[SERVICE_BUS]:
        queue = settings.input_queue
        find = partial(message_exchange.find_queue, connections[SERVICE_BUS], queue)
        places.append(("Service Bus", queue, find))
    correct = _show_steps(partial(_reach, *place) for place in places)
    if correct:
        console.print("Every trigger is ready.", style="green")
    return correct


def _reach(trigger: str, place: str, find: Callable[[], None]) -> Step:
    """Whether the place where a trigger takes its input answers."""
    try:
        find()
    except (AzureError, ValueError) as error:
        return Step(trigger, place, problem=" ".join(str(error).split())[:300])
    return Step(trigger, place, "ready")


def _next_lines(
    host: HostServer, settings: AppSettings, example: Example | None
) -> Mapping[str, str]:
    """What to do next, by name."""
    lines: dict[str, str] = {}
    if host.has_http and settings.has_console:
        lines["Console"] = f"{host.link}/console"
        lines["API"] = f"{host.link}/docs"
    if host.has_http and example is not None:
        lines["Try it"] = screen.curl(
            host.link, example.request, key_setting=settings.key_setting, folder=STATE
        )
    if host.stack.ports != Ports():
        used = host.environment()
        for name in (STORAGE, SERVICE_BUS, REDIS):
            if value := used.get(name):
                lines[name] = value
    return lines | LOGS | {"Stop": "Ctrl-C"}
