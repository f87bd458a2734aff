"""What this surface's clients send. Apart from `wire`, because endpoints that read need none of
it.
"""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from reprise.chat.errors import Invalid
from reprise.chat.placeholders import parse
from reprise.chat.prompts import MAX_CONTENT
from reprise.chat.values import check

MAX_METADATA = 10_000  # characters, as JSON


def _without_broken_braces(content: str) -> str:
    if not content.strip():
        raise PydanticCustomError("empty", "must not be empty")
    try:
        parse(content)
    except Invalid as error:
        raise PydanticCustomError("placeholders", "{problem}", {"problem": error.problem}) from None
    return content


def _json(value: dict[str, Any]) -> dict[str, Any]:
    """What can be written as JSON again, and is not too large."""
    try:
        text = check(value)
    except ValueError as error:
        raise PydanticCustomError("json", "{problem}", {"problem": str(error)}) from None
    if len(text) > MAX_METADATA:
        raise PydanticCustomError("long", "is longer than 10,000 characters as JSON")
    return value


Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Scenario = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Description = Annotated[str, StringConstraints(max_length=10_000)]
Content = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_CONTENT),
    AfterValidator(_without_broken_braces),
]
Metadata = Annotated[dict[str, Any], AfterValidator(_json)]


class Body(BaseModel):
    """Of a request: what has the wrong type is refused, what is unknown is ignored."""

    model_config = ConfigDict(strict=True)


class NewPrompt(Body):
    title: Title
    content: Content
    scenario: Scenario
    description: Description | None = None
    metadata: Metadata = Field(default_factory=dict)


class PromptChanges(Body):
    """What is not sent stays as it is."""

    title: Title = ""
    content: Content = ""
    scenario: Scenario = ""
    description: Description | None = None
    metadata: Metadata = Field(default_factory=dict)


class PreviewRequest(Body):
    """One of `prompt_id` and `content`. Variables that no placeholder names are ignored."""

    prompt_id: int | None = None
    content: Content | None = None
    variables: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_of_both(self) -> "PreviewRequest":
        if (self.prompt_id is None) == (self.content is None):
            raise PydanticCustomError("either", "needs prompt_id or content, and not both")
        return self

    @property
    def of(self) -> int | str:
        """The number of a stored prompt, or a content."""
        return self.prompt_id if self.prompt_id is not None else str(self.content)
