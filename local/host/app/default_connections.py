"""Connection settings that are missing: the emulators on this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, MutableMapping

from local.host.app.bindings import (
    Function,
    HttpOutput,
    HttpTrigger,
    ServiceBusOutput,
    ServiceBusTrigger,
)
from local.host.app.connections import SERVICE_BUS_SUFFIX

log = logging.getLogger(__name__)

#: Azurite's default account, the same everywhere.
DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)
#: For Microsoft's Service Bus emulator and this project's.
DEVELOPMENT_SERVICE_BUS = (
    "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;"
    "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
)

STORAGE_SUFFIXES = ("__blobServiceUri", "__serviceUri", "__accountName")


def set_defaults(functions: Iterable[Function], env: MutableMapping[str, str]) -> None:
    """Set missing connections to the emulators' connection strings.

    They are set in the environment, because the blob extension inside the app reads them there. It
    does not know the short form `UseDevelopmentStorage=true` either.
    """
    buses, storages = _connection_names(functions)
    for name in buses:
        if not _is_set(name, env, (SERVICE_BUS_SUFFIX,)):
            env[name] = DEVELOPMENT_SERVICE_BUS
            log.info("%s is not set: using the Service Bus emulator on this machine", name)
    for name in storages:
        if not _is_set(name, env, STORAGE_SUFFIXES):
            env[name] = DEVELOPMENT_STORAGE
            log.info("%s is not set: using the storage emulator on this machine", name)
    _expand_short_form(env, [*storages, *(f"AzureWebJobs{name}" for name in storages)])


def _expand_short_form(env: MutableMapping[str, str], names: Iterable[str]) -> None:
    """Replace `UseDevelopmentStorage=true`, which the SDKs do not know, by the full string."""
    for name in names:
        if env.get(name, "").strip().rstrip(";").lower() == "usedevelopmentstorage=true":
            env[name] = DEVELOPMENT_STORAGE


def _connection_names(functions: Iterable[Function]) -> tuple[list[str], list[str]]:
    """Service Bus connections and storage connections, each sorted."""
    buses, storages = set[str](), set[str]()
    for function in functions:
        for binding in (function.trigger, *function.inputs, *function.outputs):
            match binding:
                case HttpTrigger() | HttpOutput():
                    pass
                case ServiceBusTrigger() | ServiceBusOutput():
                    buses.add(binding.connection)
                case _:
                    storages.add(binding.connection)
    return sorted(buses), sorted(storages)


def _is_set(name: str, env: Mapping[str, str], suffixes: Iterable[str]) -> bool:
    names = (name, f"AzureWebJobs{name}", *(name + suffix for suffix in suffixes))
    return any(env.get(each) for each in names)
