"""What this surface's clients send. Apart from `wire`, because endpoints that read need little of
it.
"""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from fixie.wire import CORPUS
from reprise.chat.agents import Agent
from reprise.chat.errors import Invalid
from reprise.chat.messages import MAX_TEXT, NO_ADDITION, Addition
from reprise.engine.agents import may_consult

MAX_PROMPT = 20_000  # characters: a conversation's is read and paid for with every turn of it

Cursor = Annotated[str | None, Query()]
Limit = Annotated[int, Query(ge=1, le=100)]


class Body(BaseModel):
    """Of a request: what has the wrong type is refused, what is unknown is ignored."""

    model_config = ConfigDict(strict=True)


class RuntimeParameters(Body):
    system_prompt: str | None = Field(None, alias="systemPrompt", max_length=MAX_PROMPT)
    corpus_id: str | None = Field(None, alias="corpusId", max_length=64)


class Parameterized(Body):
    parameters: RuntimeParameters | None = Field(None, alias="runtimeParameters")

    def addition(self, agent: Agent, owner: str) -> Addition:
        """What an owner's request adds to what an agent has. Raises Invalid."""
        given = self.parameters
        if given is None:
            return NO_ADDITION
        if given.corpus_id and not may_consult(agent, owner, given.corpus_id):
            raise Invalid(CORPUS, "is none that this agent may look into")
        return Addition(given.system_prompt, given.corpus_id)


class StartRequest(Parameterized):
    message: str | None = Field(None, min_length=1, max_length=MAX_TEXT)
    initial: bool = Field(True, alias="generateInitialMessage")
    stream: bool = True
    metadata: dict[str, Any] | None = None


class SendRequest(Parameterized):
    message: str = Field(min_length=1, max_length=MAX_TEXT)
    metadata: dict[str, Any] | None = None


class RegenerateRequest(Parameterized):
    pass
