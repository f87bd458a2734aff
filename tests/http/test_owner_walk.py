"""What is another's is not there: every route of the project, called with another account's ids."""

import re

from tests import conversations
from tests.api import Api, everything_stored, project
from tests.conversations import create, fill, send

BODIES = conversations.BODIES


def test_the_ids_of_others_are_not_found_on_any_route(api: Api, stranger: Api) -> None:
    made = create(api)
    user, reply = send(api, made, "Hello")
    foreign = [{"conversation_id": made, "message_id": each["id"]} for each in (user, reply)]
    send(stranger, create(stranger), "Hello")
    before = everything_stored()

    walked = 0
    for route in project().routes:
        variables = re.findall(r"{(\w+)\+?}", route.path)
        for ids in foreign if variables else ():
            what = f"{route.method} {route.path}"
            unknown = set(variables) - set(ids)
            assert not unknown, f"{what}: this test knows no other account's {unknown}, teach it"
            body = BODIES.get((route.method, route.path))
            known = body is not None or route.method in ("GET", "DELETE")
            assert known, f"{what}: BODIES has no body for it"

            answer = stranger.request(route.method, route.path.format_map(ids), json=body)

            assert answer.status == 404, f"{what} answered {answer.status}: {answer.text}"
            walked += 1

    assert walked > 0
    assert everything_stored() == before


def test_the_owner_finds_them_on_all_of_those_routes(api: Api) -> None:
    """Or the walk above would prove nothing."""
    for route in project().routes:
        if "{" in route.path:
            made = create(api)
            user, reply = send(api, made, "Hello")
            path = fill(route.path, made, user["id"], reply["id"])

            answer = api.request(route.method, path, json=BODIES.get((route.method, route.path)))

            assert answer.status in (200, 201, 204), f"{route.method} {path}: {answer.text}"
