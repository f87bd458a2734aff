"""`make openapi`: one document of all surfaces, made of the functions' own models.

    python -m local.openapi [--check]

Paths, parameters and request bodies are FastAPI's, read off each function's app; answers come from
the `openapi.py` of its surface. `--check` writes nothing and fails if the document is not up to
date.
"""

import json
import sys
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from local import template
from local.template import Route
from reprise.web.openapi import Answers, Stream

PATH = Path(__file__).parent.parent / "docs" / "openapi.json"
REFERENCE = "#/components/schemas/{model}"
SERIALIZED: JsonSchemaMode = "serialization"


def document() -> dict[str, Any]:
    """All routes of the template, in its order."""
    routes = template.load("us-east-1", {}).routes
    answers = [_answers(route) for route in routes]
    models = {
        (model, SERIALIZED)
        for each in answers
        for model in (each.success, each.error)
        if not isinstance(model, Stream)
    }
    ordered = sorted(models, key=lambda item: item[0].__name__)
    references, definitions = models_json_schema(ordered, ref_template=REFERENCE)
    schemas: dict[str, Any] = definitions["$defs"]
    paths: dict[str, dict[str, Any]] = {}
    for route, said in zip(routes, answers, strict=True):
        operation, bodies = _operation(route)
        operation["responses"] = _responses(said, references)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
        schemas |= bodies
    return {
        "openapi": "3.1.0",
        "info": {"title": "Reprise", "version": "1", "summary": "A chat backend"},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}],
    }


def _answers(route: Route) -> Answers:
    surface, endpoint, _ = route.function.handler.split(".")
    answers: Answers = import_module(f"{surface}.openapi").ANSWERS[endpoint]
    return answers


def _operation(route: Route) -> tuple[dict[str, Any], dict[str, Any]]:
    """What FastAPI says of a route, and the schemas of its request's body."""
    surface, endpoint, _ = route.function.handler.split(".")
    module = import_module(f"{surface}.{endpoint}")
    made = module.app.openapi()
    operation = made["paths"][route.path][route.method.lower()]
    first, _, rest = (module.__doc__ or "").partition("\n\n")
    summary = " ".join(first.partition(": ")[2].split())
    operation |= {
        "operationId": f"{surface}.{endpoint}",
        "tags": [import_module(f"{surface}.openapi").TITLE],
        "summary": summary[:1].upper() + summary[1:],
    }
    if rest:
        operation["description"] = rest.strip()
    bodies = made.get("components", {}).get("schemas", {})
    return operation, {name: bodies[name] for name in bodies if "ValidationError" not in name}


def _responses(answers: Answers, references: dict[Any, Any]) -> dict[str, Any]:
    def response(status: int, answer: Any) -> dict[str, Any]:
        phrase = (
            "Content Too Large" if status == 413 else HTTPStatus(status).phrase
        )  # renamed in 3.13
        if isinstance(answer, Stream):
            # OpenAPI 3.1 has no words for events
            return {"description": answer.description, "content": {"text/event-stream": {}}}
        schema = references[(answer, SERIALIZED)]
        return {"description": phrase, "content": {"application/json": {"schema": schema}}}

    errors = {str(status): response(status, answers.error) for status in sorted(answers.errors)}
    empty = {str(status): {"description": HTTPStatus(status).phrase} for status in answers.empty}
    return {str(answers.status): response(answers.status, answers.success)} | empty | errors


def main(arguments: list[str]) -> int:
    text = json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
    if "--check" not in arguments:
        PATH.write_text(text)
        print(f"wrote {PATH.name}: {len(text):,} bytes")
        return 0
    if not PATH.exists() or PATH.read_text() != text:
        print(
            "docs/openapi.json is not what the functions say: run `make openapi`", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
