"""Loggers whose lines about each call are not logged, only their warnings and errors."""

from __future__ import annotations

import logging
from collections.abc import Mapping

#: Of Azure's SDKs and of their libraries. At INFO they write two lines a call, and storing a blob
#: takes a call a block.
SDK_LOGGERS = ("azure.core", "azure.identity", "azure.storage", "azure.servicebus", "msal", "uamqp")
#: Of Azure's own worker and of the library in it that calls functions. At INFO each writes one line
#: a call, which travels to the platform's log, not to the app's: docs/logs.md has what they cost.
WORKER_LOGGERS = ("proxy_worker", "azure.functions")
#: The worker's own setting, for those who want all of its lines.
DEBUG = "PYTHON_ENABLE_DEBUG_LOGGING"
_TRUE = frozenset({"1", "true", "t", "yes", "y"})


def quiet_loggers(env: Mapping[str, str]) -> None:
    """Set the loggers to WARNING. An SDK's logger keeps a level that it has already.

    The worker's stay as they are if its debug log is on.
    """
    for name in SDK_LOGGERS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
    if env.get(DEBUG, "").strip().lower() in _TRUE:
        return
    for name in WORKER_LOGGERS:  # the worker sets its logger to INFO
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
