"""What an agent's file may say, and what it is told where it may not."""

import tomllib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.accounts import agent_files
from reprise.accounts.agents import ID
from reprise.chat.agents import BUILT_IN, Agent, AgentTool
from reprise.chat.errors import Invalid
from reprise.chat.ids import Mint
from reprise.store import keys
from reprise.store.accounts import Account
from tests.shapes import AN_ID

ACCOUNT = Account(7, "account-id", "ada", "standard", 0)
BARE = Agent("support", "Support", keys.account(7), "account-id", "standard")
SCHEMA = '{ type = "object", properties = { city = { type = "string" } }, required = ["city"] }'
TOOL = f"""
[[tools]]
name = "get_weather"
description = "Tells the weather"
schema = {SCHEMA}
"""


def read(text: str, account: Account = ACCOUNT) -> Agent:
    return agent_files.read(text, account, Mint(), lambda name: name.startswith("known"))


def with_fields(text: str = "", tables: str = "") -> Agent:
    return read(f'id = "support"\nname = "Support"\n{text}\n{tables}')


def refused(text: str = "", tables: str = "") -> str:
    with pytest.raises(Invalid) as error:
        with_fields(text, tables)
    return str(error.value)


# What it may say


def test_a_name_is_enough() -> None:
    assert with_fields() == BARE


def test_without_an_id_it_gets_a_new_one_of_its_account() -> None:
    first, second = read('name = "Support"').id, read('name = "Support"').id

    assert first == AN_ID
    assert first != second


