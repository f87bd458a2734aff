"""What the endpoints of this surface answer, for `docs/openapi.json`.

Nothing imports this at run time: making these models takes as long as a quarter of a cold start.
"""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from reprise.web.openapi import Answers

TITLE = "Prompts"


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PromptResponse(Shape):
    id: int
    title: str
    content: str = Field(description="With placeholders such as {name}; {{ and }} are braces.")
    scenario: str
    description: str | None
    metadata: dict[str, Any]
    is_template: bool = Field(description="One of the system's, which cannot be changed.")
    usage_count: int = Field(description="The account's previews of it by its id.")
    created_at: AwareDatetime
    updated_at: AwareDatetime


class PromptPage(Shape):
    items: list[PromptResponse]
    total: int
    page: int
    page_size: int


class PromptPreview(Shape):
    """Header `X-Unfilled-Variables` has the names of placeholders that no variable was for."""

    preview: str
    tokens_used: int
    model_used: str = Field(description="Who answered, which may be a fallback.")


class PromptDeleted(Shape):
    message: str


class PromptError(BaseModel):
    """What went wrong, in one sentence; API Gateway's own errors have more fields."""

    detail: str


def _answers(success: Any, *more: int) -> Answers:
    """Of an endpoint: `more` are error statuses beside those that all have."""
    return Answers(200, success, PromptError, (401, 403, 404, 413, 422, 500, *more))


ANSWERS = {
    "create_prompt": _answers(PromptResponse),
    "list_prompts": _answers(PromptPage),
    "get_prompt": _answers(PromptResponse),
    "update_prompt": _answers(PromptResponse),
    "delete_prompt": _answers(PromptDeleted),
    "preview_prompt": _answers(PromptPreview, 402, 409, 429),
}
