"""Connections as people paste them: what can't work is named at the start, and never shown.

The platform reads these settings, and what is wrong with them shows hours later, or as messages
that go round until they are given up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from inference.errors import SettingError
from triggers.connections import sdk_logs, service_bus_connection, storage_connection
from triggers.connections.connection_strings import Check
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

#: Stands for every value: one that is in the wrong place may be a key.
NOT_SHOWN = "(not shown)"
#: What comes along when a value is copied from a page or a shell.
_AROUND = " \t\r\n\"'`"
#: What the platform leaves in a setting whose reference it could not follow.
_REFERENCE = "@microsoft.keyvault("
_UNFOLLOWED = (
    "what its reference to a Key Vault stands for, and nobody followed it: in Azure the portal"
    " shows why (the secret's name, the identity's role); elsewhere set the value itself"
)


#: The forms of a connection, by what follows its name.
_NAMESPACE = {
    "": service_bus_connection.of_string,
    "__fullyQualifiedNamespace": service_bus_connection.of_name,
}
_ACCOUNT = {
    "": storage_connection.of_string,
    "__blobServiceUri": storage_connection.of_address,
    "__queueServiceUri": storage_connection.of_address,
    "__serviceUri": storage_connection.of_address,
}


def trigger_settings(env: Mapping[str, str]) -> TriggerSettings:
    """The triggers' settings, where their connections are such as can work. Raises SettingError.

    What the SDKs log of each call over these connections is silenced from then on.
    """
    sdk_logs.quiet()
    settings = TriggerSettings.from_env(env)
    for fault in faults(env, settings):
        raise fault
    return settings


def faults(env: Mapping[str, str], settings: TriggerSettings) -> Iterator[SettingError]:
    """Every fault of the connections that the registered triggers need.

    One that is not set is no fault: the local host sets it to its emulators.
    """
    if settings.triggers & {"servicebus", "blob"}:
        yield from _of(SERVICE_BUS, _NAMESPACE, env)
    if "blob" in settings.triggers:
        found = list(of_account(STORAGE, env))
        yield from found
        if not found:
            for name, expected in storage_connection.of_all(STORAGE, env):
                yield SettingError(name=name, value=NOT_SHOWN, expected=expected)


def of_account(name: str, env: Mapping[str, str]) -> Iterator[SettingError]:
    """What is wrong with each setting of a storage connection by itself."""
    yield from _of(name, _ACCOUNT, env)


def _of(
    connection: str, forms: Mapping[str, Check], env: Mapping[str, str]
) -> Iterator[SettingError]:
    for prefix, (suffix, check) in product(("", "AzureWebJobs"), forms.items()):
        name = f"{prefix}{connection}{suffix}"
        if value := env.get(name):
            for expected in _faults_around(value) or check(value):
                yield SettingError(name=name, value=NOT_SHOWN, expected=expected)


def _faults_around(value: str) -> list[str]:
    if value.strip(_AROUND) != value:
        return ["the value alone: take away the spaces, line ends or quotes around it"]
    if value.lower().startswith(_REFERENCE):
        return [_UNFOLLOWED]
    return []
