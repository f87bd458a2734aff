"""What the packages in `functions/` do before their modules import anything."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.fresh import HANDLERS, imported


def told(script: str) -> Any:
    """What a fresh interpreter prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("handler", HANDLERS)
def test_an_import_builds_no_model_of_openapi_documents(handler: str) -> None:
    assert imported(handler).built == ()


@pytest.mark.parametrize("handler", HANDLERS)
def test_most_of_an_import_is_out_of_the_garbage_collectors_sight(handler: str) -> None:
    found = imported(handler)

    assert found.collects
    assert found.frozen > found.seen


def test_what_was_not_built_is_once_it_is_used() -> None:
    description = told("""
import conversations, json
from fastapi.openapi.models import OpenAPI
document = OpenAPI.model_validate({
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {"/a": {"get": {"responses": {"200": {"description": "Fine"}}}}},
})
print(json.dumps(document.paths["/a"].get.responses["200"].description))
""")

    assert description == "Fine"


def test_models_of_ones_own_are_built_at_once() -> None:
    assert told("""
import conversations, json
from pydantic import BaseModel
class Own(BaseModel):
    next: "Own | None"
print(json.dumps([Own.__pydantic_complete__, BaseModel.model_rebuild.__func__.__module__]))
""") == [True, "pydantic.main"]
