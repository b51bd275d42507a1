"""Scores a file with an app that runs: sends it through one trigger, waits, fetches the result."""

from __future__ import annotations

from deploy.submission.results import ResultsClient
from deploy.submission.senders import Input, Outcome, Submission, by_blob, by_http, by_queue

__all__ = ["Input", "Outcome", "ResultsClient", "Submission", "by_blob", "by_http", "by_queue"]
