"""What the endpoints of this surface answer, for `docs/openapi.json`.

Nothing imports this at run time: making these models takes as long as a quarter of a cold start.
"""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from reprise.chat.messages import State
from reprise.web.openapi import Answers, Stream

TITLE = "Fixie"


class Object(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextFragment(Object):
    kind: Literal["text"]
    content: str
    state: Literal["in-progress", "done"]


class FunctionCall(Object):
    kind: Literal["functionCall"]
    name: str
    args: dict[str, Any]


class FunctionResponse(Object):
    kind: Literal["functionResponse"]
    name: str
    response: str
    failed: bool = False


class Turn(Object):
    id: str
    timestamp: AwareDatetime
    role: Literal["user", "assistant"]
    inReplyToId: str = Field(  # noqa: N815
        "", description="Of an answer: the user's turn that it is to. Absent where the agent began."
    )
    state: State
    messages: list[TextFragment | FunctionCall | FunctionResponse]
    errorDetail: str = Field("", description="Only of a turn in the state `error`.")  # noqa: N815


class Snapshot(Object):
    id: str
    turns: list[Turn] = Field(description="The shown branch, oldest first.")


class Snapshots(Object):
    conversations: list[Snapshot]
    cursor: str | None = Field(description="Where the next page begins, null on the last one.")


class Nothing(Object):
    pass


LINES = """JSON lines, each all there is by then of %s: text only grows, and the last line has the
state `done`, `stopped` or `error`.
"""
CONVERSATION = Stream(LINES % "the conversation, a `Snapshot`", "application/jsonl")
TURN = Stream(LINES % "the answer, a `Turn`", "application/jsonl")


def _answers(success: Any, *more: int) -> Answers:
    """Of an endpoint: `more` are error statuses beside those that all have."""
    return Answers(200, success, None, (400, 401, 403, 404, 500, *more))


ANSWERS = {
    "start_conversation": _answers(CONVERSATION, 402, 413, 422, 429),
    "list_conversations": _answers(Snapshots),
    "get_conversation": _answers(Snapshot),
    "send_message": _answers(TURN, 402, 409, 413, 422, 429),
    "stop": _answers(Nothing, 409, 413),
    "regenerate": _answers(TURN, 402, 409, 413, 422, 429),
}
