"""Runs one invocation, from its trigger's data to its outputs, for all listeners."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from local.host.app.bindings import Function, Identity
from local.host.app.inputs import Inputs
from local.host.app.outputs import Outputs
from local.host.app.protos import NO_TRACE, RpcTraceContext, TypedData
from local.host.app.runtime import InvocationFailed, Outcome, Runtime, new_id
from local.host.errors import BindingFailed

log = logging.getLogger(__name__)


class Invoker:
    """Reads input bindings, runs the function, sends its outputs."""

    def __init__(self, runtime: Runtime, inputs: Inputs, outputs: Outputs) -> None:
        self._runtime, self._inputs, self._outputs = runtime, inputs, outputs

    def __repr__(self) -> str:
        return f"<Invoker {self._runtime!r}>"

    async def run(
        self,
        function: Function,
        data: TypedData | None,
        metadata: Mapping[str, TypedData],
        *,
        values: Mapping[str, str],
        identities: Sequence[Identity] = (),
        trace: RpcTraceContext = NO_TRACE,
        on_return: Callable[[], object] = lambda: None,
    ) -> Outcome:
        """Return when all outputs have been sent. Logs a failure and raises InvocationFailed.

        Calls `on_return` once: when the function has returned or failed.

        `values` replace `{name}` in the paths of bindings. `identities` are those of the triggering
        blob version or messages, one per message of a batch; by default, the invocation's own id.
        `trace` is the sender's: this host records no spans of its own.
        """
        invocation_id = new_id()
        inputs = {function.trigger.name: data}
        try:
            if function.inputs:
                inputs |= await self._inputs.read(function, values)
            try:
                outcome = await self._runtime.invoke(
                    function, inputs, metadata, invocation_id, trace
                )
            finally:
                on_return()
            if function.other_outputs:
                await self._outputs.send(
                    function, outcome, values, identities=identities or (Identity(invocation_id),)
                )
        except BindingFailed as error:
            failure = InvocationFailed(str(error))
            _log(function, failure, invocation_id)
            raise failure from error
        except InvocationFailed as error:
            _log(function, error, invocation_id)
            raise
        return outcome


def _log(function: Function, error: InvocationFailed, invocation_id: str) -> None:
    """One line; the traceback only at debug level."""
    log.error("function %s failed: %s (invocation %s)", function.name, error, invocation_id)
    if error.stack_trace:
        log.debug("invocation %s: %s", invocation_id, error.stack_trace)
