"""The templates that all accounts have: the file of the package is right."""

import json

import pytest

from reprise.accounts import prompts
from reprise.chat.errors import Invalid
from reprise.chat.placeholders import fill

ONE = """
[[prompts]]
id = 7
since = 2026-01-05T10:00:00Z
title = "T"
scenario = "s"
description = "D"
tags = ["a"]
content = "Say {word}"
"""


def test_a_template_is_read_as_it_is_written() -> None:
    (template,) = prompts.parse(ONE).values()

    assert template.number == 7
    assert template.template
    assert template.created == template.updated == 1_767_607_200_000
    assert template.said.content == "Say {word}"
    assert template.said.metadata == {"tags": ["a"]}


def test_a_template_that_cannot_be_filled_is_noticed() -> None:
    with pytest.raises(Invalid):
        prompts.parse(ONE.replace("{word}", "{"))


def test_those_there_are_keep_to_what_prompts_may_be() -> None:
    templates = prompts.templates()

    assert len(templates) >= 5
    assert list(templates) == list(range(1, len(templates) + 1))
    for each in templates.values():
        said = each.said
        assert 1 <= len(said.title) <= 255
        assert 1 <= len(said.scenario) <= 100
        assert said.description
        assert json.dumps(said.metadata)
        assert fill(said.content, {}).unfilled, "a template without a placeholder"
        assert said.content == said.content.strip()


def test_the_one_of_the_seeds_example_takes_its_text() -> None:
    assert fill(prompts.templates()[1].said.content, {"text": "x"}).unfilled == ()
