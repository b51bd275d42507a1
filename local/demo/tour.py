"""The tour: sends an example through each trigger of the running app and checks the answers."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local.demo import answers, blob_exchange, message_exchange
from local.demo.errors import TourError
from local.demo.example import Example
from local.demo.settings import AppSettings

#: Seconds in which a trigger must have answered.
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the tour's table: one trigger, one input."""

    trigger: str
    input: str
    answer: str = ""
    cache: str = ""
    milliseconds: float | None = None
    #: What was wrong, in one sentence.
    problem: str | None = None


class Tour:
    """Each step gives its line even if it fails: a broken trigger hides none of the others."""

    def __init__(
        self, example: Example, settings: AppSettings, *, url: str, storage: str, service_bus: str
    ) -> None:
        """`url`: with the prefix of the routes. `storage`, `service_bus`: connection strings;
        without one its trigger is not tried.
        """
        self._example, self._settings = example, settings
        self._url = url
        self._storage, self._service_bus = storage, service_bus
        #: Ids of the result documents to receive, so that none is left in the queue.
        self._result_ids: set[str] = set()

    def steps(self) -> Iterator[Callable[[], Step]]:
        """The steps in their order. None of them raises."""
        triggers, example = self._settings.triggers, self._example
        if "http" in triggers:
            yield lambda: _guarded("HTTP", example.request.title, self._compute_request)
            yield lambda: _guarded("HTTP", "the same again", self._repeat_request)
        if "blob" in triggers:
            yield self._step("Blob", self._storage, example.blob.title, self._blob)
        if "servicebus" in triggers:
            title = f"{len(example.messages)} messages"
            yield self._step("Service Bus", self._service_bus, title, self._messages)

    @staticmethod
    def _step(
        trigger: str, connection: str, title: str, take: Callable[[], Step]
    ) -> Callable[[], Step]:
        if not connection:
            return lambda: Step(trigger, "identity connection", "not tried")
        return lambda: _guarded(trigger, title, take)

    def _compute_request(self) -> Step:
        # An earlier run may have cached the answer.
        return self._request(self._example.request.title, {"Cache-Control": "no-cache"})

    def _repeat_request(self) -> Step:
        return self._request("the same again", {})

    def _request(self, title: str, headers: dict[str, str]) -> Step:
        body = self._example.request
        headers |= {"Content-Type": body.content_type, "Accept": "application/json"}
        if self._settings.key:
            headers["x-functions-key"] = self._settings.key
        request = urllib.request.Request(f"{self._url}/score", body.content, headers)
        start = time.perf_counter()
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            answer, cache = response.read(), response.headers["x-cache"] or ""
            content_type = response.headers["content-type"] or ""
        elapsed = _milliseconds_since(start)
        problem = self._example.check_request(answer, content_type)
        return Step("HTTP", title, _one_line(answer), cache, elapsed, problem)

    def _blob(self) -> Step:
        body = self._example.blob
        settings = self._settings
        name = settings.input_name.replace("{name}", f"tour-{uuid.uuid4().hex[:8]}{body.ending}")
        start = time.perf_counter()
        report, output, content_type = blob_exchange.score(
            self._storage,
            (settings.input_container, settings.output_container),
            name,
            body,
            TIMEOUT_S,
        )
        elapsed = _milliseconds_since(start)
        self._result_ids.add(report["id"])
        if report["error"]:
            raise TourError(report["error"]["message"])
        if failed := report["errors"]:
            raise TourError(f"row {failed[0]['row']}: {failed[0]['message']}")
        answered = f"{report['rows'] - report['failed']} predictions"
        if report["rows"] <= 1:  # the answer of a script
            answered = _one_line(output)
        problem = self._example.check_blob(output, content_type)
        return Step("Blob", body.title, answered, f"{report['cache_hits']} hit", elapsed, problem)

    def _messages(self) -> Step:
        messages = {f"tour-{uuid.uuid4().hex}": each for each in self._example.messages}
        self._result_ids |= set(messages)
        documents, elapsed_s = message_exchange.score(
            self._service_bus,
            (self._settings.input_queue, self._settings.output_queue),
            messages,
            self._result_ids,
            TIMEOUT_S,
        )
        received = [documents[name] for name in messages]
        hits = sum(document["cache"] == "hit" for document in received)
        return Step(
            "Service Bus",
            f"{len(messages)} messages",
            f"{len(received)} documents",
            f"{hits} hit",
            elapsed_s * 1000,
            self._check_documents(received),
        )

    def _check_documents(self, documents: list[dict[str, Any]]) -> str | None:
        """What is wrong with an answer. Raises TourError for a document without one."""
        for number, document in enumerate(documents):
            if document["error"]:
                raise TourError(f"message {number}: {document['error']['message']}")
            if problem := self._example.check_message(number, self._result_of(document)):
                return f"message {number}: {problem}"
        return None

    def _result_of(self, document: dict[str, Any]) -> Any:
        """The result, also one that is in a blob because it is too large for the queue."""
        if place := document.get("result_blob"):
            return answers.read(
                *blob_exchange.read(self._storage, place["container"], place["blob"])
            )
        return document["result"]


def _guarded(trigger: str, title: str, step: Callable[[], Step]) -> Step:
    """The step, or a step with what kept it from an answer."""
    try:
        return step()
    except TourError as error:
        problem = str(error)
    except urllib.error.HTTPError as error:
        with error:
            problem = _refusal(error)
    except Exception as error:  # noqa: BLE001 - an SDK and a wrong answer may raise anything
        problem = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return Step(trigger, title, problem=problem)


def _refusal(error: urllib.error.HTTPError) -> str:
    body = error.read()
    try:
        reason = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        reason = _one_line(body) or "without a body"
    return f"answered {error.code}: {reason}"


def _one_line(answer: bytes) -> str:
    text = " ".join(answer[:500].decode(errors="replace").split())
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _milliseconds_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
