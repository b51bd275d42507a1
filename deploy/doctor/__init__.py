"""Finds what is wrong with an app's settings, services, versions, model and script.

The checks read settings as the app does, connect to Redis with the app's own client, and to storage
and Service Bus with the SDKs that the app uses.
"""

from __future__ import annotations

from deploy.doctor.examination import examine
from deploy.doctor.findings import Finding

__all__ = ["Finding", "examine"]
