"""Access keys of HTTP functions."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.host.app.bindings import AuthLevel

FUNCTION_KEY = "HOST_FUNCTION_KEY"
MASTER_KEY = "HOST_MASTER_KEY"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The configured keys. Without any, every request is accepted, as with `func start`."""

    function: str = field(default="", repr=False)
    master: str = field(default="", repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Keys:
        return cls(function=env.get(FUNCTION_KEY, ""), master=env.get(MASTER_KEY, ""))

    @property
    def configured(self) -> bool:
        return bool(self.function or self.master)

    def accepts(self, level: AuthLevel, key: str) -> bool:
        """Whether a caller with `key` may call a function of this level."""
        if level == "anonymous" or not self.configured:
            return True
        accepted = (self.master,) if level == "admin" else (self.function, self.master)
        return any(hmac.compare_digest(key.encode(), each.encode()) for each in accepted if each)
