"""One invocation from a trigger's data to its outputs: what all listeners share."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from local.host.app.bindings import Function, Identity
from local.host.app.inputs import Inputs
from local.host.app.outputs import Outputs
from local.host.app.protos import TypedData
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
    ) -> Outcome:
        """Outputs are sent when this returns. Raises InvocationFailed, and has logged it.

        `values` fill `{name}` in the paths of bindings. `identities` name what triggered: the same
        for the same message or blob version brought again, one an element of a batch; without any
        the invocation's own id.
        """
        invocation_id = new_id()
        inputs = {function.trigger.name: data}
        try:
            if function.inputs:
                inputs |= await self._inputs.read(function, values)
            outcome = await self._runtime.invoke(function, inputs, metadata, invocation_id)
            if function.sent:
                await self._outputs.send(
                    function, outcome, values, identities=identities or (Identity(invocation_id),)
                )
        except BindingFailed as error:
            failure = InvocationFailed(str(error))
            _log(function, failure)
            raise failure from error
        except InvocationFailed as error:
            _log(function, error)
            raise
        return outcome


def _log(function: Function, error: InvocationFailed) -> None:
    """One line; the trace only where it was asked for."""
    log.error("function %s failed: %s", function.name, error)
    if error.stack_trace:
        log.debug("%s", error.stack_trace)
