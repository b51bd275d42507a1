"""The triggers' settings: what each reads from and writes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from inference.errors import SettingError
from inference.results.result_store import MESSAGE_TTL_S
from inference.settings import positive_float, positive_int, read_bool
from triggers import bus_entity
from triggers.blob_options import NO_OPTIONS, BlobOptions
from triggers.bus_entity import BusEntity

Trigger = Literal["http", "blob", "servicebus"]
AuthLevel = Literal["anonymous", "function", "admin"]
BlobSource = Literal["LogsAndContainerScan", "EventGrid"]
#: Who settles messages: the platform a whole batch, or the app each message.
Settlement = Literal["batch", "message"]

#: Settings that hold the connections. Bindings name them, and the platform reads them.
STORAGE = "ScoringStorage"
SERVICE_BUS = bus_entity.CONNECTION

TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)


@dataclass(frozen=True, kw_only=True)
class TriggerSettings:
    """Which triggers are registered, and the names of what they are bound to."""

    triggers: frozenset[Trigger] = frozenset(TRIGGERS)
    http_auth_level: AuthLevel = "function"
    #: Container and blob name. Only the name may hold an expression.
    input_blob_path: str = "scoring-input/{name}"
    output_container: str = "scoring-output"
    #: Has blobs that messages name. No trigger watches it.
    claim_container: str = "scoring-claims"
    blob_source: BlobSource = "LogsAndContainerScan"
    #: What the output of every blob is, unless its metadata says otherwise.
    blob_options: BlobOptions = NO_OPTIONS
    input_queue: str = "scoring-requests"
    output_queue: str = "scoring-results"
    #: With a topic, one of its subscriptions is read and not the input queue.
    input_topic: str = ""
    input_subscription: str = ""
    #: With a topic, the results go there and not to the output queue.
    output_topic: str = ""
    #: The input requires sessions: messages of one session are scored in order.
    sessions_enabled: bool = False
    #: How long a message of the input queue lives. A request is pending for so long at most.
    message_ttl_s: float = MESSAGE_TTL_S
    #: After so many deliveries the broker dead-letters a message.
    max_delivery_count: int = 10
    message_settlement: Settlement = "batch"
    #: Whether the app has the console and the page of its OpenAPI document.
    console: bool = False

    @property
    def waiting(self) -> tuple[BusEntity, ...]:
        """The queues and the subscription in which messages of the registered triggers wait.

        An output topic is none: its subscriptions belong to those who read the results.
        """
        used = (
            (self.input, "servicebus" in self.triggers),
            (self.output, bool(self.triggers & {"blob", "servicebus"})),
        )
        return tuple(
            each for each, is_used in used if is_used and (each.subscription or not each.is_topic)
        )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> TriggerSettings:
        """Read the settings. Raises SettingError."""
        level = env.get("HTTP_AUTH_LEVEL", "").lower() or cls.http_auth_level
        source = env.get("BLOB_SOURCE", "") or cls.blob_source
        _one_of("HTTP_AUTH_LEVEL", level, get_args(AuthLevel))
        _one_of("BLOB_SOURCE", source, get_args(BlobSource))
        settlement = env.get("MESSAGE_SETTLEMENT", "").lower() or cls.message_settlement
        _one_of("MESSAGE_SETTLEMENT", settlement, get_args(Settlement))
        settings = cls(
            triggers=_triggers(env.get("TRIGGERS", "")),
            http_auth_level=cast(AuthLevel, level),
            input_blob_path=_blob_path(env.get("INPUT_BLOB_PATH", "") or cls.input_blob_path),
            output_container=env.get("OUTPUT_CONTAINER", "") or cls.output_container,
            claim_container=env.get("CLAIM_CONTAINER", "") or cls.claim_container,
            blob_source=cast(BlobSource, source),
            blob_options=BlobOptions.from_env(env),
            input_queue=env.get("INPUT_QUEUE_NAME", "") or cls.input_queue,
            output_queue=env.get("OUTPUT_QUEUE_NAME", "") or cls.output_queue,
            input_topic=env.get("INPUT_TOPIC_NAME", ""),
            input_subscription=env.get("INPUT_SUBSCRIPTION_NAME", ""),
            output_topic=env.get("OUTPUT_TOPIC_NAME", ""),
            sessions_enabled=read_bool(env, "IS_SESSIONS_ENABLED"),
            message_ttl_s=positive_float(env, "MESSAGE_TTL_S", cls.message_ttl_s),
            max_delivery_count=positive_int(env, "MAX_DELIVERY_COUNT", cls.max_delivery_count),
            message_settlement=cast(Settlement, settlement),
            console=read_bool(env, "CONSOLE"),
        )
        settings._require_subscription()
        settings._require_no_loop()
        return settings

    @property
    def input(self) -> BusEntity:
        """What the Service Bus trigger reads, and what receives requests of HTTP."""
        return BusEntity(
            self.input_topic or self.input_queue,
            is_topic=bool(self.input_topic),
            subscription=self.input_subscription,
            has_sessions=self.sessions_enabled,
        )

    @property
    def output(self) -> BusEntity:
        """What receives the result documents of messages and blobs."""
        return BusEntity(self.output_topic or self.output_queue, is_topic=bool(self.output_topic))

    def _require_subscription(self) -> None:
        if bool(self.input_topic) != bool(self.input_subscription):
            missing, given = "INPUT_SUBSCRIPTION_NAME", "INPUT_TOPIC_NAME"
            if self.input_subscription:
                missing, given = given, missing
            raise SettingError(name=missing, value="", expected=f"a name, because {given} is set")

    def _require_no_loop(self) -> None:
        """A trigger must not read what it writes."""
        if self.output_container == self.input_blob_path.partition("/")[0]:
            raise SettingError(
                name="OUTPUT_CONTAINER",
                value=self.output_container,
                expected="another container than that of INPUT_BLOB_PATH",
            )
        if self.claim_container in (
            self.output_container,
            self.input_blob_path.partition("/")[0],
        ):
            raise SettingError(
                name="CLAIM_CONTAINER",
                value=self.claim_container,
                expected="another container than those of INPUT_BLOB_PATH and OUTPUT_CONTAINER",
            )
        # A queue and a topic of one namespace can't have the same name either.
        if self.output.name == self.input.name:
            written, read = (
                "topic" if each.is_topic else "queue" for each in (self.output, self.input)
            )
            raise SettingError(
                name=f"OUTPUT_{written.upper()}_NAME",
                value=self.output.name,
                expected=f"another {written} than INPUT_{read.upper()}_NAME"
                if written == read
                else f"another name than INPUT_{read.upper()}_NAME",
            )


def _triggers(text: str) -> frozenset[Trigger]:
    if not text:
        return frozenset(TRIGGERS)
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in TRIGGERS:
            raise SettingError(
                name="TRIGGERS", value=text, expected=f"some of {', '.join(TRIGGERS)}"
            )
    return frozenset(cast(list[Trigger], names))


def _blob_path(path: str) -> str:
    container, _, name = path.partition("/")
    if not container or "{" in container or "{name}" not in name:
        raise SettingError(
            name="INPUT_BLOB_PATH", value=path, expected="a container, a slash and {name}"
        )
    return path


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingError(name=name, value=value, expected=f"one of {', '.join(allowed)}")
