"""Runs javascript.mjs: the JavaScript SDK against an emulator with TLS.

The SDK comes from npm and is never committed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.emulators import health_check, node
from local.emulators.service_bus_emulator import SASL_HEADER
from tests import servers
from tests.local.emulators.certificate import write_certificate
from tests.waiting import eventually

PACKAGES = ("@azure/service-bus@7.9.5", "ws@8.23.0")
TESTS = Path(__file__).with_name("javascript.mjs")
KEY = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE"

NAMESPACE = {
    "Name": "sbemulatorns",
    "Queues": [
        {"Name": "orders", "Properties": {"MaxDeliveryCount": 3}},
        {"Name": "scheduled"},
        {"Name": "by-customer", "Properties": {"RequiresSession": True}},
        {"Name": "target"},
        {"Name": "dead"},
        {"Name": "forwards", "Properties": {"ForwardTo": "target"}},
        {"Name": "dead-forwards", "Properties": {"ForwardDeadLetteredMessagesTo": "dead"}},
    ],
    "Topics": [
        {
            "Name": "events",
            "Subscriptions": [
                {"Name": "all"},
                {"Name": "ordered", "Properties": {"RequiresSession": True}},
            ],
        }
    ],
}


def run(work: Path) -> int:
    """The exit code. `work` keeps the packages for the next run."""
    found = node.find_node()
    if found is None or found.npm is None:
        print("no Node.js with npm: the JavaScript tests are not run")
        return 1
    folder = work / "javascript"
    environment = node.environment(found)
    if not (folder / "node_modules").exists():
        command = [*found.npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
        subprocess.run([*command, *PACKAGES], env=environment, check=True)
    # Node looks for packages beside the file.
    tests = Path(shutil.copy(TESTS, folder))
    with _emulator() as (plain, tls, certificate):
        environment |= {
            "PLAIN": f"Endpoint=sb://localhost:{plain};{KEY};UseDevelopmentEmulator=true",
            "TLS": f"Endpoint=sb://localhost:{tls};{KEY}",
            "NODE_EXTRA_CA_CERTS": str(certificate),
        }
        command = [found.program, "--test", "--test-timeout", "60000", str(tests)]
        return subprocess.run(command, env=environment, check=False).returncode


@contextmanager
def _emulator() -> Iterator[tuple[int, int, Path]]:
    """Its two ports, and the file with its certificate."""
    with tempfile.TemporaryDirectory(prefix="service-bus-javascript-") as name:
        folder, plain, tls = Path(name), servers.free_port(), servers.free_port()
        config, certificate = folder / "Config.json", folder / "bus.pem"
        config.write_text(json.dumps({"UserConfig": {"Namespaces": [NAMESPACE]}}))
        write_certificate(certificate)
        command = [
            *(sys.executable, "-m", "local.emulators.servicebus", "--config", str(config)),
            *("--db", str(folder / "servicebus.db"), "--port", str(plain)),
            *("--certificate", str(certificate), "--tls-port", str(tls)),
        ]
        with subprocess.Popen(command, env=dict(os.environ)) as process:
            try:
                eventually(
                    lambda: health_check.answers(plain, SASL_HEADER, expected=SASL_HEADER), 60
                )
                yield plain, tls, certificate
            finally:
                process.terminate()
