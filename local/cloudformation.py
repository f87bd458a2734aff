"""A CloudFormation template as plain data, its references replaced by what they are here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

ACCOUNT = "123456789012"
# Always the same names, so that whoever joins a running gateway (the command line) knows them.
NAMES = {"Table": "reprise", "Bucket": "reprise"}

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


@dataclass(frozen=True)
class Document:
    """A template without references; `names` are its resources' by logical id."""

    content: Mapping[str, Any]
    names: Mapping[str, str]


def load(text: str, region: str, environ: Mapping[str, str]) -> Document:
    """The template in `text` with every Ref, Fn::GetAtt and Fn::Sub resolved.

    A parameter is its default. A resource is what `environ` says where a variable of all functions
    refers to it, else its name in `NAMES`, else one made of its logical id. An attribute is the
    text `<logical id>.<attribute>`. Other functions are left as they are.

    Raises ValueError for a reference to nothing.
    """
    template: dict[str, Any] = yaml.load(text, Loader)  # noqa: S506 (it is a SafeLoader)
    names = {name: NAMES.get(name, f"reprise-{name.lower()}") for name in template["Resources"]}
    shared = template.get("Globals", {}).get("Function", {}).get("Environment", {})
    for variable, value in shared.get("Variables", {}).items():
        if isinstance(value, dict) and value.get("Ref") in names and variable in environ:
            names[value["Ref"]] = environ[variable]
    parameters = template.get("Parameters", {})
    values = {
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws",
        "AWS::Region": region,
        "AWS::StackName": "reprise",
        "AWS::URLSuffix": "amazonaws.com",
        **{name: str(parameter.get("Default", "")) for name, parameter in parameters.items()},
        **names,
    }
    return Document(_resolve(template, values), names)


class Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """YAML with CloudFormation's short tags, in their long form: `!Ref A` is `{"Ref": "A"}`."""


def _long_form(loader: Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_scalar(node)}


Loader.add_multi_constructor("!", _long_form)


def _resolve(node: Any, values: Mapping[str, str]) -> Any:
    match node:
        case {"Ref": str(name), **rest} if not rest:
            return _value(name, values)
        case {"Fn::GetAtt": str() | list() as attribute, **rest} if not rest:
            return attribute if isinstance(attribute, str) else ".".join(attribute)
        case {"Fn::Sub": str(text), **rest} if not rest:
            return _VARIABLE.sub(lambda found: _value(found[1], values), text)
        case dict():
            return {key: _resolve(value, values) for key, value in node.items()}
        case list():
            return [_resolve(value, values) for value in node]
    return node


def _value(name: str, values: Mapping[str, str]) -> str:
    if name in values:
        return values[name]
    if name.partition(".")[0] in values:
        return name
    raise ValueError(f"the template refers to {name}, which it does not define")
