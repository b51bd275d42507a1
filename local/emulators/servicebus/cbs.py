"""The node `$cbs` (claims-based security): clients send tokens here to get access to queues."""

from __future__ import annotations

from collections.abc import Callable

from local.emulators.servicebus import entra, sas
from local.emulators.servicebus.key_ring import KeyRing
from local.emulators.servicebus.request_response import Reply, Request
from local.emulators.servicebus.sas import Grant, Grants, TokenRefused

NODE = "$cbs"
STATUS_KEYS = ("status-code", "status-description", "error-condition")


class CbsNode:
    """Accepts the tokens of one connection."""

    def __init__(
        self,
        keys: KeyRing,
        grants: Grants,
        now_s: Callable[[], float],
        exists: Callable[[str], bool],
    ) -> None:
        self._keys = keys
        self._grants = grants
        self._now_s = now_s
        self._exists = exists

    def __repr__(self) -> str:
        return f"<CbsNode: {self._grants!r}>"

    def handle(self, request: Request) -> Reply:
        token, audience = request.body, request.parameters.get("name")
        if request.operation != "put-token" or not isinstance(token, str):
            return Reply(400, "Expected the operation put-token with a token as its value.")
        if not isinstance(audience, str):
            return Reply(400, "Expected the audience in the application property name.")
        path = sas.path_of(audience)
        try:
            # The SDK sends both kinds under the same token type.
            if token.startswith(sas.PREFIX):
                grant = self._keys.verify(token, path, self._now_s())
            else:
                grant = Grant(path, entra.verify(token, self._now_s()))
        except TokenRefused as refusal:
            # With an error-condition, the SDK would report "client error" instead of this text.
            return Reply(401, str(refusal))
        if path and not self._exists(path):
            return Reply(404, f"The messaging entity {path!r} could not be found.")
        self._grants.add(grant)
        return Reply(200)
