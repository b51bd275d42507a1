"""The addresses of the administration API, as ServiceBusAdministrationClient and KEDA call them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from local.emulators.servicebus.admin import atom
from local.emulators.servicebus.admin.administration import Administration
from local.emulators.servicebus.admin.entity_entries import (
    describe_entity,
    describe_namespace,
    describe_rule,
)
from local.emulators.servicebus.admin.errors import NotFound
from local.emulators.servicebus.broker.topic import SUBSCRIPTIONS, Topic
from local.emulators.servicebus.web.exchange import Exchange, HttpError, Response

_RULE = re.compile(
    r"(?P<topic>.+)/subscriptions/(?P<name>[^/]+)/rules(?:/(?P<rule>[^/]+))?", re.IGNORECASE
)
_SUBSCRIPTION = re.compile(r"(?P<topic>.+)/subscriptions(?:/(?P<name>[^/]+))?", re.IGNORECASE)

_NAMESPACE = "sbemulatorns"
_PAGE = 100


class AdminApi:
    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def __repr__(self) -> str:
        return f"<AdminApi of {self._administration!r}>"

    def answer(self, exchange: Exchange, body: bytes) -> Response:
        """Raises HttpError and AdminError."""
        path = exchange.path
        if path.casefold() == "$namespaceinfo":
            return _entry(200, describe_namespace(_NAMESPACE, exchange.root, _now_ms()))
        if path.casefold() in {"$resources/queues", "$resources/topics"}:
            return self._list_entities(exchange, path.casefold().endswith("queues"))
        if match := _RULE.fullmatch(path):
            subscription = f"{match['topic']}{SUBSCRIPTIONS}{match['name']}"
            return self._rule(exchange, subscription, match["rule"], body)
        if (match := _SUBSCRIPTION.fullmatch(path)) and match["name"] is None:
            return self._list_subscriptions(exchange, match["topic"])
        if match:
            path = f"{match['topic']}{SUBSCRIPTIONS}{match['name']}"
        return self._entity(exchange, path, body)

    # -- entities ------------------------------------------------------------------------------

    def _entity(self, exchange: Exchange, path: str, body: bytes) -> Response:
        match exchange.method:
            case "GET":
                return self._get_entity(exchange, path)
            case "PUT":
                description = atom.read_description(body)
                is_update = "if-match" in exchange.headers
                put = self._administration.update if is_update else self._administration.create
                entry = describe_entity(put(path, description), exchange.root, _now_ms())
                return _entry(200 if is_update else 201, entry)
            case "DELETE":
                self._administration.delete(path)
                return Response(200)
        raise HttpError(405, f"{exchange.method} is not allowed here.")

    def _get_entity(self, exchange: Exchange, path: str) -> Response:
        entity = self._administration.find(path)
        if entity is not None:
            return _entry(200, describe_entity(entity, exchange.root, _now_ms()))
        if SUBSCRIPTIONS in path:
            raise NotFound(f"The messaging entity {path!r} could not be found.")
        # Service Bus answers with an empty list, and each SDK takes that for "not found".
        return _feed("Publicly Listed Services", exchange.root, [], None)

    def _list_entities(self, exchange: Exchange, queues: bool) -> Response:
        namespace = self._administration.namespace
        found = namespace.queues() if queues else namespace.topics()
        entities = sorted(found, key=lambda entity: entity.path.casefold())
        return _page(
            exchange, entities, lambda each: describe_entity(each, exchange.root, _now_ms())
        )

    def _list_subscriptions(self, exchange: Exchange, topic_path: str) -> Response:
        topic = self._administration.find(topic_path)
        if not isinstance(topic, Topic):
            raise NotFound(f"The topic {topic_path!r} could not be found.")
        found = sorted(topic.subscriptions.values(), key=lambda each: each.path.casefold())
        return _page(exchange, found, lambda each: describe_entity(each, exchange.root, _now_ms()))

    # -- rules ---------------------------------------------------------------------------------

    def _rule(
        self, exchange: Exchange, subscription: str, name: str | None, body: bytes
    ) -> Response:
        url = f"{exchange.root}/{exchange.path}"
        if name is None:
            rules = list(self._administration.get_subscription(subscription).rules.values())
            return _page(
                exchange, rules, lambda rule: describe_rule(rule, f"{url}/{rule.name}", _now_ms())
            )
        match exchange.method:
            case "GET":
                rule = self._administration.get_rule(subscription, name)
                return _entry(200, describe_rule(rule, url, _now_ms()))
            case "PUT":
                exists = "if-match" in exchange.headers
                description = atom.read_description(body)
                rule = self._administration.put_rule(subscription, name, description, exists=exists)
                return _entry(200 if exists else 201, describe_rule(rule, url, _now_ms()))
            case "DELETE":
                self._administration.delete_rule(subscription, name)
                return Response(200)
        raise HttpError(405, f"{exchange.method} is not allowed here.")


def _page[T](
    exchange: Exchange, items: Sequence[T], describe: Callable[[T], atom.Entry]
) -> Response:
    if exchange.method != "GET":
        raise HttpError(405, f"{exchange.method} is not allowed here.")
    skip, top = exchange.number("$skip", 0), min(exchange.number("$top", _PAGE), _PAGE)
    shown = items[skip : skip + top]
    url = f"{exchange.root}/{exchange.path}"
    more = top > 0 and skip + top < len(items)
    next_url = f"{url}?$skip={skip + top}&$top={top}" if more else None
    return _feed(
        exchange.path.rpartition("/")[2], url, [describe(item) for item in shown], next_url
    )


def _feed(title: str, url: str, entries: list[atom.Entry], next_url: str | None) -> Response:
    body = atom.write_feed(title, url, entries, next_url, _now_ms())
    return Response(200, body, {"content-type": "application/atom+xml;type=feed;charset=utf-8"})


def _entry(status: int, entry: atom.Entry) -> Response:
    return Response(status, atom.write_entry(entry, _now_ms()), {"content-type": atom.CONTENT_TYPE})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
