"""Transactions, frame by frame: the Python SDK has none, .NET's and Java's have."""

from __future__ import annotations

import pytest

from local.emulators.servicebus.amqp import sections
from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.outcomes import COORDINATOR, Accepted, Source
from local.emulators.servicebus.amqp.performatives import Attach, Disposition, Transfer
from local.emulators.servicebus.amqp.values import Described, Symbol, UInt, ULong
from local.emulators.servicebus.broker.message import Draft
from local.emulators.servicebus.transactions import Declared, Discharge, TransactionalState
from tests.local.emulators.servicebus_in_process import serving
from tests.local.emulators.servicebus_peer import Desk, Peer, credit, receiver, sender

COORDINATOR_HANDLE, SENDER, RECEIVER = 2, 3, 4


@pytest.fixture
async def emulator(tmp_path):
    async with serving(tmp_path, {"q": {}, "out": {}}) as emulator:
        yield emulator


class Client:
    """A peer with links to the coordinator, to `out` and from `q`."""

    def __init__(self, peer):
        self.peer = peer
        self._sent = 10

    async def attach(self):
        desk = Desk(self.peer)
        await desk.put("q")
        await desk.put("out")
        coordinator = Attach(
            "txn",
            UInt(COORDINATOR_HANDLE),
            False,
            source=Source().described(),
            target=Described(ULong(COORDINATOR), [[Symbol("amqp:local-transactions")]]),
            initial_delivery_count=UInt(0),
        )
        for link in (coordinator, sender("s", SENDER, "out"), receiver("r", RECEIVER, "q", "r")):
            self.peer.send(link)
        self.peer.send(credit(RECEIVER, 1))

    async def transfer(self, handle, body, state=None):
        """Returns the state of the answer."""
        self._sent += 1
        delivery_id = UInt(self._sent)
        self.peer.send(
            Transfer(UInt(handle), delivery_id, bytes([self._sent]), UInt(0), state=state), body
        )
        while True:
            answer, _ = await self.peer.read_until(Disposition)
            if answer.role and answer.first == delivery_id:
                return answer.state

    async def declare(self):
        declare = encode(Described(sections.AMQP_VALUE, Described(ULong(0x31), [])))
        state = await self.transfer(COORDINATOR_HANDLE, declare)
        return Declared.of(state.value).txn_id

    async def discharge(self, txn_id, *, fail):
        body = Described(sections.AMQP_VALUE, Discharge(txn_id, fail).described())
        return await self.transfer(COORDINATOR_HANDLE, encode(body))

    async def send_and_complete(self, txn_id, delivery_id):
        """In the transaction: send to `out`, and complete the message of `q`."""
        state = TransactionalState(txn_id, Accepted().described()).described()
        body = encode(Described(sections.DATA, b"result"))
        assert (await self.transfer(SENDER, body, state)).descriptor == TransactionalState.CODE
        self.peer.send(Disposition(True, delivery_id, settled=False, state=state))
        answer, _ = await self.peer.read_until(Disposition)
        assert answer.state.descriptor == TransactionalState.CODE


@pytest.mark.parametrize(("fail", "left", "sent"), [(False, 0, 1), (True, 1, 0)])
async def test_a_transaction_takes_effect_when_it_is_discharged_or_not_at_all(
    emulator, fail, left, sent
):
    queue, out = emulator.server.namespace.find("q"), emulator.server.namespace.find("out")
    queue.send(Draft("1", encode(Described(sections.DATA, b"request"))))
    async with await Peer.connect(emulator.port) as peer:
        await peer.open()
        client = Client(peer)
        await client.attach()
        delivery, _ = await peer.read_until(Transfer)
        txn_id = await client.declare()
        await client.send_and_complete(txn_id, delivery.delivery_id)
        assert (len(queue), len(out)) == (1, 0)
        answer = await client.discharge(txn_id, fail=fail)
        assert answer.descriptor == Accepted.CODE
        assert (len(queue), len(out)) == (left, sent)
        again = await client.discharge(txn_id, fail=False)
        assert Symbol("amqp:transaction:unknown-id") in again.value[0].value
