"""What the console is made of: the model, its form, and what this app does with it."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from inference.description.form import describe_form
from inference.scripts import Script
from inference.serving.scorer import Scorer
from triggers.settings import TRIGGERS, TriggerSettings


class ModelDescription:
    """For one event loop. The form of a model with many columns takes long, so a thread makes it,
    once for each script that is loaded.
    """

    def __init__(self, scorer: Scorer, settings: TriggerSettings) -> None:
        self._scorer, self._settings = scorer, settings
        self._lock = asyncio.Lock()
        self._known: tuple[Script, orjson.Fragment] | None = None

    def __repr__(self) -> str:
        return f"<ModelDescription of {self._scorer!r}>"

    async def read(self) -> dict[str, Any]:
        """For orjson. `form` is null while the model loads."""
        scorer, settings = self._scorer, self._settings
        health, limits = await scorer.health(), scorer.settings.limits
        return {
            "model": {"status": health.model, "message": health.failure, **scorer.model.as_dict()},
            "form": await self._form() if scorer.state == "ok" else None,
            "triggers": [name for name in TRIGGERS if name in settings.triggers],
            "queues": [entity.path for entity in settings.waiting],
            "needs_key": settings.http_auth_level != "anonymous",
            "limits": {"body_bytes": limits.body_bytes, "rows": limits.rows},
        }

    async def _form(self) -> orjson.Fragment:
        script = await self._scorer.script()
        async with self._lock:
            if self._known is None or self._known[0] is not script:
                content = await asyncio.to_thread(lambda: orjson.dumps(describe_form(script)))
                self._known = script, orjson.Fragment(content)
            return self._known[1]
