"""HTTP: who may send requests, and whether the app's limits fit into the platform's."""

from __future__ import annotations

from collections.abc import AsyncIterator

from deploy.app_settings import AppSettings
from deploy.doctor.findings import NOT_CHECKED, Finding
from inference.settings import MIB

#: The largest body in bytes that Azure Functions accepts, unless this setting says otherwise.
BODY_BYTES, BODY_SETTING = 100 * MIB, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
#: Seconds after which Azure's load balancer gives up on an answer.
ANSWER_S = 230

_ACCESS = {
    "anonymous": "anybody who reaches the app may score",
    "function": "a request needs a key of the function or of the host",
    "admin": "a request needs the master key",
}


async def check(app: AppSettings) -> AsyncIterator[Finding]:
    inference, triggers = app.inference, app.triggers
    if inference is None or triggers is None:
        yield NOT_CHECKED
        return
    if "http" not in triggers.triggers:
        yield Finding("TRIGGERS leaves the HTTP trigger out")
        return
    level = triggers.http_auth_level
    yield Finding(f"HTTP_AUTH_LEVEL is {level}: {_ACCESS[level]}")
    yield _body(inference.max_body_bytes, app.env.get(BODY_SETTING, ""))
    yield _timeout(inference.scoring_timeout_s)


def _body(app_bytes: int, setting: str) -> Finding:
    platform_bytes = int(setting) if setting.isdecimal() else BODY_BYTES
    message = f"the app accepts bodies of up to {app_bytes:,} bytes"
    if app_bytes <= platform_bytes:
        return Finding(message)
    return Finding(
        f"{message}, and Azure of up to {platform_bytes:,}",
        f"lower MAX_BODY_BYTES, or raise {BODY_SETTING}",
    )


def _timeout(seconds: float) -> Finding:
    message = f"an answer may take {seconds:g} s"
    if seconds < ANSWER_S:
        return Finding(message)
    return Finding(
        f"{message}, and Azure gives up after {ANSWER_S} s",
        "lower SCORING_TIMEOUT_S, or let callers send `Prefer: respond-async`",
    )
