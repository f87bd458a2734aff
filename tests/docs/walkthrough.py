"""The commands of a page of documentation, run as they are printed, in their order, in one shell.

A fenced block of `sh` is run. A block of `json` or `text` behind it is what it has to print, in
which `…` stands for anything.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
ANYTHING = "…"

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"^(?P<settings>(?:\w+=\S+ )*)make (?P<target>\w+)$")
_END = "--- end of block ---"


@dataclass(frozen=True)
class Block:
    """Commands, and what they have to print: JSON, text, or None where the page does not say."""

    commands: str
    language: str | None = None
    expected: str | None = None


@dataclass(frozen=True)
class Make:
    """A block that is `make`, with the settings before it."""

    target: str
    settings: dict[str, str]


@dataclass(frozen=True)
class Page:
    """`blocks` are what is to be run while `make dev` runs, `makes` are the rest."""

    blocks: tuple[Block, ...]
    makes: tuple[Make, ...]


def read(path: str) -> Page:
    """The commands of a page, by its path in the repository."""
    blocks: list[Block] = []
    makes: list[Make] = []
    for language, content in _FENCED.findall((ROOT / path).read_text()):
        if language != "sh":
            assert language in ("json", "text"), f"{path}: a block of {language} is not checked"
            assert blocks, f"{path}: what prints this? {content}"
            assert blocks[-1].expected is None, f"{path}: two outputs of {blocks[-1].commands}"
            blocks[-1] = Block(blocks[-1].commands, language, content)
        elif make := _MAKE.match(content.strip()):
            settings = dict(each.split("=", 1) for each in make["settings"].split())
            makes.append(Make(make["target"], settings))
        else:
            blocks.append(Block(content))
    return Page(tuple(blocks), tuple(makes))


def run(blocks: Sequence[Block], environ: Mapping[str, str]) -> list[str]:
    """What each of the blocks prints on stdout. Fails for a block that does."""
    script = "".join(
        f"{each.commands}\nstatus=$?; echo; echo '{_END}' $status\n" for each in blocks
    )
    done = subprocess.run(
        ["bash", "-u", "-o", "pipefail", "-c", script],
        cwd=ROOT,
        env={**environ, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    outputs = re.split(rf"\n{_END} (\d+)\n", done.stdout)
    statuses = outputs[1::2]
    assert statuses == ["0"] * len(blocks), done.stdout + done.stderr
    return outputs[:-1:2]


def assert_prints(block: Block, output: str) -> None:
    if block.expected is None:
        failed = re.search(r'"success": ?false|"type": ?"error"', output)
        assert not failed, f"{block.commands}\nprinted\n{output}"
        return
    if block.language == "json":
        fits = _fits(json.loads(block.expected), json.loads(output))
    else:
        fits = _text_fits(block.expected.strip(), output.strip())
    assert fits, f"{block.commands}\nprinted\n{output}\nand not\n{block.expected}"


def assert_prints_what_it_says(path: str, environ: Mapping[str, str]) -> None:
    """Fails for a page of which a command prints something else."""
    page = read(path)

    outputs = run(page.blocks, environ)

    for block, output in zip(page.blocks, outputs, strict=True):
        assert_prints(block, output)


def _fits(expected: Any, value: Any) -> bool:
    """Whether a JSON value is as expected. A text that is `…` fits everything but null."""
    match expected:
        case dict():
            return (
                isinstance(value, dict)
                and expected.keys() == value.keys()
                and all(_fits(each, value[name]) for name, each in expected.items())
            )
        case list():
            return (
                isinstance(value, list)
                and len(expected) == len(value)
                and all(_fits(*pair) for pair in zip(expected, value, strict=True))
            )
        case str() if expected == ANYTHING:
            return value is not None
        case str():
            return isinstance(value, str) and _text_fits(expected, value)
    return bool(expected == value)


def _text_fits(expected: str, text: str) -> bool:
    return bool(re.fullmatch("[^\n]*".join(map(re.escape, expected.split(ANYTHING))), text))
