"""What the documentation says is so: its commands work as printed, and it leaves nothing out."""

import re
import subprocess
from pathlib import Path

import pytest

from local import moto
from reprise.accounts import agent_files, plans
from tests.api import routes
from tests.dev_server import DevServer
from tests.docs.conftest import KEY, SETTINGS
from tests.docs.walkthrough import ROOT, Make, assert_prints_what_it_says, read, run
from tests.upstream import Upstream, answer

README, CONVERSATIONS, AGENTS = "README.md", "docs/conversations.md", "docs/agents.md"
PAGES = (README, CONVERSATIONS, AGENTS, "docs/fixie.md")
MORE_PAGES = ("docs/corpora.md",)  # whose commands need no key
ALONE = (CONVERSATIONS, AGENTS)
PLANS = (ROOT / CONVERSATIONS).read_text().partition("\n## Plans\n")[2].partition("\n## ")[0]


def makes(target: str) -> list[Make]:
    return [make for page in PAGES for make in read(page).makes if make.target == target]


@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("path", [page for page in (*PAGES, *MORE_PAGES) if page not in ALONE])
def test_the_commands_print_what_the_page_says(dev: DevServer, path: str) -> None:
    assert_prints_what_it_says(path, dev.environ)


@pytest.mark.parametrize("path", ALONE)
def test_the_commands_print_what_a_page_says_that_lists_all_there_is(path: str) -> None:
    with DevServer(SETTINGS) as server:
        assert_prints_what_it_says(path, server.environ)


def test_the_readme_makes_the_seeds_calls() -> None:
    commands = "\n".join(block.commands for block in read(README).blocks)

    for route in routes("conversations"):
        if route.method != "PATCH":  # the seed has none
            path = re.sub(r"{\w+}", "…", route.path.removeprefix("/v1/chat"))
            urls = re.sub(r"\$(ID|MESSAGE|ANSWER)", "…", commands)
            assert f'"$API{path}' in urls, f"{route.method} {route.path}"


def test_the_key_of_the_commands_is_the_one_that_make_dev_was_told() -> None:
    keys = [make.settings.get("REPRISE_LOCAL_API_KEY") for make in makes("dev")]

    assert {key for key in keys if key} == {KEY}
    for page in PAGES:
        text = (ROOT / page).read_text()
        assert "Authorization" not in text or f"Bearer {KEY}" in text


def test_make_has_every_target_that_is_named() -> None:
    named = {make.target for page in PAGES for make in read(page).makes}
    named |= set(re.findall(r"`make (\w+)`", "".join((ROOT / page).read_text() for page in PAGES)))

    assert {"dev", "test"} <= named
    for target in named:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def dev_with(setting: str) -> dict[str, str]:
    """The settings of the one `make dev` of the README that has this one."""
    (found,) = [make.settings for make in makes("dev") if setting in make.settings]
    return found | {"REPRISE_LOCAL_API_KEY": KEY}


def printed_by(server: DevServer, command: str) -> str:
    """What the README's first block with such a command prints."""
    setup, *blocks = read(README).blocks
    block = next(block for block in blocks if command in block.commands)
    return run((setup, block), server.environ)[1]


def test_the_settings_for_another_provider_reach_it() -> None:
    settings = dev_with("OPENROUTER_BASE_URL")

    with Upstream() as upstream:
        upstream.enqueue(answer("Hel", "lo"))
        with DevServer(settings | {"OPENROUTER_BASE_URL": upstream.url}) as server:
            printed = printed_by(server, "/conversations/stream")

    assert 'data: {"type":"ai_chunk","data":"Hel"}' in printed
    assert upstream.requests[0].headers["authorization"] == "Bearer its-key"
    assert upstream.requests[0].body["model"] == "openai/gpt-3.5-turbo"


def test_the_setting_for_real_models_leads_to_openrouter() -> None:
    names = {"OPENROUTER_API_KEY"}
    (settings,) = [make.settings for make in makes("dev") if make.settings.keys() == names]

    with DevServer(settings) as server:
        assert "model    OpenRouter\n" in server.output


