"""What to do about an error of Redis."""

from __future__ import annotations

from redis import exceptions

from cache.degradation import GRANT, REFUSED, explain_refusal
from cache.settings import CacheSettings
from deploy.doctor.findings import DEADLINE_S

#: Every error of a server that cannot be used. RedisClusterException is not a RedisError.
UNUSABLE = (exceptions.RedisError, exceptions.RedisClusterException, OSError)


def fix_connection(error: Exception, settings: CacheSettings) -> str:
    """What to do about an error of UNUSABLE that kept the doctor from connecting."""
    of_cluster = isinstance(error, exceptions.RedisClusterException)
    cause = (error.__cause__ if of_cluster else None) or error
    text = str(cause)
    tls = settings.redis.tls
    other = "for a server without TLS, write redis://" if tls else "for TLS, write rediss://"
    if isinstance(cause, TimeoutError):
        return f"no answer within {DEADLINE_S:g} s: check address and firewall; {other}"
    hung_up = f"the server closed the connection: {other} ({text})"
    fixes = {
        "Authentication required": "the server asks for a key (NOAUTH): write it into REDIS_URL, as"
        " in rediss://:KEY@HOST:PORT",
        "invalid password": "the server refuses the key (ERR): correct it in REDIS_URL",
        "username-password": "the server refuses user or key (WRONGPASS): correct them in"
        " REDIS_URL",
        "Cluster mode is not enabled": "the server is not a cluster: set REDIS_CLUSTER=false",
        "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted: write the name that the"
        f" certificate is for, or trust its issuer ({text})",
        "SSL": hung_up,
        "reset by peer": hung_up,
        "closed by server": hung_up,
    }
    found = (fix for sign, fix in fixes.items() if sign in text)
    return next(found, f"start it, or correct REDIS_URL ({text})")


def fix_command(command: str, error: exceptions.ResponseError) -> str:
    """What to do about a command that the server refused."""
    if isinstance(error, exceptions.NoPermissionError):
        return f"the user may not {command} (NOPERM): {GRANT}"
    if (refusal := explain_refusal(error)) != REFUSED:
        return refusal.message
    return f"the server refuses {command} ({error}): look this error up in the server's docs"
