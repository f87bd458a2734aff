"""What CloudFormation gets to see: `template.yaml` after SAM's own transform, with the parameters'
defaults.

    for method in methods():
        method.streams, method.function, method.timeout
    functions()["ConversationsSendMessage"].environment
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from local.template import PATH

logging.getLogger("samtranslator").setLevel(logging.ERROR)

SERVERLESS = "AWS::Serverless::"
ARTIFACT = "s3://artifacts/what-sam-package-has-put-there"


class _ManagedPolicies:
    """Without AWS; the transform looks up those that it attaches by itself."""

    def load(self) -> Mapping[str, str]:
        name = "AWSXrayWriteOnlyAccess"
        return {name: f"arn:aws:iam::aws:policy/{name}"}


@cache
def source() -> dict[str, Any]:
    """The template as it stands in its file, intrinsic functions in their long form."""
    parsed: dict[str, Any] = yaml_parse(PATH.read_text())
    return parsed


@cache
def template() -> dict[str, Any]:
    """The template that is deployed."""
    packaged = yaml_parse(PATH.read_text())
    packaged["Globals"]["Function"].pop("CodeUri", None)
    for resource in packaged["Resources"].values():
        if resource["Type"] == f"{SERVERLESS}Function":
            resource["Properties"]["CodeUri"] = ARTIFACT
        elif resource["Type"] == f"{SERVERLESS}LayerVersion":
            resource["Properties"]["ContentUri"] = ARTIFACT
    made: dict[str, Any] = transform(packaged, {}, _ManagedPolicies())
    return made


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


def only(kind: str) -> dict[str, Any]:
    (properties,) = resources(kind).values()
    return properties


def parameter(value: Any) -> Any:
    """A value, where it is a parameter's the default one."""
    match value:
        case {"Ref": str(name), **rest} if not rest:
            return template()["Parameters"][name]["Default"]
    return value


@dataclass(frozen=True)
class Function:
    name: str
    properties: Mapping[str, Any]

    @property
    def handler(self) -> str:
        return str(self.properties["Handler"])

    @property
    def environment(self) -> Mapping[str, Any]:
        variables: Mapping[str, Any] = self.properties["Environment"]["Variables"]
        return variables


def functions() -> dict[str, Function]:
    return {
        name: Function(name, properties)
        for name, properties in resources("AWS::Lambda::Function").items()
    }


@dataclass(frozen=True)
class Method:
    """A method of the API with its integration. `timeout` in milliseconds, None for API Gateway's
    own.
    """

    verb: str
    path: str
    integration: Mapping[str, Any]

    @property
    def uri(self) -> str:
        return str(self.integration["uri"]["Fn::Sub"])

    @property
    def function(self) -> str:
        return self.uri.split("${")[-1].partition(".Arn")[0]

    @property
    def streams(self) -> bool:
        return self.integration.get("responseTransferMode") == "STREAM"

    @property
    def timeout(self) -> int | None:
        return self.integration.get("timeoutInMillis")


def api() -> dict[str, Any]:
    """The OpenAPI document of the API."""
    body: dict[str, Any] = only("AWS::ApiGateway::RestApi")["Body"]
    return body


def methods() -> Iterator[Method]:
    """Those that a function answers."""
    for path, of_path in api()["paths"].items():
        for verb, method in of_path.items():
            integration = method["x-amazon-apigateway-integration"]
            if integration["type"] == "aws_proxy":
                yield Method(verb.upper(), path, integration)


def preflights() -> dict[str, Any]:
    """What API Gateway itself answers to OPTIONS, by path."""
    return {path: of["options"] for path, of in api()["paths"].items() if "options" in of}
