"""Agents as the operator writes them down: TOML, as docs/agents.md describes it."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reprise.accounts.agents import ID
from reprise.chat.agents import BUILT_IN, QUERY_KNOWLEDGE_BASE, Agent, AgentTool
from reprise.chat.errors import Invalid
from reprise.chat.ids import Mint
from reprise.store import keys
from reprise.store.accounts import Account

MAX_NAME = 255  # characters, of a line
MAX_INSTRUCTIONS = 100_000  # characters
MAX_TOOLS = 64
MAX_CORPORA = 16

FIELDS = ("id", "name", "model", "instructions", "temperature", "public", "corpora", "tools")
FIELDS_OF_TOOL = ("name", "description", "schema", "builtin")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_ID_RULE = "up to 64 letters, digits and . _ - are allowed, the first one no dot"

Table = Mapping[str, Any]


def read(text: str, account: Account, mint: Mint, is_model: Callable[[str], bool]) -> Agent:
    """The agent of an account that a file describes; one without an id gets a new one.

    Raises Invalid, with the name of the field that is at fault.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("file", f"is not TOML: {error}") from error
    _refuse_unknown(table, FIELDS)
    agent = Agent(
        id=_id(table) or mint.text_id(account.number),
        name=_name(table),
        owner=keys.account(account.number),
        account_id=account.id,
        plan=account.plan,
        model=_model(table, is_model),
        instructions=_instructions(table),
        temperature=_temperature(table),
        tools=_tools(table),
        corpora=_corpora(table),
        public=_flag(table, "public"),
    )
    if any(tool.name == QUERY_KNOWLEDGE_BASE for tool in agent.tools) and not agent.corpora:
        raise Invalid("corpora", f"{QUERY_KNOWLEDGE_BASE} needs one to look into")
    return agent


def write(agent: Agent) -> str:
    """The file that describes an agent: reading it makes the same again."""
    fields: dict[str, Any] = {
        "id": agent.id,
        "name": agent.name,
        "model": agent.model,
        "temperature": agent.temperature,
        "public": agent.public,
        "corpora": list(agent.corpora) or None,
    }
    lines = [f"{name} = {_toml(value)}" for name, value in fields.items() if value is not None]
    if agent.instructions:
        quoted = "\n".join(_quoted(line)[1:-1] for line in agent.instructions.split("\n"))
        lines.append(f'instructions = """\n{quoted}"""')
    for tool in agent.tools:
        lines += ["", "[[tools]]", f"name = {_toml(tool.name)}"]
        if tool.builtin:
            lines.append("builtin = true")
        else:
            lines.append(f"description = {_toml(tool.description)}")
            lines.append(f"schema = {_toml(tool.schema)}")
    return "\n".join(lines) + "\n"


def _id(table: Table) -> str | None:
    agent_id = _text(table, "id")
    if agent_id is not None and not ID.fullmatch(agent_id):
        raise Invalid("id", _ID_RULE)
    return agent_id


def _name(table: Table) -> str:
    name = _text(table, "name")
    if name is None or not name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise Invalid("name", f"must be given, a line of at most {MAX_NAME} characters")
    return name


def _model(table: Table, is_model: Callable[[str], bool]) -> str | None:
    model = _text(table, "model")
    if model is not None and not is_model(model):
        raise Invalid("model", f"{model!r} is not a known model")
    return model


def _instructions(table: Table) -> str | None:
    instructions = _text(table, "instructions") or ""
    if len(instructions) > MAX_INSTRUCTIONS:
        raise Invalid("instructions", f"must be at most {MAX_INSTRUCTIONS:,} characters")
    return instructions if instructions.strip() else None


def _temperature(table: Table) -> float | None:
    temperature = table.get("temperature")
    if temperature is None:
        return None
    if type(temperature) not in (int, float) or not 0 <= temperature <= 2:
        raise Invalid("temperature", "must be a number from 0 to 2")
    return round(float(temperature), 6)  # the table takes no number as small as a float can be


def _corpora(table: Table) -> tuple[str, ...]:
    corpora = _list(table, "corpora")
    if not all(isinstance(each, str) and ID.fullmatch(each) for each in corpora):
        raise Invalid("corpora", f"must be ids: {_ID_RULE}")
    if len(set(corpora)) < len(corpora) or len(corpora) > MAX_CORPORA:
        raise Invalid("corpora", f"may be {MAX_CORPORA}, each once")
    return tuple(corpora)


def _tools(table: Table) -> tuple[AgentTool, ...]:
    listed = _list(table, "tools")
    if len(listed) > MAX_TOOLS:
        raise Invalid("tools", f"may be {MAX_TOOLS}")
    tools = tuple(_tool(entry, f"tools[{number}]") for number, entry in enumerate(listed))
    names = [tool.name for tool in tools]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise Invalid(f"tools[{number}].name", f"there is a tool {name} already")
    return tools


def _tool(entry: Any, at: str) -> AgentTool:
    if not isinstance(entry, dict):
        raise Invalid(at, "must be a table")
    _refuse_unknown(entry, FIELDS_OF_TOOL, f"{at}.")
    name = _text(entry, "name", f"{at}.")
    if name is None or not _TOOL_NAME.fullmatch(name):
        raise Invalid(f"{at}.name", "must be given: up to 64 letters, digits and _ - are allowed")
    if _flag(entry, "builtin", f"{at}."):
        if name not in BUILT_IN:
            raise Invalid(f"{at}.name", f"built in are {', '.join(BUILT_IN)}")
        for field in ("description", "schema"):
            if field in entry:
                raise Invalid(f"{at}.{field}", "a built-in tool has its own")
        return BUILT_IN[name]
    if name in BUILT_IN:
        raise Invalid(f"{at}.name", "is a built-in tool's: add builtin = true, or rename it")
    description = _text(entry, "description", f"{at}.")
    if not (description and description.strip()):
        raise Invalid(f"{at}.description", "must be given: the model goes by it")
    return AgentTool(name, description, _schema(entry, f"{at}.schema"))


def _schema(entry: Table, at: str) -> Mapping[str, Any]:
    """The schema of a tool's arguments, which are an object. The model's provider judges the
    rest.
    """
    schema = entry.get("schema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise Invalid(at, 'must be given: a JSON Schema with type = "object"')
    if not isinstance(schema.get("properties", {}), dict):
        raise Invalid(f"{at}.properties", "must be a table")
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
        raise Invalid(f"{at}.required", "must be a list of texts")
    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(at, f"cannot be written as JSON: {error}") from error
    return schema


def _refuse_unknown(table: Table, known: Sequence[str], at: str = "") -> None:
    for name in table:
        if name not in known:
            raise Invalid(f"{at}{name}", f"is not a field; there are {', '.join(known)}")


def _text(table: Table, name: str, at: str = "") -> str | None:
    value = table.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"{at}{name}", "must be a text")
    return value


def _flag(table: Table, name: str, at: str = "") -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise Invalid(f"{at}{name}", "must be true or false")
    return value


def _list(table: Table, name: str) -> list[Any]:
    value = table.get(name, [])
    if not isinstance(value, list):
        raise Invalid(name, "must be a list")
    return value


def _toml(value: Any) -> str:
    """A value of a file, on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case list():
            return f"[{', '.join(_toml(each) for each in value)}]"
        case dict():
            pairs = (f"{_key(name)} = {_toml(each)}" for name, each in value.items())
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return repr(value)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    """TOML escapes as JSON does, and one character more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
