"""JSON lines on stdout, from where Lambda takes logs; each with the request id of its invocation.

Also for what libraries log, as in the managed runtime; a logger that writes by itself, such as
Powertools', is not touched. Of an exception only its type and where it happened is written: its
text may hold what a user has written.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from streaming.report import Report

_logger = logging.getLogger("streaming")
_request_id: str | None = None


def set_up(level: str | None, stream: TextIO | None = None) -> None:
    """Make the root logger write JSON; `level` is AWS_LAMBDA_LOG_LEVEL."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    if level:
        root.setLevel(logging.getLevelNamesMapping().get(level.upper(), logging.DEBUG))


def begin(request_id: str | None) -> None:
    """What is logged from now on belongs to this invocation: a container has one at a time."""
    global _request_id
    _request_id = request_id


def error(message: str, report: Report | None = None, **fields: Any) -> None:
    """One line about a failure. `fields`: ids, sizes, counts; never what somebody wrote."""
    if report:
        fields |= {"errorType": report.kind, "where": report.where}
        fields |= {"detail": report.detail} if report.detail else {}
    _logger.error(message, extra={"fields": fields})


class JsonLines(logging.Formatter):
    """One JSON object a record, with the names of Lambda's own JSON format."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = {
            "timestamp": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if _request_id:
            fields["requestId"] = _request_id
        if record.exc_info and record.exc_info[1]:
            report = Report.of(record.exc_info[1])
            fields |= {"errorType": report.kind, "where": report.where}
        fields |= getattr(record, "fields", {})
        return json.dumps(fields, default=str)
