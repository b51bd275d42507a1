"""Azurite, Microsoft's storage emulator: blobs, queues and tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.emulators import health_check, node
from local.emulators.errors import EmulatorError
from local.emulators.managed_server import PROJECT
from local.emulators.ports import HOST

#: Where `npm install --prefix` installs it. An `azurite` on the PATH works as well.
FOLDER = PROJECT / ".triscore" / "azurite"

#: Loaded into Azurite: open connections would keep it from ending.
CLOSE_ON_SIGTERM = Path(__file__).with_name("close_on_sigterm.js")

ACCOUNT = "devstoreaccount1"
#: Azurite's well-known key, the same everywhere.
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass(frozen=True, slots=True)
class Azurite:
    """One storage account."""

    data: Path
    blob_port: int
    queue_port: int
    table_port: int
    name: str = "azurite"

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.blob_port, self.queue_port, self.table_port)

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint=http://{HOST}:{self.blob_port}/{ACCOUNT};"
            f"QueueEndpoint=http://{HOST}:{self.queue_port}/{ACCOUNT};"
            f"TableEndpoint=http://{HOST}:{self.table_port}/{ACCOUNT};"
        )

    def command(self) -> list[str]:
        found = node.find_node()
        if found is None:
            raise EmulatorError(
                f"Node.js is not installed, and Azurite needs version {node.OLDEST} or newer: "
                "`make run` installs it"
            )
        program = shutil.which("azurite", path=FOLDER / "node_modules" / ".bin")
        program = program or shutil.which("azurite")
        if program is None:
            folder = FOLDER.relative_to(PROJECT)
            raise EmulatorError(
                f"Azurite is not installed: `npm install --prefix {folder} azurite` installs it"
            )
        self._require_whole_index()
        # The SDKs use newer API versions than Azurite knows; its telemetry waits for the network.
        flags = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
        settings = {
            "location": str(self.data),
            "blobHost": HOST,
            "blobPort": str(self.blob_port),
            "queueHost": HOST,
            "queuePort": str(self.queue_port),
            "tableHost": HOST,
            "tablePort": str(self.table_port),
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [found.program, "--require", str(CLOSE_ON_SIGTERM), program, *flags, *options]

    def _require_whole_index(self) -> None:
        """Raises EmulatorError for an index that Azurite can't read: it ends, and names no file."""
        for index in sorted(self.data.glob("__azurite_db_*.json")):
            try:
                text = index.read_text(encoding="utf-8")
                if text.strip():  # Azurite fills an empty one
                    json.loads(text)
            except ValueError as error:
                raise EmulatorError(
                    f"{index} is damaged ({error}): Azurite can't find its blobs, queues and"
                    f" tables without it. To start with empty ones: rm -r {self.data}"
                ) from error

    def environment(self) -> Mapping[str, str]:
        return {}

    def is_healthy(self) -> bool:
        request = f"GET /{ACCOUNT}?comp=list HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        # The unsigned request is refused; the refusal has Azurite's Server header.
        return all(
            health_check.answers(port, request.encode(), expected=b"\r\nServer: Azurite-")
            for port in self.ports
        )
