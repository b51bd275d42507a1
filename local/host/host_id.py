"""The name under which one app keeps its locks and receipts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

SETTING = "AzureFunctionsWebHost__hostid"

#: The container in a storage account in which hosts keep their things, as in Azure.
CONTAINER = "azure-webjobs-hosts"


def host_id(app_dir: Path, env: Mapping[str, str]) -> str:
    """The setting's value, else one that follows from the app's folder."""
    if told := env.get(SETTING):
        return told
    digest = hashlib.sha256(str(app_dir).encode()).hexdigest()[:8]
    name = re.sub("[^a-z0-9]+", "-", app_dir.name.lower()).strip("-")[:20]
    return f"{name}-{digest}" if name else digest
