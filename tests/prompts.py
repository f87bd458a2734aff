"""The prompts surface in the words of its tests: paths, the commonest calls, its shapes."""

from typing import Any

from tests.api import Api
from tests.shapes import A_TIME

PROMPTS = "/api/chat/prompts"
PREVIEW = f"{PROMPTS}/preview"
TEMPLATE = 1  # of the system's templates the one that has a {text}
UNKNOWN = 8_000_000_000_000_000
NOT_FOUND = {"detail": "Prompt not found"}
NEW = {
    "title": "Text Summarizer",
    "content": "Summarize the following text: {text}",
    "scenario": "summarization",
}
FULL = NEW | {
    "description": "Generates concise summaries",
    "metadata": {"tags": ["summary", "concise"]},
}

# What each route takes as a body, by its method and its path in `template.yaml`.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", PROMPTS): NEW,
    ("POST", PREVIEW): {"content": "Say hello"},
    ("PUT", f"{PROMPTS}/{{prompt_id}}"): {"title": "Another"},
}


def prompt(prompt_id: int | str) -> str:
    return f"{PROMPTS}/{prompt_id}"


def create(api: Api, **said: Any) -> int:
    """The id of a new prompt."""
    answer = api.post(PROMPTS, json=NEW | said)
    assert answer.status == 200, answer.text
    number: int = answer.json()["id"]
    return number


def uses(api: Api, prompt_id: int) -> int:
    """How often a prompt was used."""
    count: int = api.get(prompt(prompt_id)).json()["usage_count"]
    return count


def listed(api: Api, query: str = "include_templates=false") -> list[str]:
    """Titles of a page of a list."""
    answer = api.get(f"{PROMPTS}?{query}")
    assert answer.status == 200, answer.text
    return [each["title"] for each in answer.json()["items"]]


def shape(prompt_id: int, **said: Any) -> dict[str, Any]:
    """What an account's own prompt looks like."""
    return {
        "id": prompt_id,
        "description": None,
        "metadata": {},
        "is_template": False,
        "usage_count": 0,
        "created_at": A_TIME,
        "updated_at": A_TIME,
        **said,
    }
