"""What is written on stdout, and what never is."""

import logging
from typing import Any

from aws_lambda_powertools import Logger

from streaming import logs
from streaming.report import Report


def test_a_line_of_ours(logged: Any) -> None:
    logs.begin("r-1")
    logs.error("it failed", Report("LookupError", ("a.py:1",)), status=413)
    logs.begin(None)

    (line,) = logged.all
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "ERROR",
        "message": "it failed",
        "logger": "streaming",
        "requestId": "r-1",
        "errorType": "LookupError",
        "where": ["a.py:1"],
        "status": 413,
    }


def test_what_libraries_log_is_json_too_without_the_text_of_an_exception(logged: Any) -> None:
    try:
        raise LookupError("what a user wrote")
    except LookupError:
        logging.getLogger("library").exception("oops")

    (line,) = logged.all
    assert (line["message"], line["logger"]) == ("oops", "library")
    assert line["errorType"] == "LookupError"
    assert "what a user wrote" not in logged.text


def test_powertools_lines_are_not_written_twice(logged: Any) -> None:
    Logger(service="once").warning("from the app")

    assert logged.all == []
