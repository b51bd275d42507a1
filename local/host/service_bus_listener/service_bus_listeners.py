"""The listeners of an app's Service Bus functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from local.host.app.bindings import Function, ServiceBusTrigger
from local.host.app.connections import Connections
from local.host.app.invoker import Invoker
from local.host.errors import HostError
from local.host.host_json import ServiceBusOptions
from local.host.service_bus_listener.queue_listener import ServiceBusListener

if TYPE_CHECKING:
    from local.host.service_bus_listener.settlement import Settlement


def service_bus_listeners(
    functions: Sequence[Function],
    invoker: Invoker,
    connections: Connections,
    options: ServiceBusOptions,
) -> list[ServiceBusListener | Settlement]:
    """One for each function with a Service Bus trigger. Raises HostError.

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
    listeners = [
        ServiceBusListener(
            function,
            trigger,
            invoker=invoker,
            connections=connections,
            options=options,
            auto_complete=_auto_completes(trigger, options),
            settlement=settlement if function.name in settling else None,
        )
        for function, trigger in triggers
    ]
    return [settlement, *listeners] if settlement else [*listeners]


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
