"""What is another's is not there: every route of the project, called with another account's ids."""

import re
from collections.abc import Mapping
from typing import Any

from reprise.chat.ids import number_of
from reprise.chat.messages import ToolCall
from reprise.llm.protocol import Finished
from tests import chatbase, conversations, fixie, prompts, sessions, uploads
from tests.api import Api, everything_stored, project
from tests.chatbase import caller_of, put_agent
from tests.conversations import create, message_for, send
from tests.models import FakeModels
from tests.uploads import HELLO, file, form, sent

BODIES = conversations.BODIES | chatbase.BODIES | fixie.BODIES
BODIES |= sessions.BODIES | prompts.BODIES | uploads.BODIES

# all but opey's: tests/http/opey/test_owners.py
ROUTES = [route for route in project().routes if not route.function.name.startswith("Opey")]


def body_of(method: str, path: str, ids: Mapping[str, str]) -> dict[str, Any] | None:
    """What a route takes, with the ids that its body names."""
    body = BODIES.get((method, path))
    return body and {name: ids.get(str(value)[1:-1], value) for name, value in body.items()}


def request_of(path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    """A body as JSON; where a route takes a file, one as a form."""
    return form([file(HELLO)]) if path.endswith("/upload") else {"json": body}


def stored() -> dict[str, Any]:
    """All but who asked how often."""
    return {key: item for key, item in everything_stored().items() if "RATE#" not in key}


def test_the_ids_of_others_are_not_found_on_any_route(api: Api, stranger: Api) -> None:
    made = create(api)
    user, reply = send(api, made, "Hello")
    own = caller_of(stranger).account_id
    number = number_of(made)
    shared = {
        "user_id": "ada",
        "conversation_id": made,
        "prompt_id": str(prompts.create(api)),
        "session_id": str(number),
        "upload_id": str(sent(api, number)["id"]),
    }
    foreign = [
        {**shared, "agent_id": agent, "message_id": each["id"]}
        for each in (user, reply)
        for agent in (caller_of(api).account_id, put_agent(api), own)
    ]
    send(stranger, create(stranger), "Hello")
    before = stored()

    walked = 0
    for route in ROUTES:
        variables = set(re.findall(r"{(\w+)\+?}", route.path))
        for ids in foreign if variables else ():
            if ids["agent_id"] == own and not variables & {"conversation_id", "message_id"}:
                continue  # nothing in it is another's
            what = f"{route.method} {route.path}"
            unknown = variables - set(ids)
            assert not unknown, f"{what}: this test knows no other account's {unknown}, teach it"
            body = body_of(route.method, route.path, ids)
            known = body is not None or route.method in ("GET", "DELETE")
            assert known, f"{what}: BODIES has no body for it"

            request = request_of(route.path, body)
            answer = stranger.request(route.method, route.path.format_map(ids), **request)

            assert answer.status == 404, f"{what} answered {answer.status}: {answer.text}"
            walked += 1

    assert walked > 0
    assert stored() == before


def test_the_owner_finds_them_on_all_of_those_routes(api: Api, models: FakeModels) -> None:
    """Or the walk above would prove nothing."""
    for route in ROUTES:
        if "{" in route.path:
            if route.path.endswith("/tool-result"):
                models.enqueue([ToolCall("call-1", "clock", {}), Finished("tool-calls")])
            made = create(api)
            user, reply = send(api, made, "Hello")
            ids = {
                "agent_id": caller_of(api).account_id,
                "user_id": "ada",
                "conversation_id": made,
                "message_id": message_for(route.path, user["id"], reply["id"]),
                "prompt_id": str(prompts.create(api)),
                "session_id": str(number_of(made)),
                "upload_id": str(sent(api, number_of(made))["id"]),
            }
            body = body_of(route.method, route.path, ids)

            request = request_of(route.path, body)
            answer = api.request(route.method, route.path.format_map(ids), **request)

            assert answer.status in (200, 201, 204), f"{route.method} {route.path}: {answer.text}"
