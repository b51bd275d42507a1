"""Why Redis serves less than it should, and what operators can do about it."""

from __future__ import annotations

from typing import NamedTuple

from redis import exceptions


class Degradation(NamedTuple):
    """A reason for operators. It names no server and no user."""

    #: A word for metrics and alerts, one of those below.
    code: str
    message: str


#: What the app's user has to be granted.
GRANT = "grant it `~triscore:* +ping +set +get +mget +del +eval +exists +getrange`"

AWAY = Degradation("away", "it does not answer, or refuses every command: the log says more")
REFUSED = Degradation("refused", "it refuses writes: the log holds its answer")

_READ_ONLY = "it is a replica: write its primary's address into REDIS_URL"
_FULL = "it is full and evicts nothing: set maxmemory-policy to allkeys-lru"
_CLUSTER = "its keys are spread over several nodes: set REDIS_CLUSTER=true"

_BY_ERROR_CODE = {
    "READONLY": Degradation("read_only", _READ_ONLY),
    "OOM": Degradation("full", _FULL),
    "NOPERM": Degradation("no_permission", f"its user may not write: {GRANT}"),
    "MISCONF": Degradation("not_saving", "it cannot save and refuses writes: check its disk"),
    "NOREPLICAS": Degradation("no_replicas", "it refuses writes until it has more replicas"),
    "MOVED": Degradation("cluster", _CLUSTER),
}


def is_refusal(answer: object) -> bool:
    """Whether a server answered a write by refusing it. It may still serve reads."""
    return isinstance(answer, exceptions.ResponseError) and not isinstance(
        answer, exceptions.ClusterDownError
    )


def explain_refusal(refusal: exceptions.ResponseError) -> Degradation:
    # redis-py cuts off the first word of the errors that it knows.
    code = refusal.status_code or str(refusal).partition(" ")[0]
    return _BY_ERROR_CODE.get(code, REFUSED)
