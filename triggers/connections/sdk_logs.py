"""What Azure's SDKs log of each call they make: two lines a call, a pair a block of a blob."""

from __future__ import annotations

import logging

#: Loggers of the SDKs, which need not be imported for it, and of what they are built on.
CHATTY = ("azure.core", "azure.identity", "azure.storage", "azure.servicebus", "msal", "uamqp")


def quiet() -> None:
    """Only their warnings from now on. Whoever gave one of them a level keeps it."""
    for name in CHATTY:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
