"""Validates the connections at startup, names what can't work, and never shows a value.

The platform reads these settings too, but there a fault shows hours later, or as messages that are
retried until they are dead-lettered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from inference.errors import SettingError
from triggers import log_levels
from triggers.connections import service_bus_connection, storage_connection
from triggers.connections.connection_strings import Check, check_copied
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

#: Replaces every value in a message: one that is in the wrong place may be a key.
NOT_SHOWN = "(not shown)"

#: The forms of each connection, by the suffix of its settings.
_NAMESPACE: Mapping[str, Check] = {
    "": service_bus_connection.check_connection_string,
    "__fullyQualifiedNamespace": service_bus_connection.check_host_name,
}
_ACCOUNT: Mapping[str, Check] = {
    "": storage_connection.check_connection_string,
    "__blobServiceUri": storage_connection.check_address,
    "__queueServiceUri": storage_connection.check_address,
    "__serviceUri": storage_connection.check_address,
}


def trigger_settings(env: Mapping[str, str]) -> TriggerSettings:
    """Read the triggers' settings, with connections that can work. Raises SettingError.

    The SDKs and Azure's worker log only warnings from then on.
    """
    log_levels.quiet_loggers(env)
    settings = TriggerSettings.from_env(env)
    for fault in faults(env, settings):
        raise fault
    return settings


def faults(env: Mapping[str, str], settings: TriggerSettings) -> Iterator[SettingError]:
    """Every fault of the connections that the registered triggers need.

    One that is not set is no fault: the local host sets it to its emulators.
    """
    if settings.triggers & {"servicebus", "blob"}:
        yield from _check(SERVICE_BUS, _NAMESPACE, env)
        found = list(account_faults(STORAGE, env))
        yield from found
        if "blob" in settings.triggers and not found:
            for name, expected in storage_connection.check_together(STORAGE, env):
                yield SettingError(name=name, value=NOT_SHOWN, expected=expected)


def account_faults(name: str, env: Mapping[str, str]) -> Iterator[SettingError]:
    """Faults of each setting of a storage connection by itself."""
    yield from _check(name, _ACCOUNT, env)


def _check(
    connection: str, forms: Mapping[str, Check], env: Mapping[str, str]
) -> Iterator[SettingError]:
    for prefix, (suffix, check) in product(("", "AzureWebJobs"), forms.items()):
        name = f"{prefix}{connection}{suffix}"
        if value := env.get(name):
            for expected in list(check_copied(value)) or check(value):
                yield SettingError(name=name, value=NOT_SHOWN, expected=expected)
