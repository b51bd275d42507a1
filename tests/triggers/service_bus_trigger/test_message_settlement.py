"""Each message of a batch is sent and settled by itself."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import sys
import time
from typing import Any

import pytest

from inference.errors import ModelUnavailable, Overloaded, SettingError
from tests.triggers.service_bus_trigger.test_service_bus_blueprint import message
from triggers.delivery.output_queue import Outgoing
from triggers.service_bus_trigger import message_settlement, service_bus_blueprint
from triggers.service_bus_trigger.message_scoring import MessageHandler
from triggers.service_bus_trigger.message_settlement import HOLD_S, MAX_HOLD_S, MessageSettler
from triggers.service_bus_trigger.received_message import ReceivedMessage
from triggers.settings import TriggerSettings


class Platform:
    """Records what is sent and settled, in order. `fails` are the steps that raise."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Any]] = []
        self.sent: list[Outgoing] = []
        self.reasons: dict[str, tuple[str, str]] = {}
        self.fails: set[tuple[str, str]] = set()
        self.slept: list[float] = []

    async def send(self, outgoing: Outgoing) -> None:
        self._step("sent", json.loads(outgoing.body)["id"])
        self.sent.append(outgoing)

    async def requeue(self, outgoing: Outgoing) -> None:
        self._step("requeued", json.loads(outgoing.body)["id"])

    async def complete(self, lock_token: str) -> None:
        self._step("completed", lock_token)

    async def abandon(self, lock_token: str) -> None:
        self._step("abandoned", lock_token)

    async def dead_letter(self, lock_token: str, reason: str, description: str) -> None:
        self._step("dead-lettered", lock_token)
        self.reasons[lock_token] = reason, description

    async def renew(self, lock_token: str) -> None:
        self._step("renewed", lock_token)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def of(self, name: str) -> list[str]:
        return [step for step, subject in self.steps if subject == name]

    def _step(self, step: str, subject: str) -> None:
        self.steps.append((step, subject))
        if (step, subject) in self.fails:
            raise ConnectionError(step)


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def settle(scorer, results, platform):
    handler = MessageHandler(scorer, results, retry_s=0, max_delivery_count=10)
    settler = MessageSettler(
        handler,
        results.final_attempts,
        send=platform.send,
        requeue=platform.requeue,
        max_delivery_count=10,
        sleep=platform.sleep,
    )

    async def settle(*messages: ReceivedMessage) -> None:
        await settler.settle(messages, platform)

    return settle


def locked(name: str, **parts: Any) -> ReceivedMessage:
    return dataclasses.replace(message(name=name), lock_token=name, **parts)


async def test_a_message_is_completed_after_its_document_was_sent(settle, platform):
    await settle(*(locked(f"m{number}") for number in range(5)))
    for number in range(5):
        assert platform.of(f"m{number}") == ["sent", "completed"]


async def test_the_result_message_has_the_correlation_id_else_the_message_id(settle, platform):
    await settle(locked("a", correlation_id="c"), locked("b"), locked("t", message_id=""))
    ids = {json.loads(each.body)["id"]: each.correlation_id for each in platform.sent}
    assert ids == {"a": "c", "b": "b", "sequence-7": "sequence-7"}
    assert len({each.message_id for each in platform.sent}) == 3


async def test_a_message_that_never_passes_is_answered_and_dead_lettered_with_the_reason(
    settle, platform
):
    await settle(locked("bad", body=b"{"), locked("good"))
    assert platform.of("bad") == ["sent", "dead-lettered"]
    error = json.loads(platform.sent[0].body)["error"]
    assert platform.reasons == {"bad": (error["code"], error["message"])}
    assert error["code"] == "malformed_input"
    assert platform.of("good") == ["sent", "completed"]


@pytest.mark.parametrize("error", [Overloaded("busy"), ModelUnavailable("not loaded")])
async def test_one_that_may_pass_later_is_held_and_abandoned_alone(
    settle, platform, scorer, monkeypatch, error
):
    real = scorer.score

    async def score(request):
        if request.id.startswith("later"):
            raise error
        return await real(request)

    monkeypatch.setattr(scorer, "score", score)
    counts = (1, 2, 3, 9)
    await settle(locked("good"), *(locked(f"later{n}", delivery_count=n) for n in counts))
    assert platform.of("good") == ["sent", "completed"]
    assert all(platform.of(f"later{n}") == ["abandoned"] for n in counts)
    assert sorted(platform.slept) == [HOLD_S, 2 * HOLD_S, 4 * HOLD_S, MAX_HOLD_S]


