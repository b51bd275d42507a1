"""The address of Redis in REDIS_URL: a URL, or the line that Azure's portal shows.

    rediss://user:key@host:6380/0
    host:6380,password=key,ssl=True,abortConnect=False      (StackExchange.Redis, for .NET)

A URL may hold the key as the portal shows it: everything before the last `@` is user and key, with
any characters. If two hexadecimal digits follow every `%`, user and key are percent-decoded: a `%`
of the key itself is then written `%25`. In a line nothing is decoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from cache.errors import CacheSettingError

FORMS = (
    "redis://host:port/db or rediss://:key@host:port/db, without a query, or the portal's"
    " host:port,password=key,ssl=True, or empty for a cache in the process"
)

#: StackExchange.Redis speaks TLS to these ports of Azure by default.
_AZURE_TLS_PORTS = (6380, 10_000)

#: Options of StackExchange.Redis without a meaning here: this package has its own deadline
#: (CACHE_TIMEOUT_MS), reconnects by itself, and neither subscribes nor administers.
_IGNORED = frozenset(
    {
        *("abortconnect", "allowadmin", "asynctimeout", "channelprefix", "configchannel", "proxy"),
        *("checkcertificaterevocation", "configcheckseconds", "connectretry", "connecttimeout"),
        *("highintegrity", "keepalive", "libname", "name", "protocol", "responsetimeout"),
        *("resolvedns", "setlib", "sslprotocols", "synctimeout", "tiebreaker", "version"),
        *("writebuffer",),
    }
)

#: Options that are used, and the fields of a line that they set.
_FIELDS = {
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
    """A server, and how to sign in. As text it is a URL without the key."""

    host: str
    port: int = 6379
    tls: bool = False
    user: str = ""
    key: str = field(default="", repr=False)
    #: None if the setting names none.
    database: int | None = None

    def __str__(self) -> str:
        credentials = f"{self.user}:***@" if self.user or self.key else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        database = "" if self.database is None else f"/{self.database}"
        scheme = "rediss" if self.tls else "redis"
        return f"{scheme}://{credentials}{host}:{self.port}{database}"


def parse(text: str) -> Address:
    """The address in a setting. Raises CacheSettingError, which never shows the text."""
    text = text.strip()
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() in ("redis", "rediss"):
        return _from_url(rest, tls=scheme.lower() == "rediss")
    if "," in text:
        return _from_line(text)
    if text.startswith("@Microsoft.KeyVault("):
        raise refusal("a reference to Key Vault that resolves: the app got the reference itself")
    if _PLACE.fullmatch(text):
        raise refusal(f"a scheme before the host, as in rediss://:key@host:port: {FORMS}")
    raise refusal(FORMS)


def refusal(expected: str) -> CacheSettingError:
    # The value may be a key alone, in the wrong place.
    return CacheSettingError(name="REDIS_URL", value="(not shown)", expected=expected)


def _from_url(rest: str, *, tls: bool) -> Address:
    credentials, at, place = rest.rpartition("@")
    user, colon, key = credentials.partition(":")
    if at and not colon:
        raise refusal(
            "a colon before the key, as in rediss://:key@host:port (a user without a key: user:@)"
        )
    return _parse_place(place, tls=tls, user=_decode(user), key=_decode(key))


def _decode(text: str) -> str:
    return text if _PERCENT.search(text) else unquote(text)


def _from_line(line: str) -> Address:
    place, *options = (part.strip() for part in line.split(","))
    fields = _line_fields(options)
    tls = _bool(fields.get("tls", ""), default=_port(place) in _AZURE_TLS_PORTS)
    if _port(place) is None:
        place += ":6380" if tls else ":6379"
    if fields.get("database"):
        place += f"/{fields['database']}"
    return _parse_place(place, tls=tls, user=fields.get("user", ""), key=fields.get("key", ""))


def _line_fields(options: list[str]) -> dict[str, str]:
    """The values of a line's options, by the names of `_FIELDS`. Raises CacheSettingError."""
    fields: dict[str, str] = {}
    for number, option in enumerate(options, start=2):
        name, equals, value = option.partition("=")
        name = name.strip().lower()
        if equals and name in _FIELDS:
            fields[_FIELDS[name]] = value.strip()
        elif option and not (equals and name in _IGNORED):
            # The option is not shown: it may be the rest of a key with a comma in it.
            raise refusal(
                "host:port,password=key,ssl=True, with user= and defaultDatabase= where they are"
                f" needed; part {number} is none of these (write a key with a comma in it as"
                " rediss://:key@host:port; of several hosts one is enough)"
            )
    return fields


def _bool(text: str, *, default: bool) -> bool:
    if text.lower() not in ("true", "false", ""):
        raise refusal("ssl=True or ssl=False in host:port,password=key,ssl=True")
    return text.lower() == "true" if text else default


def _port(place: str) -> int | None:
    found = _PLACE.fullmatch(place)
    return int(found["port"]) if found and found["port"] else None


def _parse_place(place: str, *, tls: bool, user: str, key: str) -> Address:
    found = _PLACE.fullmatch(place)
    if found is None or not 0 < int(found["port"] or 1) < 65536:
        raise refusal(FORMS)
    return Address(
        host=found["host"].strip("[]"),
        port=int(found["port"] or 6379),
        tls=tls,
        user=user,
        key=key,
        database=int(found["db"]) if found["db"] else None,
    )
