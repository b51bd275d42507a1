"""Microsoft's worker library behind two calls: load an app, invoke a function.

The library keeps its state in module globals, so a process can load one app.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import logging
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import azure_functions_runtime as library

from local.host.app import protos
from local.host.app.binding_reader import read_function
from local.host.app.bindings import Function
from local.host.app.deadlines import Deadlines
from local.host.app.protos import (
    NO_TRACE,
    Message,
    ParameterBinding,
    RpcTraceContext,
    TypedData,
)
from local.host.errors import HostError

log = logging.getLogger(__name__)

SCRIPT = "function_app.py"

#: What a function returned: outputs by binding name, its return value under `$return`.
Outcome = Mapping[str, TypedData]

#: Shared by all invocations, which only read them.
_NO_RETRY = protos.RetryContext(retry_count=0, max_retry_count=0, exception=None)
_NO_DATA = TypedData()

#: An invocation id is a GUID: 74 random bits per process, then a counter. uuid4() for each would
#: ask the kernel for random bytes every time: 3 us instead of 0.2.
_ID_START = str(uuid.uuid4())[:24]
_counter = itertools.count(1)


def new_id() -> str:
    """An id that is unique over all processes."""
    return f"{_ID_START}{next(_counter):012x}"


def current_invocation_id() -> str:
    """Of the invocation that this task has run."""
    return str(library.invocation_id_cv.get())


class InvocationFailed(Exception):
    """The function raised, timed out, or its values could not be converted.

    `str()` is `Type: text`. `stack_trace` is for a developer's log, never for a caller.
    """

    def __init__(self, message: str, stack_trace: str = "") -> None:
        super().__init__(message)
        self.stack_trace = stack_trace


class Runtime:
    """A loaded app and its `functions`."""

    def __init__(self, functions: Sequence[Function], *, timeout_s: float | None) -> None:
        self.functions = tuple(functions)
        self._timeout_s = timeout_s
        self._deadlines = Deadlines(timeout_s)

    def __repr__(self) -> str:
        return f"<Runtime {len(self.functions)} functions, {self._deadlines!r}>"

    @classmethod
    async def load(
        cls, app_dir: Path, env: Mapping[str, str], *, timeout_s: float | None
    ) -> Runtime:
        """Import the app and index its functions. Raises HostError.

        The working directory becomes the app's, as in Azure.
        """
        if not (app_dir / SCRIPT).is_file():
            raise HostError(f"{app_dir} has no {SCRIPT}; name the app's folder with --app")
        sys.path.insert(0, str(app_dir))
        os.chdir(app_dir)
        importlib.invalidate_caches()
        # At INFO the library logs each call, which takes 8 us; at ERROR it logs the traceback of
        # an import error, which is reported below in one sentence.
        logging.getLogger("azure.functions").setLevel(logging.CRITICAL)
        library.start_threadpool_executor()
        answer = await library.worker_init_request(
            _request(
                worker_init_request=Message(capabilities={}, function_app_directory=str(app_dir))
            )
        )
        if answer.result.status != protos.StatusResult.Success:
            raise _load_error(app_dir, answer.result.exception)
        logging.getLogger("azure.functions").setLevel(logging.WARNING)
        answer = await library.functions_metadata_request(_request())
        functions = [
            read_function(each.name, each.function_id, each.raw_bindings, env)
            for each in answer.function_metadata_results or ()
        ]
        for each in answer.function_metadata_results or ():
            if each.retry_options is not None:
                # Azure ignores it too, for each of these triggers.
                log.warning("function %s: its retry policy is ignored", each.name)
        if not functions:
            raise HostError(f"{app_dir / SCRIPT} defines no functions")
        return cls(functions, timeout_s=timeout_s)

    async def invoke(
        self,
        function: Function,
        inputs: Mapping[str, TypedData | None],
        metadata: Mapping[str, TypedData],
        invocation_id: str,
        trace: RpcTraceContext = NO_TRACE,
    ) -> Outcome:
        """Run a function. Raises InvocationFailed.

        Call it in a task of its own: it sets the invocation id in the task's context.
        """
        library.invocation_id_cv.set(invocation_id)
        request = _invocation_request(function, inputs, metadata, invocation_id, trace)
        try:
            answer = await self._deadlines.run(library.invocation_request(request))
        except TimeoutError:
            raise InvocationFailed(
                f"FunctionTimeoutException: no answer within {self._timeout_s:g} s "
                "(functionTimeout in host.json)"
            ) from None
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # This task was not cancelled: the function awaited something that was.
            raise InvocationFailed(f"CancelledError: {error}") from error
        if answer.result.status != protos.StatusResult.Success:
            failure = answer.result.exception
            raise InvocationFailed(failure.message, failure.stack_trace)
        values = {each.name: each.data for each in answer.output_data or () if each.data}
        if answer.return_value is not None:
            values["$return"] = answer.return_value
        return values

    def close(self) -> None:
        """Stop the threads of synchronous functions, after what they are running."""
        library.stop_threadpool_executor()


def _request(**fields: Any) -> Message:
    return Message(request=Message(**fields), properties={"host": "127.0.0.1", "protos": protos})


def _invocation_request(
    function: Function,
    inputs: Mapping[str, TypedData | None],
    metadata: Mapping[str, TypedData],
    invocation_id: str,
    trace: RpcTraceContext,
) -> Message:
    return Message(
        request=Message(
            invocation_request=Message(
                invocation_id=invocation_id,
                function_id=function.id,
                input_data=[
                    ParameterBinding(name=name, data=data if data is not None else _NO_DATA)
                    for name, data in inputs.items()
                ],
                trigger_metadata=metadata,
                trace_context=trace,
                retry_context=_NO_RETRY,
            )
        )
    )


def _load_error(app_dir: Path, failure: Any) -> HostError:
    """One sentence that names the app's own line. The traceback is logged with --verbose."""
    log.debug("%s", failure.stack_trace)
    lines = [
        line.strip().removeprefix("File ").partition(", in ")[0]
        for line in failure.stack_trace.splitlines()
        if line.strip().startswith(f'File "{app_dir}') and "site-packages" not in line
    ]
    where = lines[-1].replace('"', "").replace(", line ", ":") if lines else str(app_dir / SCRIPT)
    # The library appends advice and the search path to import errors.
    text = failure.message.partition(" Please check the requirements.txt")[0]
    text = text.removesuffix(". Cannot find module.")
    return HostError(f"the app could not be loaded, {where}: {text}")
