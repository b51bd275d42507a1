"""Entry scripts turn a request into a question, and a question into an answer.

`build` returns the script that the settings name: an EstimatorScript, the built-in one, which
serves any estimator; or a UserScript, whose `init()` and `run(…)` are called as Azure ML's own
server calls them.
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
