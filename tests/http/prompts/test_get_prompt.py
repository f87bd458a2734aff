"""GET /api/chat/prompts/{prompt_id}: the account's own or a template; to others it is not there."""

from typing import Any

import pytest

from tests.api import Api, everything_stored
from tests.prompts import NOT_FOUND, PROMPTS, TEMPLATE, UNKNOWN, create, prompt


@pytest.mark.parametrize("prompt_id", [UNKNOWN, 0, -1, "abc", "1.0", "9" * 400, "١"])
def test_what_is_no_prompt_is_not_found(api: Api, prompt_id: Any) -> None:
    before = everything_stored()

    for answer in (
        api.get(prompt(prompt_id)),
        api.delete(prompt(prompt_id)),
        api.request("PUT", prompt(prompt_id), json={"title": "T"}),
    ):
        assert (answer.status, answer.json()) == (404, NOT_FOUND)
    assert everything_stored() == before


def test_anothers_prompt_is_not_found(api: Api, stranger: Api) -> None:
    made = create(api)
    before = everything_stored()

    for answer in (
        stranger.get(prompt(made)),
        stranger.delete(prompt(made)),
        stranger.request("PUT", prompt(made), json={"title": "T"}),
        stranger.post(PROMPTS + "/preview", json={"prompt_id": made}),
    ):
        assert (answer.status, answer.json()) == (404, NOT_FOUND)
    assert everything_stored() == before


def test_a_template_is_read_and_nobody_changes_it(api: Api) -> None:
    template = api.get(prompt(TEMPLATE)).json()
    before = everything_stored()

    refused = [
        api.delete(prompt(TEMPLATE)),
        api.request("PUT", prompt(TEMPLATE), json={"title": "Mine"}),
        api.request("PUT", prompt(TEMPLATE), json={}),
    ]

    assert template["is_template"] is True
    assert "{text}" in template["content"]
    for answer in refused:
        assert answer.status == 403
        assert answer.json() == {"detail": "System templates cannot be changed"}
    assert api.get(prompt(TEMPLATE)).json() == template
    assert everything_stored() == before
