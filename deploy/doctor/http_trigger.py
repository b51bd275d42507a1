"""HTTP: who may ask, and whether limits of the app's fit in those of the platform."""

from __future__ import annotations

from collections.abc import AsyncIterator

from deploy.doctor.configured import Configured
from deploy.doctor.findings import UNREAD, Finding
from inference.settings import MIB

#: Of Azure's front: the largest body, unless a setting says otherwise, and how long it waits.
BODY_BYTES, BODY_SETTING = 100 * MIB, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
ANSWER_S = 230

_ASKED = {
    "anonymous": "whoever reaches the app may score",
    "function": "a request needs a key of the function or the host",
    "admin": "a request needs the master key",
}


async def check(configured: Configured) -> AsyncIterator[Finding]:
    inference, doors = configured.inference, configured.doors
    if inference is None or doors is None:
        yield UNREAD
        return
    if "http" not in doors.triggers:
        yield Finding("TRIGGERS leaves this door closed")
        return
    yield Finding(f"HTTP_AUTH_LEVEL is {doors.http_auth_level}: {_ASKED[doors.http_auth_level]}")
    text = configured.env.get(BODY_SETTING, "")
    limit = int(text) if text.isdecimal() else BODY_BYTES
    bodies = f"a body may have {inference.max_body_bytes:,} bytes"
    yield Finding(
        bodies,
        None
        if inference.max_body_bytes <= limit
        else f"Azure takes {limit:,}: lower MAX_BODY_BYTES, or raise {BODY_SETTING}",
    )
    seconds = inference.scoring_timeout_s
    yield Finding(
        f"an answer may take {seconds:g} s",
        None
        if seconds < ANSWER_S
        else f"Azure gives up after {ANSWER_S}: lower SCORING_TIMEOUT_S, or let callers ask with"
        " `Prefer: respond-async`",
    )
