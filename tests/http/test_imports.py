"""What a function loads before it is asked anything: a cold start pays for each module."""

import json
import subprocess
import sys

import pytest

from local import template

HANDLERS = [function.handler for function in template.load("us-east-1", {}).functions]
NEVER = {"boto3", "cryptography", "httpx", "jwt", "pydantic.v1", "pypdf"}
SCRIPT = "import json, sys; import {module}; print(json.dumps(sorted(sys.modules)))"


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_loads_nothing_that_it_may_never_need(handler: str) -> None:
    module = handler.removesuffix(".handler")
    loaded = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not NEVER & set(json.loads(loaded.stdout))