def test_everything_may_be_said() -> None:
    agent = with_fields(
        """
        model = "known"
        instructions = \"\"\"
        Be brief.
        And kind 👍\"\"\"
        temperature = 0.3
        public = true
        corpora = ["handbook", "faq"]
        """,
        TOOL + '[[tools]]\nname = "queryKnowledgeBase"\nbuiltin = true',
    )

    weather = AgentTool(
        "get_weather",
        "Tells the weather",
        {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    )
    assert agent == replace(
        BARE,
        model="known",
        instructions="        Be brief.\n        And kind 👍",
        temperature=0.3,
        public=True,
        corpora=("handbook", "faq"),
        tools=(weather, *BUILT_IN.values()),
    )


def test_a_schema_may_be_written_in_tables() -> None:
    tables = """
        [[tools]]
        name = "get_weather"
        description = "Tells the weather"
        [tools.schema]
        type = "object"
        required = ["city"]
        [tools.schema.properties.city]
        type = "string"
        """

    (written,) = with_fields(tables=tables).tools

    assert (written,) == with_fields(tables=TOOL).tools


@pytest.mark.parametrize("blank", ['""', '" \\n"'])
def test_blank_instructions_are_none(blank: str) -> None:
    assert with_fields(f"instructions = {blank}") == BARE


@pytest.mark.parametrize(
    ("written", "temperature"),
    [("0", 0), ("2", 2), ("0.7", 0.7), ("2.0", 2), ("1e-1", 0.1), ("1e-300", 0)],
)
def test_temperatures_are_numbers_up_to_2(written: str, temperature: float) -> None:
    assert with_fields(f"temperature = {written}").temperature == temperature


def test_instructions_may_have_100_000_characters() -> None:
    assert with_fields(f"instructions = '{'ä' * 100_000}'").instructions == "ä" * 100_000


def test_there_may_be_64_tools() -> None:
    tables = "".join(TOOL.replace("get_weather", f"tool_{number}") for number in range(64))

    assert len(with_fields(tables=tables).tools) == 64


# What it may not say


def test_what_is_not_toml_is_told_with_its_place() -> None:
    with pytest.raises(Invalid, match=r"file: is not TOML: .*line 2"):
        read('name = "Support"\nmodel gpt-4o')


@pytest.mark.parametrize("text", ["a" + ".a" * 5000 + " = 1", f"a = {'9' * 5000}", "\0"])
def test_strange_files_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read(text)


@pytest.mark.parametrize("field", ["colour", "Name", "tool", "owner", "default"])
def test_an_unknown_field_is_named(field: str) -> None:
    assert refused(f"{field} = 1") == (
        f"{field}: is not a field; there are id, name, model, instructions, temperature, public, "
        "corpora, tools"
    )


@pytest.mark.parametrize("agent_id", ["", "a/b", "a b", "é", ".", "..", ".a", "x" * 65])
def test_ids_are_short_and_plain(agent_id: str) -> None:
    with pytest.raises(Invalid) as error:
        read(f'id = "{agent_id}"\nname = "Support"')

    assert str(error.value) == (
        "id: up to 64 letters, digits and . _ - are allowed, the first one no dot"
    )


@pytest.mark.parametrize("name", ['""', '" "', '"a\\nb"', '"\\u0007"', f'"{"x" * 256}"'])
def test_a_name_is_a_line(name: str) -> None:
    with pytest.raises(Invalid) as error:
        read(f"name = {name}")

    assert str(error.value) == "name: must be given, a line of at most 255 characters"


def test_it_has_to_be_given() -> None:
    with pytest.raises(Invalid, match="name: must be given"):
        read('id = "support"')


@pytest.mark.parametrize("field", ["model", "instructions"])
def test_texts_are_texts(field: str) -> None:
    assert refused(f"{field} = 1") == f"{field}: must be a text"


def test_a_model_has_to_be_known() -> None:
    assert refused('model = "gpt-9"') == "model: 'gpt-9' is not a known model"


def test_instructions_have_a_limit() -> None:
    assert refused(f"instructions = '{'x' * 100_001}'") == (
        "instructions: must be at most 100,000 characters"
    )


@pytest.mark.parametrize("temperature", ["-0.1", "2.1", "nan", "inf", '"1"', "true", "1979-05-27"])
def test_other_temperatures_are_refused(temperature: str) -> None:
    assert refused(f"temperature = {temperature}") == "temperature: must be a number from 0 to 2"


@pytest.mark.parametrize("public", ['"yes"', "1", "[]"])
def test_public_is_true_or_false(public: str) -> None:
    assert refused(f"public = {public}") == "public: must be true or false"


@pytest.mark.parametrize("corpora", ['["a/b"]', "[1]", '[""]', '["a", "é"]'])
def test_corpora_are_ids(corpora: str) -> None:
    assert refused(f"corpora = {corpora}").startswith("corpora: must be ids: up to 64 letters")


@pytest.mark.parametrize("corpora", ['["a", "a"]', str([f"c{n}" for n in range(17)])])
def test_corpora_are_16_at_most_each_once(corpora: str) -> None:
    assert refused(f"corpora = {corpora}") == "corpora: may be 16, each once"


@pytest.mark.parametrize("field", ["corpora", "tools"])
def test_lists_are_lists(field: str) -> None:
    assert refused(f'{field} = "a"') == f"{field}: must be a list"


def test_the_search_of_the_knowledge_base_needs_one() -> None:
    tables = '[[tools]]\nname = "queryKnowledgeBase"\nbuiltin = true'

    assert refused(tables=tables) == "corpora: queryKnowledgeBase needs one to look into"


# Its tools


def of_tool(text: str, name: str = "get_weather") -> str:
    return refused(tables=TOOL + f'[[tools]]\nname = "{name}"\n{text}')


def test_an_unknown_field_of_a_tool_is_named() -> None:
    assert of_tool("colour = 1") == (
        "tools[1].colour: is not a field; there are name, description, schema, builtin"
    )


def test_a_tool_is_a_table() -> None:
    assert refused('tools = ["get_weather"]') == "tools[0]: must be a table"


@pytest.mark.parametrize("name", ["", "a b", "a.b", "é", "x" * 65])
def test_names_of_tools_are_short_and_plain(name: str) -> None:
    assert of_tool("", name) == (
        "tools[1].name: must be given: up to 64 letters, digits and _ - are allowed"
    )


def test_no_two_tools_have_one_name() -> None:
    assert refused(tables=TOOL + TOOL) == "tools[1].name: there is a tool get_weather already"


def test_there_are_no_more_than_64_tools() -> None:
    assert refused(tables=TOOL * 65) == "tools: may be 64"


@pytest.mark.parametrize("description", ["", 'description = " "'])
def test_a_tool_has_a_description(description: str) -> None:
    said = of_tool(f"{description}\nschema = {SCHEMA}")

    assert said == "tools[1].description: must be given: the model goes by it"


@pytest.mark.parametrize(
    "schema", ["", "schema = {}", 'schema = "object"', 'schema = { type = "string" }']
)
def test_its_arguments_are_an_object(schema: str) -> None:
    assert of_tool(f'description = "x"\n{schema}') == (
        'tools[1].schema: must be given: a JSON Schema with type = "object"'
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("properties = []", "tools[1].schema.properties: must be a table"),
        ('required = "city"', "tools[1].schema.required: must be a list of texts"),
        ("required = [1]", "tools[1].schema.required: must be a list of texts"),
    ],
)
def test_its_properties_are_a_table_and_what_is_required_a_list(more: str, said: str) -> None:
    assert of_tool(f'description = "x"\nschema = {{ type = "object", {more} }}') == said


