"""`python -m deploy doctor`: what is fine, and what to do about the rest.

It reads settings as the app does, and asks Redis, storage and Service Bus through the very clients
that the app and the local host use.
"""

from __future__ import annotations

from deploy.doctor.configured import Configured, read
from deploy.doctor.examination import examine
from deploy.doctor.findings import Finding
from local.host.app_settings import FILE as SETTINGS_FILE

__all__ = ["SETTINGS_FILE", "Configured", "Finding", "examine", "read"]
