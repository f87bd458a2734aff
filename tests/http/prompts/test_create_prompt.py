"""POST /api/chat/prompts: a prompt of the account's own. What it refuses, a change refuses too."""

import json
from random import Random
from typing import Any

import pytest

from reprise.chat.prompts import MAX_CONTENT
from tests.api import Api, everything_stored
from tests.prompts import FULL, NEW, PROMPTS, create, prompt, shape

TOO_LONG = {"detail": f"content: String should have at most {MAX_CONTENT} characters"}


def test_a_new_prompt_is_answered_with_200_as_it_is_read_later(api: Api) -> None:
    made = api.post(PROMPTS, json=FULL)

    assert made.status == 200
    assert made.json() == shape(made.json()["id"], **FULL)
    assert isinstance(made.json()["id"], int)
    assert api.get(prompt(made.json()["id"])).json() == made.json()


def test_description_and_metadata_may_be_missing(api: Api) -> None:
    made = create(api)

    assert api.get(prompt(made)).json() == shape(made, **NEW)


def test_spaces_around_title_and_scenario_are_dropped_and_those_of_the_content_kept(
    api: Api,
) -> None:
    made = create(api, title=" A ", scenario=" b\n", content=" {c} \n")

    read = api.get(prompt(made)).json()
    assert (read["title"], read["scenario"], read["content"]) == ("A", "b", " {c} \n")


@pytest.mark.parametrize(
    "letters", [(0x20, 0x7A), (0x80, 0x7FF), (0x800, 0xD7FF), (0x10000, 0x10FFFF)]
)
def test_the_longest_prompt_fits_whatever_it_is_written_in(
    api: Api, letters: tuple[int, int]
) -> None:
    """Any characters of so many bytes, in no order that could be compressed."""
    dice = Random(1)

    def text(length: int) -> str:
        return "".join(chr(dice.randint(*letters)) for _ in range(length))

    longest = {
        "title": "x" + text(253) + "x",
        "content": text(MAX_CONTENT),
        "scenario": "x" + text(98) + "x",
        "description": text(10_000),
        "metadata": {"a": text(9000)},
    }

    made = create(api, **longest)

    assert api.get(prompt(made)).json() == shape(made, **longest)


def test_a_number_that_is_taken_becomes_another(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = create(api)
    numbers = iter([taken, taken + 1])
    monkeypatch.setattr("reprise.chat.ids.Mint.number", lambda self: next(numbers))

    made = create(api, title="Another")

    assert made == taken + 1
    assert api.get(prompt(taken)).json()["title"] == NEW["title"]


def test_one_that_is_asked_for_twice_under_one_key_is_made_once(api: Api) -> None:
    key = {"Idempotency-Key": "key"}

    first, again = (api.post(PROMPTS, json=NEW, headers=key) for _ in range(2))

    assert again.json() == first.json()
    other = api.post(PROMPTS, json=FULL, headers=key)
    assert other.status == 422
    assert other.json() == {"detail": "This Idempotency-Key was used for another request"}
    assert api.get(PROMPTS + "?include_templates=false").json()["total"] == 1


NOT_JSON = "metadata: holds what JSON does not have"

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an empty title": ({"title": ""}, "title: String should have at least 1 character"),
    "a title of spaces": ({"title": " \n"}, "title: String should have at least 1 character"),
    "300 characters of title": (
        {"title": "x" * 300},
        "title: String should have at most 255 characters",
    ),
    "no title": ({"title": None}, "title: Input should be a valid string"),
    "a number as title": ({"title": 7}, "title: Input should be a valid string"),
    "an empty content": ({"content": ""}, "content: String should have at least 1 character"),
    "a content of spaces": ({"content": " \n "}, "content: must not be empty"),
    "1 MB of content": ({"content": "x" * 1_048_576}, TOO_LONG["detail"]),
    "one character too many": ({"content": "x" * (MAX_CONTENT + 1)}, TOO_LONG["detail"]),
    "a broken brace": (
        {"content": "Say {"},
        "content: the brace at character 5 belongs to no placeholder such as {name}; write {{ and "
        "}} for braces",
    ),
    "half a surrogate": (
        {"content": "\ud800"},
        "content: Input should be a valid string, unable to parse raw data as a unicode string",
    ),
    "an empty scenario": ({"scenario": ""}, "scenario: String should have at least 1 character"),
    "a long scenario": (
        {"scenario": "x" * 101},
        "scenario: String should have at most 100 characters",
    ),
    "a long description": (
        {"description": "x" * 10_001},
        "description: String should have at most 10000 characters",
    ),
    "metadata that is a list": (
        {"metadata": []},
        "metadata: Input should be a valid dictionary",
    ),
    "metadata with infinity": ({"metadata": {"a": [float("inf")]}}, NOT_JSON),
    "metadata with nan": ({"metadata": {"a": float("nan")}}, NOT_JSON),
    "metadata with half a surrogate": ({"metadata": {"a": "\udc00"}}, NOT_JSON),
    "much metadata": (
        {"metadata": {"a": "x" * 10_000}},
        "metadata: is longer than 10,000 characters as JSON",
    ),
    "deep metadata": (
        {"metadata": {"a": json.loads("[" * 100 + "]" * 100)}},
        "metadata: has more than 100 levels",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_and_nothing_written(api: Api, case: str) -> None:
    bad, detail = BAD[case]
    made = create(api)
    before = everything_stored()

    refused = [
        api.post(PROMPTS, json=NEW | bad),
        api.request("PUT", prompt(made), json=bad),
    ]

    for answer in refused:
        assert (answer.status, answer.json()) == (422, {"detail": detail})
    assert everything_stored() == before


@pytest.mark.parametrize("missing", NEW)
def test_what_a_prompt_needs(api: Api, missing: str) -> None:
    said = {name: value for name, value in NEW.items() if name != missing}

    refused = api.post(PROMPTS, json=said)

    assert (refused.status, refused.json()) == (422, {"detail": f"{missing}: Field required"})


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '"text"', "[" * 100_000, "9" * 5000])
def test_a_body_that_is_no_object(api: Api, body: str) -> None:
    made = create(api)
    before = everything_stored()

    for method, path in (("POST", PROMPTS), ("PUT", prompt(made)), ("POST", PROMPTS + "/preview")):
        headers = {"Content-Type": "application/json"}
        refused = api.request(method, path, body=body, headers=headers)

        assert refused.status == 422, f"{method} {path}: {refused.text}"
        assert refused.json().keys() == {"detail"}
        assert isinstance(refused.json()["detail"], str)
    assert everything_stored() == before
