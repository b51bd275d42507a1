"""Azurite with HTTPS and with an identity's tokens instead of a key, like Azure's storage."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path

from local.emulators.azurite import ACCOUNT, Azurite
from local.emulators.ports import HOST
from tests.certificates import certificate_for
from tests.over_tls import OverTls
from tests.servers import ServerProcess, free_port


@dataclass(frozen=True)
class TlsAzurite(OverTls[Azurite]):
    """Its `--oauth basic` checks a token's issuer, audience and expiry, but not its signature."""

    name = "azurite"

    def command(self) -> list[str]:
        files = ["--cert", str(self.certificate.file), "--key", str(self.certificate.key)]
        return [*self.plain.command(), "--oauth", "basic", *files]

    def is_healthy(self) -> bool:
        return all(self._serves(port) for port in self.ports)

    def _serves(self, port: int) -> bool:
        context = ssl.create_default_context(cafile=self.certificate.file)
        connection = http.client.HTTPSConnection(HOST, port, timeout=1, context=context)
        try:
            connection.request("GET", f"/{ACCOUNT}?comp=list")
            return connection.getresponse().getheader("Server", "").startswith("Azurite-")
        except OSError:
            return False
        finally:
            connection.close()


class TlsAzuriteProcess(ServerProcess):
    def __init__(self, folder: Path) -> None:
        blob, queue, table = (free_port() for _ in range(3))
        azurite = Azurite(folder / "data", blob, queue, table)
        self.certificate = certificate_for(HOST, folder)
        super().__init__(TlsAzurite(azurite, self.certificate), folder / "azurite.log")
        #: With the key, for tests that check from outside.
        self.connection_string = azurite.connection_string.replace("http", "https")
        self.blob_uri = f"https://{HOST}:{azurite.blob_port}/{ACCOUNT}"
        self.queue_uri = f"https://{HOST}:{azurite.queue_port}/{ACCOUNT}"
