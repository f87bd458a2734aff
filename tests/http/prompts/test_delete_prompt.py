"""DELETE /api/chat/prompts/{prompt_id}: gone for good."""

from tests.api import Api
from tests.prompts import NOT_FOUND, PROMPTS, create, prompt


def test_a_deleted_prompt_is_gone(api: Api) -> None:
    made = create(api)

    deleted = api.delete(prompt(made))

    assert (deleted.status, deleted.json()) == (200, {"message": "Prompt deleted successfully"})
    for answer in (
        api.get(prompt(made)),
        api.delete(prompt(made)),
        api.request("PUT", prompt(made), json={"title": "T"}),
        api.request("PUT", prompt(made), json={}),
    ):
        assert (answer.status, answer.json()) == (404, NOT_FOUND)
    assert api.get(PROMPTS + "?include_templates=false").json()["items"] == []
