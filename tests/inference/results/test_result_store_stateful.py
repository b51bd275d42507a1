"""The result store in any order of calls, compared with a simple model of it."""

import asyncio
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cache import keys
from cache.memory_cache import MemoryCache
from inference.errors import Overloaded
from inference.request import Request, Source
from inference.results.result_store import ResultStore

TTL_S, RESERVED_S, DUE_S = 50, 200, 30
bodies = st.sampled_from([b"a", b"b"])
sources = st.sampled_from(["http", "servicebus", "blob"])


class Faulty(MemoryCache):
    """A cache that fails so many times, before or after it has stored the value."""

    fails_before = fails_after = 0

    async def put(self, key, value, *, ttl_s):
        if self.fails_before:
            self.fails_before -= 1
            raise ConnectionError("before")
        await super().put(key, value, ttl_s=ttl_s)
        if self.fails_after:
            self.fails_after -= 1
            raise ConnectionError("after")


@dataclass
class Known:
    """What the store must know of the one id that all requests have."""

    body: bytes
    document: bytes
    until: float
    #: When the document becomes final; None for one that answers later deliveries.
    due: float | None = None


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.cache = Faulty(clock=lambda: self.now)
        self.results = ResultStore(self.cache, keys.result_key, ttl_s=TTL_S, reserved_s=RESERVED_S)
        self.model: Known | None = None
        self.number = 0

    def run(self, coroutine):
        return asyncio.run(coroutine)

    def asking(self, body: bytes, source: Source) -> Request:
        return Request(id="one", source=source, body=body)

    def new_document(self) -> bytes:
        self.number += 1
        return b"{%d}" % self.number

    def state(self, body: bytes) -> str:
        known = self.model
        if known is None:
            return "new"
        if known.body != body:
            return "other"
        return "finished" if known.document and known.due is None else "pending"

    def finished(self, body: bytes, source: str) -> bytes | None:
        """What finishing returns: the document that is kept, nothing for the new one, or None."""
        state = self.state(body)
        if state == "finished" and source == "http":
            assert self.model is not None
            return self.model.document
        return None if state == "other" else b""

    @property
    def is_due(self) -> bool:
        return self.model is not None and self.model.due is not None and self.now >= self.model.due

    @rule(body=bodies, source=sources)
    def reserve(self, body, source):
        expected = self.state(body)
        if expected == "pending" and self.is_due:
            expected = "new"
        assert self.run(self.results.reserve(self.asking(body, source))) == expected
        waits = self.model is not None and self.model.due is not None and not self.is_due
        if expected == "new" or (expected == "pending" and not waits):
            self.model = Known(body, b"", self.now + RESERVED_S)

    @rule(body=bodies, source=sources)
    def finish(self, body, source):
        document, expected = self.new_document(), self.finished(body, source)
        expected = document if expected == b"" else expected
        assert self.run(self.results.finish(self.asking(body, source), document)) == expected
        if expected == document:
            self.model = Known(body, document, self.now + TTL_S)

    @rule(body=bodies, source=sources, due_s=st.sampled_from([0, DUE_S]))
    def provisional(self, body, source, due_s):
        document, expected = self.new_document(), self.state(body)
        asked = self.asking(body, source)
        assert self.run(self.results.store_provisional(asked, document, due_s=due_s)) == expected
        if expected in ("new", "pending"):
            self.model = Known(body, document, self.now + due_s + TTL_S, due=self.now + due_s)

    @rule(body=bodies, source=sources, stored=st.booleans())
    def a_store_that_fails_can_be_tried_again(self, body, source, stored):
        if stored:
            self.cache.fails_after = 1
        else:
            self.cache.fails_before = 1
        document, expected = self.new_document(), self.finished(body, source)
        expected = document if expected == b"" else expected
        asked = self.asking(body, source)
        try:
            self.run(self.results.finish(asked, document))
        except Overloaded:
            assert expected == document
        assert self.run(self.results.finish(asked, document)) == expected
        self.cache.fails_before = self.cache.fails_after = 0
        if expected == document:
            self.model = Known(body, document, self.now + TTL_S)

    @rule(seconds=st.sampled_from([1, DUE_S, TTL_S, RESERVED_S]))
    def wait(self, seconds):
        self.now += seconds
        if self.model is not None and self.now >= self.model.until:
            self.model = None

    @precondition(lambda self: self.model is not None)
    @rule()
    def the_store_is_emptied(self):
        self.run(self.cache.close())
        self.model = None

    @invariant()
    def the_store_knows_what_the_model_knows(self):
        found = self.run(self.results.get("one"))
        known = self.model
        if known is None:
            assert found is None
            return
        told = known.document if known.due is None or self.is_due else b""
        assert found is not None
        assert (found.document, found.pending) == (told, not told)

    @invariant()
    def only_a_final_document_of_the_same_content_answers_a_delivery(self):
        for body in (b"a", b"b"):
            asked = self.asking(body, "servicebus")
            state, document = self.run(self.results.find(asked))
            assert state == self.state(body)
            is_final = state == "finished" and self.model is not None
            assert document == (self.model.document if is_final else b"")


TestResults = Machine.TestCase
TestResults.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
