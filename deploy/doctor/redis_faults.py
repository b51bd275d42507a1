"""What to do about what Redis says, or about its silence."""

from __future__ import annotations

from redis import exceptions

from cache.settings import CacheSettings
from cache.trouble import GRANT, REFUSED, of_refusal
from deploy.doctor.findings import DEADLINE_S

#: All that an unusable server raises; redis-py's error about clusters is none of its RedisErrors.
UNUSABLE = (exceptions.RedisError, exceptions.RedisClusterException, OSError)


def unusable(error: Exception, settings: CacheSettings) -> str:
    """Why no connection came about: `error` is one of UNUSABLE."""
    of_cluster = isinstance(error, exceptions.RedisClusterException)
    cause = (error.__cause__ if of_cluster else None) or error
    told = str(cause)
    tls = settings.redis.tls
    other = "where it speaks no TLS, write redis://" if tls else "where it speaks TLS, rediss://"
    if isinstance(cause, TimeoutError):
        return f"no answer within {DEADLINE_S:g} s: check address and firewall; {other}"
    hung_up = f"it hung up: {other} ({told})"
    signs = {
        "Authentication required": "it wants a key (NOAUTH): write it into REDIS_URL, as in"
        " rediss://:KEY@HOST:PORT",
        "invalid password": "it refuses key (ERR): correct it in REDIS_URL",
        "username-password": "it refuses user or key (WRONGPASS): correct them in REDIS_URL",
        "Cluster mode is not enabled": "it is no cluster: set REDIS_CLUSTER=false",
        "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted: write the name that it is"
        f" for, or trust its issuer ({told})",
        "SSL": hung_up,
        "reset by peer": hung_up,
        "closed by server": hung_up,
    }
    found = (mend for sign, mend in signs.items() if sign in told)
    return next(found, f"start it, or correct REDIS_URL ({told})")


def refused(command: str, error: exceptions.ResponseError) -> str:
    """Why a command was refused."""
    match error:
        case exceptions.NoPermissionError():
            return f"the user may not {command} (NOPERM): {GRANT}"
        case exceptions.ResponseError() if (trouble := of_refusal(error)) != REFUSED:
            return trouble.what
        case _:
            return f"{command} was refused, mend the server: {error}"