@pytest.mark.parametrize("value", ["1979-05-27", "inf", "nan", "07:32:00"])
def test_a_schema_is_json(value: str) -> None:
    said = of_tool(f'description = "x"\nschema = {{ type = "object", default = {value} }}')

    assert said.startswith("tools[1].schema: cannot be written as JSON: ")


def test_a_built_in_tool_is_one_of_those_that_there_are() -> None:
    assert of_tool("builtin = true", "deleteEverything") == (
        "tools[1].name: built in are queryKnowledgeBase"
    )


@pytest.mark.parametrize("field", ['description = "x"', f"schema = {SCHEMA}"])
def test_a_built_in_tool_has_its_own_description_and_schema(field: str) -> None:
    said = of_tool(f"builtin = true\n{field}", "queryKnowledgeBase")

    assert said == f"tools[1].{field.split()[0]}: a built-in tool has its own"


def test_the_name_of_a_built_in_tool_is_not_for_others() -> None:
    assert of_tool(f'description = "x"\nschema = {SCHEMA}', "queryKnowledgeBase") == (
        "tools[1].name: is a built-in tool's: add builtin = true, or rename it"
    )


# Writing


def test_a_bare_agent_is_a_short_file() -> None:
    assert agent_files.write(BARE) == 'id = "support"\nname = "Support"\npublic = false\n'


def test_a_file_reads_as_it_would_be_written() -> None:
    text = f"""
id = "support"
name = "Support"
model = "known"
temperature = 0.5
public = true
corpora = ["handbook"]
instructions = \"\"\"
Be brief.
Say "you".\"\"\"
{TOOL}
[[tools]]
name = "queryKnowledgeBase"
builtin = true
""".lstrip().replace("\n\n\n", "\n\n")

    assert agent_files.write(read(text)) == text.replace('"you"', '\\"you\\"')


# What TOML can hold: no surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]))
ids = st.from_regex(ID, fullmatch=True)
lines = texts.filter(lambda text: bool(text.strip()) and text.isprintable() and len(text) <= 255)
values: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
schemas = st.builds(
    lambda more, properties: {**more, "type": "object", "properties": properties},
    st.dictionaries(texts.filter(lambda name: name != "required"), values, max_size=3),
    st.dictionaries(texts, values, max_size=3),
)
tools = st.builds(
    AgentTool,
    st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True).filter(lambda name: name not in BUILT_IN),
    texts.filter(str.strip),
    schemas,
)
agents = st.builds(
    replace,
    st.just(BARE),
    id=ids,
    name=lines,
    model=st.none() | st.just("known"),
    instructions=st.none() | texts.filter(str.strip),
    temperature=st.none() | st.integers(0, 2_000_000).map(lambda each: each / 1_000_000),
    corpora=st.lists(ids, min_size=1, max_size=3, unique=True).map(tuple),
    public=st.booleans(),
    tools=st.lists(tools, max_size=3, unique_by=lambda tool: tool.name).map(
        lambda some: (*some, *BUILT_IN.values())
    ),
)


@given(agents)
def test_every_agent_is_read_as_it_was_written(agent: Agent) -> None:
    text = agent_files.write(agent)

    assert read(text) == agent
    assert tomllib.loads(text)["id"] == agent.id
