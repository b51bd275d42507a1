"""`rediss://`, as Azure's Redis is reached: encrypted, and the certificate is verified."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cache import CacheUnavailable
from emulators.redis_server import RedisServer
from tests.servers import ServerProcess


@dataclass(frozen=True)
class TlsRedisServer:
    plain: RedisServer
    certificate: Path
    key: Path

    name = "redis over TLS"

    @property
    def data(self):
        return self.plain.data

    @property
    def ports(self):
        return self.plain.ports

    def environment(self):
        return {}

    def command(self):
        return [
            *self.plain.command(),
            *("--port", "0", "--tls-port", str(self.plain.port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(self.certificate), "--tls-key-file", str(self.key)),
            *("--tls-ca-cert-file", str(self.certificate), "--requirepass", "secret"),
        ]

    def healthy(self):
        context = ssl.create_default_context(cafile=self.certificate)
        try:
            with (
                socket.create_connection(("127.0.0.1", self.plain.port), 1) as connection,
                context.wrap_socket(connection, server_hostname="127.0.0.1") as channel,
            ):
                channel.sendall(b"PING\r\n")
                return channel.recv(100).startswith(b"-NOAUTH")
        except OSError:
            return False


def write_certificate(certificate: Path, key: Path) -> None:
    """Self-signed, for 127.0.0.1, good for an hour."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis of a test")])
    now = dt.datetime.now(dt.UTC)
    hour = dt.timedelta(hours=1)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - hour)
        .not_valid_after(now + hour)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture(scope="module")
def tls_redis(tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("redis-tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    write_certificate(certificate, key)
    plain = RedisServer(folder / "data", free_port())
    server = TlsRedisServer(plain, certificate, key)
    with ServerProcess(server, folder / "redis.log") as process:
        yield process


def open_sockets() -> int:
    names = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(name).rpartition("/")[2].startswith("socket:") for name in names)


@pytest.fixture(autouse=True)
async def every_socket_is_closed(tls_redis, eventually_async):
    """A TLS channel takes leave of the other side before it closes; the loop must not end first."""
    before = open_sockets()
    yield
    await eventually_async(lambda: open_sockets() <= before)


async def test_values_travel_over_tls_with_the_key_of_the_url(
    tls_redis, open_cache, key, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_redis.server.certificate))
    cache = open_cache(f"rediss://:secret@127.0.0.1:{tls_redis.port}/0")
    await cache.put(key, b"value", ttl_s=60)
    assert (await cache.get(key)).value == b"value"


async def test_a_wrong_key_is_an_outage(tls_redis, open_cache, key, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_redis.server.certificate))
    cache = open_cache(f"rediss://:guess@127.0.0.1:{tls_redis.port}/0")
    with pytest.raises(CacheUnavailable, match="invalid username-password pair"):
        await cache.get(key)


async def test_a_certificate_of_nobody_known_is_refused(tls_redis, open_cache, key):
    cache = open_cache(f"rediss://:secret@127.0.0.1:{tls_redis.port}/0")
    with pytest.raises(CacheUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await cache.get(key)
