"""What Azure's worker does with the app, in a process of its own, through the library that it does
it with: import the app, index it, call a function.

`app.py BODY` scores BODY, and prints the seconds that the processor worked for it, the answer's
status and `x-cache`, and whether scikit-learn is imported by then. `app.py BODY ready` asks for
the app's health, too, and ends at once.
"""

from tests.app.starts import own_packages  # noqa: F401, I001

import asyncio
import os
import sys
import time
from pathlib import Path

import azure_functions_runtime as library

from local.host.app import protos
from local.host.app.protos import Message, ParameterBinding, TypedData

ROOT = Path(__file__).parents[3]


def request(**fields: object) -> Message:
    return Message(request=Message(**fields), properties={"host": "", "protos": protos})


async def index() -> dict[str, str]:
    """Ids of functions by name."""
    start = Message(capabilities={}, function_app_directory=str(ROOT))
    await library.worker_init_request(request(worker_init_request=start))
    answer = await library.functions_metadata_request(request())
    return {each.name: each.function_id for each in answer.function_metadata_results}


async def ask(function_id: str, method: str, body: bytes = b"") -> Message:
    http = protos.RpcHttp(
        method=method,
        url="http://localhost/",
        headers={"content-type": "application/json"},
        params={},
        query={},
        body=TypedData(bytes=body),
    )
    call = Message(
        invocation_id="1",
        function_id=function_id,
        input_data=[ParameterBinding(name="req", data=TypedData(http=http))],
        trigger_metadata={},
        trace_context=protos.RpcTraceContext(trace_parent="", trace_state="", attributes={}),
        retry_context=protos.RetryContext(retry_count=0, max_retry_count=0, exception=None),
    )
    answer = await library.invocation_request(request(invocation_request=call))
    response: Message = answer.return_value.http
    return response


async def main() -> None:
    functions = await index()
    answer = await ask(functions["score"], "POST", sys.argv[1].encode())
    imported = "sklearn" in sys.modules
    cache = answer.headers["x-cache"]
    print(time.process_time(), answer.status_code, cache, imported, flush=True)
    if "ready" in sys.argv:
        await ask(functions["ready"], "GET")
    else:
        await asyncio.to_thread(sys.stdin.read)
        os._exit(0)


asyncio.run(main())
