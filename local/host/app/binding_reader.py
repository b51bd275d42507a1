"""Reads a function's bindings from the worker library's JSON (`raw_bindings`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.host.app.bindings import (
    AuthLevel,
    BlobInput,
    BlobOutput,
    BlobSource,
    BlobTrigger,
    DataType,
    Function,
    HttpOutput,
    HttpTrigger,
    Output,
    ServiceBusOutput,
    ServiceBusTrigger,
    Trigger,
)
from local.host.app.expressions import resolve_settings
from local.host.app.ignored_settings import find_ignored
from local.host.errors import HostError

AUTH_LEVELS: tuple[AuthLevel, ...] = ("anonymous", "function", "admin")
BLOB_SOURCES: tuple[BlobSource, ...] = ("LogsAndContainerScan", "EventGrid")

#: The connections of bindings that name none.
DEFAULT_STORAGE = "AzureWebJobsStorage"
DEFAULT_SERVICE_BUS = "AzureWebJobsServiceBus"


def read_function(
    name: str, function_id: str, raw_bindings: Sequence[str], env: Mapping[str, str]
) -> Function:
    """Replaces `%Name%` in its bindings by app settings. Raises HostError."""
    triggers: list[Trigger] = []
    inputs: list[BlobInput] = []
    outputs: list[Output] = []
    ignored: list[str] = []
    for text in raw_bindings:
        raw = _resolve(json.loads(text), name, env)
        ignored += find_ignored(raw)
        binding = _read(name, raw)
        match binding:
            case HttpTrigger() | BlobTrigger() | ServiceBusTrigger():
                triggers.append(binding)
            case BlobInput():
                inputs.append(binding)
            case _:
                outputs.append(binding)
    if len(triggers) != 1:
        raise HostError(f"function {name}: expected one trigger, found {len(triggers)}")
    return Function(
        name=name,
        id=function_id,
        trigger=triggers[0],
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        ignored=tuple(ignored),
    )


def _resolve(raw: dict[str, Any], function: str, env: Mapping[str, str]) -> dict[str, Any]:
    where = f"function {function}, binding {raw.get('name')}"
    return {
        key: resolve_settings(value, env, where=where)
        if isinstance(value, str) and key != "connection"
        else value
        for key, value in raw.items()
    }


def _read(function: str, raw: dict[str, Any]) -> Trigger | BlobInput | Output:
    kind, direction = str(raw["type"]), str(raw.get("direction") or "IN").upper()
    if read := _READERS.get((kind, direction)):
        return read(function, raw)
    raise HostError(
        f"function {function}: the local host has no {kind!r} bindings; "
        "it has HTTP, blob and Service Bus bindings"
    )


def _http_trigger(function: str, raw: dict[str, Any]) -> HttpTrigger:
    return HttpTrigger(
        name=raw["name"],
        route=function if raw.get("route") is None else str(raw["route"]),
        methods=frozenset(str(method).upper() for method in raw.get("methods") or ()),
        auth_level=_one_of(AUTH_LEVELS, raw.get("authLevel") or "function", function, "authLevel"),
    )


def _blob_trigger(function: str, raw: dict[str, Any]) -> BlobTrigger:
    path = _path(function, raw)
    if "{" in path.partition("/")[0]:
        raise HostError(
            f"function {function}: path is {path!r}, expected a container without an expression"
        )
    return BlobTrigger(
        name=raw["name"],
        path=path,
        connection=_storage(raw),
        source=_one_of(BLOB_SOURCES, raw.get("source") or BLOB_SOURCES[0], function, "source"),
        is_deferred=_is_deferred(raw),
    )


def _one_of[T: str](allowed: Sequence[T], value: object, function: str, attribute: str) -> T:
    """The allowed value that equals `value` without regard to case. Raises HostError."""
    for each in allowed:
        if each.lower() == str(value).lower():
            return each
    raise HostError(
        f"function {function}: {attribute} is {value!r}, expected one of {', '.join(allowed)}"
    )


def _path(function: str, raw: dict[str, Any]) -> str:
    path = str(raw.get("path") or "")
    if not path.partition("/")[0]:
        raise HostError(f"function {function}: path is {path!r}, expected container/name")
    return path


def _entity(function: str, raw: dict[str, Any]) -> str:
    """The path of a queue, topic or subscription."""
    if queue := raw.get("queueName"):
        return str(queue)
    topic, subscription = raw.get("topicName"), raw.get("subscriptionName")
    is_trigger = raw["type"] == "serviceBusTrigger"
    if topic and (subscription or not is_trigger):
        return f"{topic}/Subscriptions/{subscription}" if is_trigger else str(topic)
    expected = "a queueName, or a topicName with a subscriptionName"
    raise HostError(
        f"function {function}: binding {raw['name']}: expected "
        f"{expected if is_trigger else 'a queueName or a topicName'}, got neither"
    )


def _storage(raw: dict[str, Any]) -> str:
    return str(raw.get("connection") or DEFAULT_STORAGE)


def _data_type(raw: dict[str, Any]) -> DataType:
    value = raw.get("dataType")
    names: dict[Any, DataType] = {
        "STRING": "string",
        "BINARY": "binary",
        "STREAM": "stream",
        1: "string",
        2: "binary",
        3: "stream",
    }
    return names.get(value.upper() if isinstance(value, str) else value, "undefined")


def _is_deferred(raw: dict[str, Any]) -> bool:
    return bool((raw.get("properties") or {}).get("SupportsDeferredBinding"))


def _http_output(_: str, raw: dict[str, Any]) -> HttpOutput:
    return HttpOutput(name=raw["name"])


def _blob_input(function: str, raw: dict[str, Any]) -> BlobInput:
    return BlobInput(
        name=raw["name"],
        path=_path(function, raw),
        connection=_storage(raw),
        data_type=_data_type(raw),
        is_deferred=_is_deferred(raw),
    )


def _blob_output(function: str, raw: dict[str, Any]) -> BlobOutput:
    return BlobOutput(name=raw["name"], path=_path(function, raw), connection=_storage(raw))


def _service_bus_trigger(function: str, raw: dict[str, Any]) -> ServiceBusTrigger:
    return ServiceBusTrigger(
        name=raw["name"],
        entity=_entity(function, raw),
        connection=raw.get("connection") or DEFAULT_SERVICE_BUS,
        many=str(raw.get("cardinality") or "ONE").upper() == "MANY",
        data_type=_data_type(raw),
        is_deferred=_is_deferred(raw),
        auto_complete=raw.get("autoCompleteMessages"),
        has_sessions=bool(raw.get("isSessionsEnabled")),
    )


def _service_bus_output(function: str, raw: dict[str, Any]) -> ServiceBusOutput:
    return ServiceBusOutput(
        name=raw["name"],
        entity=_entity(function, raw),
        connection=raw.get("connection") or DEFAULT_SERVICE_BUS,
    )


_READERS: dict[tuple[str, str], Callable[[str, dict[str, Any]], Trigger | BlobInput | Output]] = {
    ("httpTrigger", "IN"): _http_trigger,
    ("http", "OUT"): _http_output,
    ("blobTrigger", "IN"): _blob_trigger,
    ("blob", "IN"): _blob_input,
    ("blob", "OUT"): _blob_output,
    ("serviceBusTrigger", "IN"): _service_bus_trigger,
    ("serviceBus", "OUT"): _service_bus_output,
}
