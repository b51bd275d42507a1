"""Entry scripts: what turns a request into a question, and a question into an answer.

The built-in one serves any estimator. A user's own has `init()` and `run(…)`, called just as
Azure ML's own server calls them (inference.scripts.run_signature says how).
"""

from __future__ import annotations

from inference.scripts.estimator_script import EstimatorScript
from inference.scripts.question import Question, Reply, RowQuestion, Script
from inference.scripts.user_script import UserScript
from inference.settings import InferenceSettings

__all__ = ["EstimatorScript", "Question", "Reply", "RowQuestion", "Script", "UserScript", "build"]


def build(settings: InferenceSettings) -> Script:
    """The script that the settings name. Raises ModelUnavailable."""
    if settings.entry_script is None:
        return EstimatorScript(settings)
    return UserScript(settings.entry_script, settings.model_dir, shown=settings.show_script_errors)
