"""PUT /api/chat/prompts/{prompt_id}: other words; what is not sent stays as it is."""

from concurrent.futures import ThreadPoolExecutor

from tests.api import Api, everything_stored
from tests.prompts import FULL, PROMPTS, create, prompt, shape


def test_what_is_not_sent_stays(api: Api) -> None:
    made = api.post(PROMPTS, json=FULL).json()

    changed = api.request("PUT", prompt(made["id"]), json={"title": "Other"})

    assert changed.status == 200
    assert changed.json() == made | {"title": "Other", "updated_at": changed.json()["updated_at"]}
    assert changed.json()["updated_at"] >= made["updated_at"]
    assert api.get(prompt(made["id"])).json() == changed.json()


def test_everything_can_be_changed_and_the_description_taken_away(api: Api) -> None:
    made = create(api, **FULL)
    other = {
        "title": "T",
        "content": "{c}",
        "scenario": "s",
        "description": None,
        "metadata": {"m": [1, None]},
    }

    changed = api.request("PUT", prompt(made), json=other).json()

    assert changed == shape(made, **other)


def test_changing_nothing_changes_nothing(api: Api) -> None:
    made = api.post(PROMPTS, json=FULL).json()
    before = everything_stored()

    assert api.request("PUT", prompt(made["id"]), json={}).json() == made
    assert everything_stored() == before


def test_two_who_change_different_fields_do_not_undo_each_other(api: Api) -> None:
    made = create(api)
    changes = [{"title": "T"}, {"content": "C"}, {"scenario": "S"}, {"description": "D"}]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: api.request("PUT", prompt(made), json=each), changes))

    read = api.get(prompt(made)).json()
    assert [read[name] for each in changes for name in each] == ["T", "C", "S", "D"]
