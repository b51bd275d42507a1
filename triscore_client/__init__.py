"""A client of an app that serves a model with Triscore. `Client` blocks, `AsyncClient` is awaited.

    with Client("http://localhost:7071") as client:
        client.score([[0.5, 1.2]]).predictions
        client.result(client.enqueue([[0.5, 1.2]]))["result"]

Needs httpx2 (`pip install '.[client]'` in a clone), and nothing else of Triscore.
"""

from __future__ import annotations

from triscore_client.clients import AsyncClient, Client
from triscore_client.errors import (
    AppUnavailable,
    ClientError,
    Refused,
    ResultPending,
    ScoringFailed,
)
from triscore_client.exchanges import Answer

__all__ = ["Answer", "AsyncClient", "Client"]
__all__ += ["AppUnavailable", "ClientError", "Refused", "ResultPending", "ScoringFailed"]
