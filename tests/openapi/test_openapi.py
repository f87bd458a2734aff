"""`docs/openapi.json` says what the functions say, and what they do: no 5xx, every answer as
declared.
"""

import subprocess
import sys
from pathlib import Path

from local import openapi
from tests.dev_server import DevServer

EXAMPLES = 6  # of each phase, for each operation
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
]
# API Gateway refuses what is too large before anybody looks at it.
REJECTED = """
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 409, 413, 422, 429]
"""


def test_the_document_is_up_to_date() -> None:
    assert openapi.main(["--check"]) == 0


def test_every_answer_is_as_declared(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(REJECTED)
    with DevServer({"REPRISE_DEMO_TOKENS_PER_SECOND": "0"}) as server:
        tried = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"),
                *("run", str(openapi.PATH), "--url", server.url),
                *("--header", f"Authorization: Bearer {server.api_key}"),
                *("--checks", ",".join(CHECKS)),
                *("--max-examples", str(EXAMPLES), "--seed", "1"),
                *("--generation-database", "none", "--no-color"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
        )
    assert tried.returncode == 0, tried.stdout[-6000:] + tried.stderr[-2000:]
