"""A function and its bindings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

DataType = Literal["undefined", "string", "binary", "stream"]
AuthLevel = Literal["anonymous", "function", "admin"]
BlobSource = Literal["LogsAndContainerScan", "EventGrid"]


class Identity(NamedTuple):
    """Identifies a triggering message or blob version: the same when it is delivered again."""

    key: str
    #: A message's own id; output messages may refer to it.
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class HttpTrigger:
    name: str
    route: str
    #: Upper case; empty: every method.
    methods: frozenset[str]
    auth_level: AuthLevel


@dataclass(frozen=True, kw_only=True)
class BlobTrigger:
    name: str
    #: Container, slash, pattern of names.
    path: str
    connection: str
    source: BlobSource
    is_deferred: bool


@dataclass(frozen=True, kw_only=True)
class ServiceBusTrigger:
    name: str
    #: The path of a queue, or of a subscription: `TOPIC/Subscriptions/NAME`.
    entity: str
    connection: str
    many: bool
    data_type: DataType
    is_deferred: bool
    #: None: as host.json says.
    auto_complete: bool | None = None
    has_sessions: bool = False


@dataclass(frozen=True, kw_only=True)
class HttpOutput:
    name: str


@dataclass(frozen=True, kw_only=True)
class BlobInput:
    name: str
    path: str
    connection: str
    data_type: DataType
    is_deferred: bool


@dataclass(frozen=True, kw_only=True)
class BlobOutput:
    name: str
    path: str
    connection: str


@dataclass(frozen=True, kw_only=True)
class ServiceBusOutput:
    name: str
    #: The name of a queue or topic.
    entity: str
    connection: str


Trigger = HttpTrigger | BlobTrigger | ServiceBusTrigger
Output = HttpOutput | BlobOutput | ServiceBusOutput


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function with all its bindings."""

    name: str
    #: The worker library's id, the same after a restart.
    id: str
    trigger: Trigger
    inputs: tuple[BlobInput, ...] = ()
    outputs: tuple[Output, ...] = ()
    #: Settings of its bindings that have no effect here.
    ignored: tuple[str, ...] = ()

    @cached_property
    def http_output(self) -> str | None:
        """The name of the output that is the HTTP response."""
        return next((each.name for each in self.outputs if isinstance(each, HttpOutput)), None)

    @cached_property
    def other_outputs(self) -> tuple[BlobOutput | ServiceBusOutput, ...]:
        return tuple(each for each in self.outputs if not isinstance(each, HttpOutput))
