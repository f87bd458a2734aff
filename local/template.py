"""What `template.yaml` says, as the local gateway needs it: what is not in there is not served."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from local import cloudformation

PATH = Path(__file__).parent.parent / "template.yaml"
BUFFERED_TIMEOUT = 29.0  # seconds that API Gateway waits for an integration, if not told otherwise


@dataclass(frozen=True)
class Function:
    """A Lambda function. `handler` is `module.attribute`, `timeout` in seconds, `memory` in MB."""

    name: str
    handler: str
    timeout: float
    memory: int


@dataclass(frozen=True)
class Route:
    """A method (or ANY) and a path of the API, and the function behind it. `timeout`: how many
    seconds API Gateway waits for it.
    """

    method: str
    path: str
    function: Function
    streaming: bool
    timeout: float


@dataclass(frozen=True)
class Cors:
    """What the API answers to a preflight; what is None is not sent, `methods` None means those of
    the path.
    """

    origin: str
    headers: str | None
    methods: str | None
    max_age: str | None
    credentials: bool


@dataclass(frozen=True)
class GatewayResponse:
    """How API Gateway answers by itself: `headers` are expressions, `body` a template with
    `$context` variables. `status` None is the default one of the kind.
    """

    status: int | None
    headers: Mapping[str, str]
    body: str | None


@dataclass(frozen=True)
class Worker:
    """A function that a table's stream wakes, or the bucket. A record goes to it if any of
    `filters` matches; `alone`: each is an event by itself.
    """

    function: Function
    table: str
    filters: tuple[Mapping[str, Any], ...]
    start: str
    batch_size: int
    bisect: bool
    retries: int
    alone: bool = False


@dataclass(frozen=True)
class Template:
    """`tables` are properties by name; `environment` is what every function gets. `workers` are
    woken by tables, `bucket_workers` by what EventBridge tells of buckets.
    """

    stage: str
    routes: tuple[Route, ...]
    cors: Cors | None
    gateway_responses: Mapping[str, GatewayResponse]
    binary_types: frozenset[str]
    workers: tuple[Worker, ...]
    bucket_workers: tuple[Worker, ...]
    tables: Mapping[str, Mapping[str, Any]]
    buckets: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def functions(self) -> tuple[Function, ...]:
        """Every function that something leads to, once."""
        found = [route.function for route in self.routes]
        found += [worker.function for worker in (*self.workers, *self.bucket_workers)]
        return tuple(dict.fromkeys(found))


def load(region: str, environ: Mapping[str, str]) -> Template:
    """The project's own template, as `parse` reads it."""
    return parse(PATH.read_text(), region, environ)


def parse(
    text: str, region: str = "us-east-1", environ: Mapping[str, str] = MappingProxyType({})
) -> Template:
    """Read a SAM template; `environ` may name its resources (see `cloudformation.load`).

    Raises KeyError or ValueError where it lacks what it needs.
    """
    document = cloudformation.load(text, region, environ)
    names, resources = document.names, document.content["Resources"]
    defaults = document.content.get("Globals", {}).get("Function", {})
    api = next(_of_type(resources, "AWS::Serverless::Api"))[1]

    routes: list[Route] = []
    workers: list[Worker] = []
    bucket_workers: list[Worker] = []
    for name, own in _of_type(resources, "AWS::Serverless::Function"):
        properties = defaults | own
        function = Function(
            name,
            properties["Handler"],
            float(properties.get("Timeout", 3)),
            int(properties.get("MemorySize", 128)),
        )
        for event in properties.get("Events", {}).values():
            if event["Type"] == "Api":
                routes.append(_route(function, event["Properties"]))
            elif event["Type"] == "DynamoDB":
                workers.append(_worker(function, event["Properties"], names))
            elif event["Type"] == "EventBridgeRule":
                retries = properties.get("EventInvokeConfig", {}).get("MaximumRetryAttempts", 2)
                pattern = event["Properties"]["Pattern"]
                bucket_workers.append(_bucket_worker(function, pattern, retries))

    return Template(
        stage=api["StageName"],
        routes=tuple(routes),
        cors=_cors(api["Cors"]) if "Cors" in api else None,
        gateway_responses={
            kind: _gateway_response(properties)
            for kind, properties in api.get("GatewayResponses", {}).items()
        },
        binary_types=frozenset(
            media_type.replace("~1", "/") for media_type in api.get("BinaryMediaTypes", ())
        ),
        workers=tuple(workers),
        bucket_workers=tuple(bucket_workers),
        tables={
            names[name]: properties
            for name, properties in _of_type(resources, "AWS::DynamoDB::Table")
        },
        buckets=tuple(names[name] for name, _ in _of_type(resources, "AWS::S3::Bucket")),
        environment={
            name: str(value)
            for name, value in defaults.get("Environment", {}).get("Variables", {}).items()
        },
    )


def _of_type(resources: Mapping[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in resources.items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def _route(function: Function, event: Mapping[str, Any]) -> Route:
    # Compared as API Gateway's deployment does: any other value is a buffered integration.
    streaming = event.get("ResponseTransferMode") == "RESPONSE_STREAM"
    timeout = event.get("TimeoutInMillis", BUFFERED_TIMEOUT * 1000) / 1000
    return Route(event["Method"].upper(), event["Path"], function, streaming, timeout)


def _worker(function: Function, event: Mapping[str, Any], names: Mapping[str, str]) -> Worker:
    return Worker(
        function,
        table=names[event["Stream"].removesuffix(".StreamArn")],
        filters=tuple(
            json.loads(each["Pattern"])
            for each in event.get("FilterCriteria", {}).get("Filters", ())
        ),
        start=event["StartingPosition"],
        batch_size=event.get("BatchSize", 100),
        bisect=event.get("BisectBatchOnFunctionError", False),
        # Lambda's own default, -1, means until the records expire: a day. Nobody waits that long.
        retries=max(0, event.get("MaximumRetryAttempts", 10)),
    )


def _bucket_worker(function: Function, pattern: Mapping[str, Any], retries: int) -> Worker:
    return Worker(
        function,
        table="",
        filters=(pattern,),
        start="LATEST",
        batch_size=1,
        bisect=False,
        retries=retries,
        alone=True,
    )


def _unquoted(text: Any) -> str | None:
    """SAM passes these on as API Gateway mapping expressions, where a constant is in quotes."""
    return None if text is None else str(text).strip("'")


def _cors(properties: Mapping[str, Any]) -> Cors:
    return Cors(
        origin=_unquoted(properties["AllowOrigin"]) or "",
        headers=_unquoted(properties.get("AllowHeaders")),
        methods=_unquoted(properties.get("AllowMethods")),
        max_age=_unquoted(properties.get("MaxAge")),
        credentials=properties.get("AllowCredentials") is True,
    )


def _gateway_response(properties: Mapping[str, Any]) -> GatewayResponse:
    status = properties.get("StatusCode")
    return GatewayResponse(
        None if status is None else int(status),
        properties.get("ResponseParameters", {}).get("Headers", {}),
        properties.get("ResponseTemplates", {}).get("application/json"),
    )
