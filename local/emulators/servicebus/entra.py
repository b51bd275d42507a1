"""Microsoft Entra tokens: checks the audience and the expiry.

As with Azurite's `--oauth basic`, signatures and roles are not checked: any identity with an
unexpired token for Service Bus may do everything.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

from local.emulators.servicebus.sas import TokenRefused

AUDIENCE = "https://servicebus.azure.net"


def verify(token: str, now_s: float) -> float:
    """Returns the token's expiry, in seconds since the epoch. Raises TokenRefused."""
    try:
        _, claims, _ = token.split(".")
        document = json.loads(urlsafe_b64decode(claims + "=="))
        audience, until_s = str(document["aud"]), float(int(document["exp"]))
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise TokenRefused(
            "The token is neither a shared access signature nor a JWT with aud and exp."
        ) from error
    if audience.rstrip("/") != AUDIENCE:
        raise TokenRefused(f"The token has the audience {audience!r}, expected {AUDIENCE}.")
    if until_s <= now_s:
        raise TokenRefused("The token is expired.")
    return until_s
