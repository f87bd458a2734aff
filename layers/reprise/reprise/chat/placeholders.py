"""The `{name}` of prompts, and what takes its place.

    content = (text | "{{" | "}}" | "{" name "}")*
    name    = a letter or "_", then letters, digits and "_", all ASCII

`{{` and `}}` are braces of the text. A prompt is read once, from left to right: what is put in is
never looked at again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from reprise.chat.errors import Invalid
from reprise.chat.messages import MAX_TEXT

LONGEST_NAME = 64  # characters
MOST_NAMES = 50  # of one prompt: those that have no value are told in a header

_ANY = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]", re.ASCII)


@dataclass(frozen=True)
class Placeholder:
    name: str


@dataclass(frozen=True)
class Filled:
    """A prompt as a model gets it; `unfilled` are the names that had no value, in their order."""

    text: str
    unfilled: tuple[str, ...]


def parse(content: str) -> list[str | Placeholder]:
    """A prompt as texts, without their escapes, and placeholders. Raises Invalid("content", …)."""
    parts: list[str | Placeholder] = []
    names: set[str] = set()
    end = 0
    for found in _ANY.finditer(content):
        parts.append(content[end : found.start()])
        end = found.end()
        if (name := found[1]) is not None:
            names.add(name)
            if len(name) > LONGEST_NAME:
                problem = f"names of placeholders have at most {LONGEST_NAME} characters"
                raise Invalid("content", problem)
            if len(names) > MOST_NAMES:
                raise Invalid("content", f"at most {MOST_NAMES} different placeholders are allowed")
            parts.append(Placeholder(name))
        elif found[0] in ("{{", "}}"):
            parts.append(found[0][0])
        else:
            raise Invalid(
                "content",
                f"the brace at character {found.start() + 1} belongs to no placeholder such as "
                "{name}; write {{ and }} for braces",
            )
    parts.append(content[end:])
    return parts


def fill(content: str, values: Mapping[str, str]) -> Filled:
    """A prompt with values in the place of its placeholders; those without one stay as they are.

    Raises Invalid as `parse` does, and for more text than a message may have, before it is made.
    """
    parts = parse(content)
    unfilled: dict[str, None] = {}
    made: list[str] = []
    length = 0
    for part in parts:
        if isinstance(part, str):
            text = part
        elif (value := values.get(part.name)) is not None:
            text = value
        else:
            unfilled[part.name] = None
            text = f"{{{part.name}}}"
        made.append(text)
        length += len(text)
        if length > MAX_TEXT:
            problem = f"has more than {MAX_TEXT:,} characters with its variables"
            raise Invalid("content", problem)
    return Filled("".join(made), tuple(unfilled))