def test_conversations_are_kept_in_another_dynamodb() -> None:
    kept = moto.serve()
    settings = dev_with("AWS_ENDPOINT_URL_DYNAMODB") | {"AWS_ENDPOINT_URL_DYNAMODB": kept.endpoint}

    with DevServer(settings) as server:
        printed_by(server, "/conversations/stream")
    with DevServer(settings) as server:
        listed = printed_by(server, "/conversations?page=")
    kept.stop()

    assert '"title":"Optional Title"' in listed


def test_every_endpoint_is_described() -> None:
    text = (ROOT / CONVERSATIONS).read_text()

    for route in routes("conversations"):
        path = re.sub(r"{\w+}", "{id}", route.path.removeprefix("/v1/chat"))
        assert f"| `{route.method} {path}` |" in text


def test_every_error_code_is_described() -> None:
    wire = (ROOT / "functions/conversations/wire.py").read_text()
    text = (ROOT / CONVERSATIONS).read_text()

    codes = set(re.findall(r'"([A-Z_]+_\d{3})"', wire))
    assert codes
    assert codes == set(re.findall(r"^\| \d{3} \| `(\w+)` \|", text, re.MULTILINE))


def test_every_field_of_an_agents_file_is_described() -> None:
    text = (ROOT / AGENTS).read_text()
    described = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))

    assert described == {*agent_files.FIELDS, *agent_files.FIELDS_OF_TOOL}
    for field in agent_files.FIELDS:
        assert re.search(rf"^(\[\[)?{field}\b", text, re.MULTILINE), f"{field} is in no file"


def test_the_plans_are_as_described() -> None:
    rows = re.findall(
        r"^\| `(\w+)`.* \| (yes|no).* \| (.+) an hour \| (.+) \| (.+) \|$", PLANS, re.M
    )

    assert rows == [
        (
            plan.name,
            "yes" if plan.api else "no",
            f"{plan.requests['conversations']:,}",
            f"{plan.allowance.concurrent:,}",
            "not limited" if plan.allowance.credits is None else f"{plan.allowance.credits:,}",
        )
        for plan in map(plans.find, plans.names())
    ]
    assert {plan.windows["conversations"] for plan in plans.load().values()} == {3600}


def test_the_windows_of_all_plans_are_as_described() -> None:
    page = (ROOT / "docs/plans.md").read_text()
    seconds = {"an hour": 3600, "a minute": 60, "10 seconds": 10}
    head, *rows = re.findall(r"^\| (?:`(\w+)`|plan) \| (.+ \| .+ \| .+ \| .+) \|$", page, re.M)
    columns = [re.fullmatch(r"([\w: ]+), (.+)", each) for each in head[1].split(" | ")]
    windows = {each[1].replace(": ", "_"): seconds[each[2]] for each in columns if each}
    limits = {
        plan: dict(zip(windows, row.replace("–", "0").replace(",", "").split(" | "), strict=True))
        for plan, row in rows
    }

    assert limits == {
        name: {window: str(limit) for window, limit in plans.find(name).requests.items()}
        for name in [*plans.names(), "anonymous"]
    }
    assert all(plan.windows == windows for plan in plans.load().values())


def test_every_setting_is_one_that_somebody_reads() -> None:
    named = set(re.findall(r"\b(?:REPRISE|OPENROUTER|AWS)_[A-Z_]+\b", (ROOT / README).read_text()))
    code = "".join(
        path.read_text() for folder in ("layers", "local") for path in (ROOT / folder).rglob("*.py")
    )

    for name in named:
        assert f'"{name}"' in code, name


@pytest.mark.parametrize(
    "path", [README, *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(path: str) -> None:
    page = ROOT / path

    for link in re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text()):
        target, _, anchor = link.partition("#")
        file = (page.parent / target) if target else page
        assert file.exists(), link
        if anchor:
            assert anchor in anchors(file), link


def anchors(file: Path) -> set[str]:
    """The names by which headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def test_what_is_where_is_there() -> None:
    named = re.findall(r"`([\w.-]+/(?:[\w.-]+/)*|[\w.-]+\.yaml)`", (ROOT / README).read_text())

    assert len(named) > 5
    for name in named:
        assert (ROOT / name).exists() or (ROOT / "functions" / name).exists(), name
