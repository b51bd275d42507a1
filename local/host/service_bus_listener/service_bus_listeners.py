"""The listeners of an app's Service Bus functions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from local.host.app.bindings import Function, ServiceBusTrigger
from local.host.app.connections import Connections
from local.host.app.invoker import Invoker
from local.host.backoff import Backoff
from local.host.errors import HostError
from local.host.host_json import ServiceBusOptions
from local.host.service_bus_listener.queue_listener import ServiceBusListener
from local.host.service_bus_listener.session_listener import SessionListener

if TYPE_CHECKING:
    from local.host.service_bus_listener.settlement import Settlement

#: Listeners of one function that wait for a session at the same time, as in Azure.
MAX_ACCEPTING = 2 * (os.cpu_count() or 1)


def service_bus_listeners(
    functions: Sequence[Function],
    invoker: Invoker,
    connections: Connections,
    options: ServiceBusOptions,
) -> list[ServiceBusListener | Settlement]:
    """Those of each function with a Service Bus trigger. Raises HostError.

    The settlement service comes first, if a function may settle its messages itself.
    """
    triggers = [
        (function, trigger)
        for function in functions
        if isinstance(trigger := function.trigger, ServiceBusTrigger)
    ]
    settling = [
        function.name
        for function, trigger in triggers
        if trigger.is_deferred and not _auto_completes(trigger, options)
    ]
    settlement = _settlement(settling[0]) if settling else None
    listeners: list[ServiceBusListener | Settlement] = [settlement] if settlement else []
    for function, trigger in triggers:
        listeners += _listeners(
            function,
            trigger,
            invoker=invoker,
            connections=connections,
            options=options,
            auto_complete=_auto_completes(trigger, options),
            settlement=settlement if function.name in settling else None,
        )
    return listeners


def _listeners(
    function: Function, trigger: ServiceBusTrigger, *, options: ServiceBusOptions, **parts: Any
) -> list[ServiceBusListener]:
    """One, or as many as sessions may be served at once. Batches are of one session at a time."""
    if not trigger.has_sessions:
        return [ServiceBusListener(function, trigger, options=options, **parts)]
    backoff = Backoff(f"{trigger.entity} of {trigger.connection}")
    accepting = asyncio.Semaphore(MAX_ACCEPTING)
    return [
        SessionListener(
            function, trigger, options=options, accepting=accepting, backoff=backoff, **parts
        )
        for _ in range(1 if trigger.many else options.max_concurrent_sessions)
    ]


def _auto_completes(trigger: ServiceBusTrigger, options: ServiceBusOptions) -> bool:
    """Whether the host settles the messages. A binding's setting precedes host.json's."""
    if trigger.auto_complete is None:
        return options.auto_complete_messages
    return trigger.auto_complete


def _settlement(function: str) -> Settlement:
    try:
        from local.host.service_bus_listener.settlement import Settlement  # noqa: PLC0415 - slow
    except ImportError as error:
        raise HostError(
            f"function {function} settles its messages itself, and the package grpcio is not "
            "installed: pip install 'triscore[settlement]'"
        ) from error
    return Settlement()