async def test_after_its_last_attempt_it_is_answered_and_dead_lettered(
    settle, platform, scorer, results, monkeypatch
):
    async def score(_request):
        raise Overloaded("busy")

    monkeypatch.setattr(scorer, "score", score)
    await settle(locked("last", delivery_count=10))
    assert platform.of("last") == ["sent", "dead-lettered"]
    assert platform.reasons["last"][0] == "tries_exhausted"
    assert json.loads(platform.sent[0].body)["error"]["code"] == "tries_exhausted"
    # Nothing is left for the poll that sends the documents of killed attempts.
    assert await results.final_attempts.due() == []


async def test_a_finished_message_does_not_wait_for_the_others(
    settle, platform, scorer, monkeypatch
):
    real, release = scorer.score, asyncio.Event()

    async def score(request):
        if request.id == "slow":
            await release.wait()
        return await real(request)

    monkeypatch.setattr(scorer, "score", score)
    running = asyncio.create_task(settle(locked("slow"), locked("quick")))
    async with asyncio.timeout(10):
        while platform.of("quick") != ["sent", "completed"]:
            await asyncio.sleep(0.01)
    assert platform.of("slow") == []
    release.set()
    await running
    assert platform.of("slow") == ["sent", "completed"]


@pytest.mark.parametrize("step", [("sent", "m1"), ("completed", "m1")])
async def test_what_fails_is_abandoned_and_affects_no_other(settle, platform, caplog, step):
    platform.fails.add(step)
    with caplog.at_level(logging.WARNING):
        await settle(locked("m1"), locked("m2"))
    assert platform.of("m1")[-1] == "abandoned"
    assert platform.of("m2") == ["sent", "completed"]
    assert "m1" in caplog.text


@pytest.mark.parametrize("remote", [True, False])
async def test_a_last_delivery_whose_document_can_t_be_sent_ends_if_the_polls_can_send_it(
    settle, platform, results, cache, monkeypatch, remote
):
    monkeypatch.setattr(cache, "remote", remote)
    platform.fails.add(("sent", "m1"))
    await settle(locked("m1", delivery_count=10))
    assert platform.of("m1") == ["sent", "completed" if remote else "abandoned"]
    assert [name for name, _ in await results.final_attempts.due()] == ["m1"] * remote


async def test_an_exhausted_message_whose_document_can_t_be_sent_is_dead_lettered(
    settle, platform, scorer, results, cache, monkeypatch
):
    async def score(_request):
        raise Overloaded("busy")

    monkeypatch.setattr(cache, "remote", True)
    monkeypatch.setattr(scorer, "score", score)
    platform.fails.add(("sent", "last"))
    await settle(locked("last", delivery_count=10))
    assert platform.of("last") == ["sent", "dead-lettered"]
    ((name, document),) = await results.final_attempts.due()
    assert (name, json.loads(document)["error"]["code"]) == ("last", "tries_exhausted")


async def test_a_lock_that_is_lost_ends_no_batch(settle, platform):
    platform.fails |= {("completed", "m1"), ("abandoned", "m1")}
    await settle(locked("m1"), locked("m2"))
    assert platform.of("m2") == ["sent", "completed"]


async def test_locks_are_renewed_at_half_their_time_until_their_message_is_settled(
    settle, platform, scorer, monkeypatch
):
    monkeypatch.setattr(message_settlement, "MIN_RENEWAL_S", 0.01)
    real = scorer.score

    async def score(request):
        if request.id == "slow":
            async with asyncio.timeout(10):
                while "renewed" not in platform.of("slow"):
                    await asyncio.sleep(0.01)
        return await real(request)

    monkeypatch.setattr(scorer, "score", score)
    until = time.time() + 1
    before = asyncio.all_tasks()
    await settle(locked("slow", locked_until=until), locked("quick", locked_until=until))
    assert platform.of("slow").count("renewed") >= 1
    assert platform.of("quick") == ["sent", "completed"]
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before  # nobody renews what is settled


def test_without_grpcio_the_start_says_what_is_missing(scorer, results, monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc.aio", None)
    monkeypatch.delitem(
        sys.modules, "triggers.service_bus_trigger.settling_blueprint", raising=False
    )
    monkeypatch.delitem(sys.modules, "triggers.service_bus_trigger.message_actions", raising=False)
    settings = TriggerSettings(message_settlement="message")
    with pytest.raises(SettingError, match="MESSAGE_SETTLEMENT='message': expected the package"):
        service_bus_blueprint.blueprint(scorer, results, settings, {})
