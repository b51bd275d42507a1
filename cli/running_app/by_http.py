"""Scores a file by one HTTP request, which answers with the predictions."""

from __future__ import annotations

from cli.running_app.rows import Rows
from cli.running_app.submission import Outcome, Submission
from inference.rows import media_types
from triscore_client import Refused


def answers_in_its_format(rows: Rows) -> bool:
    """Whether HTTP answers a file in the file's own format: not a columnar one, and not JSON."""
    form = media_types.known_format(rows.content_type, b"")
    return form is not None and form not in (media_types.JSON, *media_types.COLUMNAR)


def score(submission: Submission) -> Outcome:
    """Raises ClientError if the app can't be asked."""
    rows, name = submission.rows, submission.id
    submission.report("scoring", None)
    accept = rows.content_type if answers_in_its_format(rows) else media_types.JSON
    headers = rows.headers | {"accept": accept, "x-request-id": name}
    try:
        reply = submission.client.request("POST", "/api/score", headers, rows.content)
    except Refused as error:
        if not error.code:  # not the app's: a wrong key, a wrong address
            raise
        document = {"code": error.code, "message": str(error), "request_id": error.request_id}
        return Outcome(name, False, str(error), {"error": document})
    with submission.written(submission.output) as target:
        target.write_bytes(reply.content)
    message = f"{len(reply.content):,} bytes of predictions"
    return Outcome(name, True, message, {}, submission.output)
