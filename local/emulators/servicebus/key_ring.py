"""The keys of a namespace and of its entities."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from local.emulators.servicebus.broker.namespace import Namespace
from local.emulators.servicebus.broker.topic import SUBSCRIPTIONS
from local.emulators.servicebus.sas import AccessKey, Grant, verify

#: The key of Microsoft's emulator, as in every connection string for it.
DEFAULT_KEY = AccessKey("RootManageSharedAccessKey", "SAS_KEY_VALUE")


class KeyRing:
    """Queues and topics have keys of their own: the authorization rules of their description."""

    def __init__(self, keys: tuple[AccessKey, ...], namespace: Namespace) -> None:
        self._keys = keys
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"<KeyRing of {[key.name for key in self._keys]}>"

    def verify(self, token: str, path: str, now_s: float) -> Grant:
        """Check a shared access signature that is used for a path. Raises TokenRefused."""
        return verify(token, (*self._keys, *self._entity_keys(path)), now_s)

    def _entity_keys(self, path: str) -> Iterator[AccessKey]:
        lowered = path.casefold()
        for end in (SUBSCRIPTIONS.casefold(), "/$", "/messages"):
            lowered = lowered.partition(end)[0]
        entity = self._namespace.find(lowered)
        rules = entity.settings.properties.get("AuthorizationRules") if entity is not None else None
        for rule in ET.fromstring(rules) if rules else ():  # noqa: S314 - was parsed before
            name = rule.findtext("{*}KeyName") or ""
            rights = frozenset(
                each.text or "" for each in rule.iterfind("{*}Rights/{*}AccessRights")
            )
            for field in ("PrimaryKey", "SecondaryKey"):
                key = rule.findtext(f"{{*}}{field}")
                if key:
                    yield AccessKey(name, key, rights, lowered)
