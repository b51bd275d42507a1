# ruff: noqa: N802
"""Passes the emulator's address and keys to the tests of the administration client."""

from __future__ import annotations

from devtools_testutils import passing  # type: ignore[import-not-found]
from servicebus_preparer import (  # type: ignore[import-not-found]
    KEY,
    KEY_NAME,
    NAMESPACE,
    SERVICEBUS_ENDPOINT_SUFFIX,
    connection_string,
)


def ServiceBusPreparer():
    return passing(
        lambda _: {
            "servicebus_connection_str": connection_string(),
            "servicebus_fully_qualified_namespace": NAMESPACE + SERVICEBUS_ENDPOINT_SUFFIX,
            "servicebus_sas_policy": KEY_NAME,
            "servicebus_sas_key": KEY,
        }
    )
