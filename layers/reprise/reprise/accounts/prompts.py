"""Prompts: an account's own, and beside them the templates that all accounts have, which are read
from `prompts.toml` when first asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from reprise.chat.errors import NotFound, ReadOnly
from reprise.chat.ids import NUMBER_BITS, Mint
from reprise.chat.placeholders import parse as parse_content
from reprise.chat.prompts import Draft, Prompt
from reprise.store import prompts as store
from reprise.store.claims import Claim, Claimed
from reprise.store.prompts import Uses


@dataclass(frozen=True)
class Filter:
    """Which prompts are listed: of a `scenario`, with a text in title, content or description
    whatever its case, and the templates or not.
    """

    scenario: str | None = None
    search: str | None = None
    templates: bool = True

    def has(self, prompt: Prompt) -> bool:
        said = prompt.said
        if self.scenario is not None and said.scenario != self.scenario:
            return False
        if self.search is None:
            return True
        wanted = self.search.casefold()
        texts = (said.title, said.content, said.description or "")
        return any(wanted in text.casefold() for text in texts)


@lru_cache(maxsize=1)
def templates() -> Mapping[int, Prompt]:
    """The templates by their numbers, in order."""
    return parse(Path(__file__).with_name("prompts.toml").read_text("utf-8"))


def parse(text: str) -> Mapping[int, Prompt]:
    """Templates in the form that `prompts.toml` describes. Raises KeyError, ValueError or Invalid:
    a test keeps the file right.
    """
    import tomllib

    made = (_template(**entry) for entry in tomllib.loads(text)["prompts"])
    return {each.number: each for each in sorted(made, key=lambda each: each.number)}


def _template(
    id: int,  # noqa: A002
    since: datetime,
    title: str,
    scenario: str,
    description: str,
    content: str,
    tags: list[str],
) -> Prompt:
    parse_content(content)
    moment = int(since.astimezone(UTC).timestamp() * 1000)
    said = Draft(title, content, scenario, description, {"tags": tags})
    return Prompt(id, said, moment, moment, template=True)


def create(mint: Mint, owner: str, said: Draft, now_ms: int, claim: Claim | None = None) -> Prompt:
    """Make one, once per claim. Raises IdempotencyMismatch, and NotFound where what the same
    request made before was deleted.
    """
    try:
        if claim:
            claim.look_up()
        while True:
            prompt = Prompt(mint.number(), said, now_ms, now_ms)
            if store.create(owner, prompt, claim):
                return prompt
    except Claimed as claimed:
        return find(owner, int(claimed.result))


def find(owner: str, number: int) -> Prompt:
    """One of an account's, or a template. Raises NotFound."""
    template = templates().get(number)
    if template:
        return replace(template, uses=store.uses_of(owner, number))
    # what is no number may be longer than a key
    prompt = store.find(owner, number) if 0 < number < 1 << NUMBER_BITS else None
    if prompt is None:
        raise NotFound("Prompt")
    return prompt


def page(owner: str, wanted: Filter, skip: int, limit: int) -> tuple[list[Prompt], int]:
    """So many of those that are wanted, behind the first `skip`, and how many there are: the
    account's own, newest first, then the templates.

    Reads all that the account has, and keeps in memory only what it returns.
    """
    found: list[Prompt] = []
    total = 0
    for prompt in _all(owner, templates_too=wanted.templates):
        if wanted.has(prompt):
            if skip <= total < skip + limit:
                found.append(prompt)
            total += 1
    return found, total


def _all(owner: str, *, templates_too: bool) -> Iterator[Prompt]:
    uses: dict[int, int] = {}
    for each in store.newest_first(owner):
        if isinstance(each, Uses):
            uses[each.number] = each.count
        else:
            yield each
    if templates_too:
        for number, template in templates().items():
            yield replace(template, uses=uses.get(number, 0))


def update(owner: str, number: int, changes: Mapping[str, Any], now_ms: int) -> Prompt:
    """Change some of a Draft's fields, by their names. Raises NotFound, ReadOnly for a template."""
    _check_own(number)
    changed = store.update(owner, number, changes, now_ms) if changes else find(owner, number)
    if changed is None:
        raise NotFound("Prompt")
    return changed


def delete(owner: str, number: int) -> None:
    """Raises NotFound, ReadOnly for a template."""
    _check_own(number)
    if not store.delete(owner, number):
        raise NotFound("Prompt")


def _check_own(number: int) -> None:
    if number in templates():
        raise ReadOnly("System templates cannot be changed")
