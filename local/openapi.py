"""`make openapi`: one document of all surfaces, made of the functions' own models.

    python -m local.openapi [--check]

Paths, parameters and request bodies are FastAPI's, read off each function's app; answers come from
the `openapi.py` of its surface. `--check` writes nothing and fails if the document is not up to
date.
"""

import json
import re
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
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
}
RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}  # since Python 3.13


def document() -> dict[str, Any]:
    """All routes of the template, in its order. Raises ValueError where two models have one
    name.
    """
    routes = [
        route
        for route in template.load("us-east-1", {}).routes
        if route.method != "OPTIONS"  # of interest to browsers alone
    ]
    answers = [_answers(route) for route in routes]
    models = {
        (model, SERIALIZED)
        for each in answers
        for model in (each.success, each.error)
        if model is not None and not isinstance(model, Stream)
    }
    ordered = sorted(models, key=lambda item: item[0].__name__)
    references, definitions = models_json_schema(ordered, ref_template=REFERENCE)
    schemas: dict[str, Any] = definitions["$defs"]
    paths: dict[str, dict[str, Any]] = {}
    for route, said in zip(routes, answers, strict=True):
        operation, bodies = _operation(route)
        operation["responses"] = _responses(said, references)
        if said.public:
            operation["security"] = []
        paths.setdefault(route.path, {})[route.method.lower()] = operation
        for name, schema in bodies.items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"another model is called {name}, too")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Reprise", "version": "1", "summary": "A chat backend"},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": SCHEMES,
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
    declared = {each["name"] for each in operation.get("parameters", ())}
    if missing := [_variable(name) for name in _variables(route.path) if name not in declared]:
        operation["parameters"] = missing + operation.get("parameters", [])
    fewest = min(len(_variables(path)) for path in made["paths"])
    fewer = len(made["paths"]) > 1 and len(_variables(route.path)) == fewest
    said = import_module(f"{surface}.openapi")
    if security := getattr(said, "SECURITY", None):
        operation["security"] = [{security: []}]
    first, _, rest = (module.__doc__ or "").partition("\n\n")
    summary = " ".join(first.partition(": ")[2].split())
    operation |= {
        "operationId": f"{surface}.{endpoint}" + (".default" if fewer else ""),
        "tags": [said.TITLE],
        "summary": summary[:1].upper() + summary[1:],
    }
    if rest:
        operation["description"] = rest.strip()
    bodies = made.get("components", {}).get("schemas", {})
    return operation, {name: bodies[name] for name in bodies if "ValidationError" not in name}


def _variables(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def _variable(name: str) -> dict[str, Any]:
    """One that only some paths of an endpoint have, so that FastAPI knows nothing of it."""
    schema = {"type": "string", "title": name.replace("_", " ").title()}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _responses(answers: Answers, references: dict[Any, Any]) -> dict[str, Any]:
    def response(status: int, answer: Any) -> dict[str, Any]:
        phrase = _phrase(status)
        if isinstance(answer, Stream):
            # OpenAPI 3.1 has no words for events
            return {"description": answer.description, "content": {answer.type: {}}}
        if answer is None and status == 413:
            # API Gateway's own, which has one shape for all surfaces
            return {"description": phrase, "content": {"application/json": {}}}
        if answer is None:
            return {
                "description": phrase,
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        schema = references[(answer, SERIALIZED)]
        return {"description": phrase, "content": {"application/json": {"schema": schema}}}

    errors = {str(status): response(status, answers.error) for status in sorted(answers.errors)}
    empty = {str(status): {"description": _phrase(status)} for status in answers.empty}
    success = response(answers.status, answers.success)
    if answers.events:
        success["description"] = answers.events
        success["content"]["text/event-stream"] = {}
    return {str(answers.status): success} | empty | errors


def _phrase(status: int) -> str:
    return RENAMED.get(status) or HTTPStatus(status).phrase


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
