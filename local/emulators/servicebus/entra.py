"""Tokens of an identity: whom they are meant for, and until when they hold.

As with Azurite's `--oauth basic` nobody checks the signature or asks for roles: any identity may
do everything here, while it has a token for Service Bus that has not ended.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

from local.emulators.servicebus.sas import TokenRefused

AUDIENCE = "https://servicebus.azure.net"


def verify(token: str, now_s: float) -> float:
    """Until when the token holds. Raises TokenRefused."""
    try:
        _, claims, _ = token.split(".")
        document = json.loads(urlsafe_b64decode(claims + "=="))
        audience, until_s = str(document["aud"]), float(int(document["exp"]))
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise TokenRefused(
            "Neither a shared access signature nor a JWT that says aud and exp."
        ) from error
    if audience.rstrip("/") != AUDIENCE:
        raise TokenRefused(f"The token is meant for another audience than {AUDIENCE}.")
    if until_s <= now_s:
        raise TokenRefused("The token is expired.")
    return until_s
