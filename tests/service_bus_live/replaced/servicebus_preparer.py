# ruff: noqa: N802
"""Makes the entities that a test asks for, through the emulator's administration API."""

from __future__ import annotations

import functools
import os
import uuid
from types import SimpleNamespace

from azure.servicebus.management import (
    AccessRights,
    AuthorizationRule,
    ServiceBusAdministrationClient,
)
from devtools_testutils import passing  # type: ignore[import-not-found]

SERVICEBUS_ENDPOINT_SUFFIX = os.environ["SERVICEBUS_ENDPOINT_SUFFIX"]
NAMESPACE = "localhost"
KEY_NAME, KEY = "RootManageSharedAccessKey", "SAS_KEY_VALUE"
#: The keys that conftest.py gives the emulator, by their rights.
NAMESPACE_KEYS = {("send",): "sender", ("listen",): "listener"}

_cached: dict[object, object] = {}


def connection_string(key_name: str = KEY_NAME, key: str = KEY) -> str:
    return (
        f"Endpoint=sb://{NAMESPACE}{SERVICEBUS_ENDPOINT_SUFFIX}/;SharedAccessKeyName={key_name};"
        f"SharedAccessKey={key};UseDevelopmentEmulator=true;"
    )


def _admin() -> ServiceBusAdministrationClient:
    return ServiceBusAdministrationClient.from_connection_string(connection_string())


def _preparer(make):
    """A decorator factory; `make(keywords of the test, its own options)` returns keywords."""

    def prepare(name_prefix="", use_cache=False, **options):
        def provide(kwargs):
            key = (make.__name__, name_prefix, str(options)) if use_cache else uuid.uuid4()
            if key not in _cached:
                _cached[key] = make(kwargs, f"{name_prefix}{uuid.uuid4().hex[:12]}", **options)
            return _cached[key]

        return passing(provide)

    return prepare


@_preparer
def ServiceBusNamespacePreparer(kwargs, name, **options):
    return {
        "servicebus_namespace": SimpleNamespace(name=NAMESPACE),
        "servicebus_namespace_connection_string": connection_string(),
        "servicebus_namespace_key_name": KEY_NAME,
        "servicebus_namespace_primary_key": KEY,
    }


@_preparer
def ServiceBusResourceGroupPreparer(kwargs, name, **options):
    return {}


@_preparer
def ServiceBusQueuePreparer(
    kwargs, name, parameter_name="servicebus_queue", lock_duration="PT30S", **options
):
    with _admin() as admin:
        admin.create_queue(name, lock_duration=lock_duration, **options)
    return {parameter_name: SimpleNamespace(name=name)}


@_preparer
def ServiceBusTopicPreparer(kwargs, name, **options):
    with _admin() as admin:
        admin.create_topic(name)
    return {"servicebus_topic": SimpleNamespace(name=name)}


@_preparer
def ServiceBusSubscriptionPreparer(kwargs, name, lock_duration="PT60S", **options):
    with _admin() as admin:
        topic = kwargs["servicebus_topic"].name
        admin.create_subscription(topic, name, lock_duration=lock_duration, **options)
    return {"servicebus_subscription": SimpleNamespace(name=name)}


@_preparer
def ServiceBusNamespaceAuthorizationRulePreparer(kwargs, name, access_rights=(), **options):
    rights = tuple(getattr(each, "value", str(each)).lower() for each in access_rights)
    key_name = NAMESPACE_KEYS.get(rights, KEY_NAME)
    return {"servicebus_authorization_rule_connection_string": connection_string(key_name)}


@_preparer
def ServiceBusQueueAuthorizationRulePreparer(kwargs, name, access_rights=None, **options):
    rule = AuthorizationRule(
        type="SharedAccessAuthorizationRule",
        claim_type="SharedAccessKey",
        claim_value="None",
        rights=access_rights or [AccessRights.MANAGE, AccessRights.SEND, AccessRights.LISTEN],
        key_name=name,
        primary_key="primary",
        secondary_key="secondary",
        created_at_utc=None,
        modified_at_utc=None,
    )
    with _admin() as admin:
        queue = admin.get_queue(kwargs["servicebus_queue"].name)
        queue.authorization_rules = [rule]
        admin.update_queue(queue)
    text = f"{connection_string(name, 'primary')}EntityPath={queue.name}"
    return {"servicebus_queue_authorization_rule_connection_string": text}


def _cached_preparer(preparer):
    return functools.partial(preparer, use_cache=True)


CachedServiceBusResourceGroupPreparer = _cached_preparer(ServiceBusResourceGroupPreparer)
CachedServiceBusNamespacePreparer = _cached_preparer(ServiceBusNamespacePreparer)
CachedServiceBusQueuePreparer = _cached_preparer(ServiceBusQueuePreparer)
CachedServiceBusTopicPreparer = _cached_preparer(ServiceBusTopicPreparer)
CachedServiceBusSubscriptionPreparer = _cached_preparer(ServiceBusSubscriptionPreparer)
