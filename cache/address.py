"""Where Redis is, as REDIS_URL says it: a URL, or the line that Azure's portal shows.

    rediss://user:key@host:6380/0
    host:6380,password=key,ssl=True,abortConnect=False      (StackExchange.Redis, for .NET)

The key goes in as the portal shows it: everything before the last `@` is user and key, whatever
characters are in it. Where each `%` is followed by two hexadecimal digits the key is read as
percent-encoded, so that a `%` of the key itself is written `%25`. In the second form, which has
no encoding, nothing is decoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from cache.errors import CacheSettingError

FORMS = (
    "redis://host:port/db or rediss://:key@host:port/db, without a query, or the portal's"
    " host:port,password=key,ssl=True, or empty for a cache within the process"
)

#: StackExchange.Redis speaks TLS to Azure's ports unless it is told otherwise.
_AZURE_TLS_PORTS = (6380, 10_000)

#: Options of StackExchange.Redis by which nothing changes here: this package has its own deadline
#: (CACHE_TIMEOUT_MS), connects again by itself, and neither subscribes nor administers.
_IGNORED = frozenset(
    {
        *("abortconnect", "allowadmin", "asynctimeout", "channelprefix", "configchannel", "proxy"),
        *("checkcertificaterevocation", "configcheckseconds", "connectretry", "connecttimeout"),
        *("highintegrity", "keepalive", "libname", "name", "protocol", "responsetimeout"),
        *("resolvedns", "setlib", "sslprotocols", "synctimeout", "tiebreaker", "version"),
        *("writebuffer",),
    }
)

#: Those that change something, and what they name here.
_READ = {
    "password": "key",
    "user": "user",
    "username": "user",
    "ssl": "tls",
    "defaultdatabase": "database",
}

_PLACE = re.compile(
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\[\]\s:/?#@,=]+)(?::(?P<port>\d{1,5}))?(?:/(?P<db>\d{0,9}))?",
    re.ASCII,
)
_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and how to sign in. It prints as a URL without the key."""

    host: str
    port: int = 6379
    tls: bool = False
    user: str = ""
    key: str = field(default="", repr=False)
    #: None where the setting names none.
    database: int | None = None

    def __str__(self) -> str:
        credentials = f"{self.user}:***@" if self.user or self.key else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        database = "" if self.database is None else f"/{self.database}"
        scheme = "rediss" if self.tls else "redis"
        return f"{scheme}://{credentials}{host}:{self.port}{database}"


def parse(text: str) -> Address:
    """The address that a setting names. Raises CacheSettingError, which never shows the text."""
    text = text.strip()
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() in ("redis", "rediss"):
        return _from_url(rest, tls=scheme.lower() == "rediss")
    if "," in text:
        return _from_line(text)
    if text.startswith("@Microsoft.KeyVault("):
        raise refused("a reference to Key Vault that resolves: the app got the reference itself")
    if _PLACE.fullmatch(text):
        raise refused(f"a scheme before the host, as in rediss://:key@host:port: {FORMS}")
    raise refused(FORMS)


def refused(expected: str) -> CacheSettingError:
    # The value may be nothing but a key in the wrong place.
    return CacheSettingError(name="REDIS_URL", value="(not shown)", expected=expected)


def _from_url(rest: str, *, tls: bool) -> Address:
    credentials, at, place = rest.rpartition("@")
    user, colon, key = credentials.partition(":")
    if at and not colon:
        raise refused(
            "a colon before the key, as in rediss://:key@host:port (a user without a key: user:@)"
        )
    return _at(place, tls=tls, user=_decoded(user), key=_decoded(key))


def _decoded(text: str) -> str:
    return text if _PERCENT.search(text) else unquote(text)


def _from_line(line: str) -> Address:
    place, *parts = (part.strip() for part in line.split(","))
    read: dict[str, str] = {}
    for number, part in enumerate(parts, start=2):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if name in _READ and equals:
            read[_READ[name]] = value.strip()
        elif part and not (name in _IGNORED and equals):
            # It is not told: it may be what follows a comma in the key.
            raise refused(
                "host:port,password=key,ssl=True, with user= and defaultDatabase= where they are"
                f" needed; part {number} is none of these (a key with a comma in it goes into"
                " rediss://:key@host:port, and of several hosts one is enough)"
            )
    tls = _truth(read.get("tls", ""), default=_port(place) in _AZURE_TLS_PORTS)
    if _port(place) is None:
        place += ":6380" if tls else ":6379"
    return _at(
        place + ("/" + read["database"] if read.get("database") else ""),
        tls=tls,
        user=read.get("user", ""),
        key=read.get("key", ""),
    )


def _truth(text: str, *, default: bool) -> bool:
    if text.lower() not in ("true", "false", ""):
        raise refused("ssl=True or ssl=False in host:port,password=key,ssl=True")
    return text.lower() == "true" if text else default


def _port(place: str) -> int | None:
    found = _PLACE.fullmatch(place)
    return int(found["port"]) if found and found["port"] else None


def _at(place: str, *, tls: bool, user: str, key: str) -> Address:
    found = _PLACE.fullmatch(place)
    if found is None or not 0 < int(found["port"] or 1) < 65536:
        raise refused(FORMS)
    return Address(
        host=found["host"].strip("[]"),
        port=int(found["port"] or 6379),
        tls=tls,
        user=user,
        key=key,
        database=int(found["db"]) if found["db"] else None,
    )
