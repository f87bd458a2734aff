"""Calling the functions as Lambda does behind API Gateway, without a network.

    api = Api()                                  # an account with a key of its own
    answer = api.post("/v1/chat/conversations", json={"title": "Trip"})
    assert answer.status == 201

A request finds its function by the routes of `template.yaml`, becomes a proxy event, and goes to
the function's own `handler`; `api.stream` sends it through the streaming runtime's adapter instead
and keeps each write.
"""

import asyncio
import importlib
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3

from local import template
from local.context import Context
from local.events import Request, proxy_event
from local.routing import Router
from local.template import Route, Template
from streaming.adapter import Metadata, invoke

if TYPE_CHECKING:
    from reprise.store.accounts import Account

CLIENT, SERVER = "192.0.2.1", ("api.example.test", 443)
DONE = "[DONE]"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Response:
    """What a client gets. Header names are in lower case; `writes` are the pieces that the body
    left in, where the call kept them.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    writes: tuple[bytes, ...] = ()

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        """The `data` of this answer's envelope."""
        return self.json()["data"]

    def events(self) -> list[Any]:
        """The server-sent events of the body: JSON values, and the text `[DONE]`.

        Fails for anything that is not exactly `data: `, one line, and an empty line.
        """
        return [_event(text) for text in self._blocks()]

    def numbered_events(self) -> list[tuple[str | None, Any]]:
        """The same of a stream whose events have ids: each with its own, `[DONE]` with None."""
        found: list[tuple[str | None, Any]] = []
        for text in self._blocks():
            first, line_end, rest = text.partition("\n")
            named = first.startswith("id: ") and line_end
            found.append(
                (first.removeprefix("id: "), _event(rest)) if named else (None, _event(text))
            )
        return found

    def events_without_ids(self) -> list[Any]:
        """The events of such a stream alone."""
        return [event for _, event in self.numbered_events()]

    def _blocks(self) -> list[str]:
        *blocks, rest = self.text.split("\n\n")
        assert rest == "", f"the stream ends amid an event: {rest!r}"
        return blocks


def _event(text: str) -> Any:
    assert text.startswith("data: "), f"not an event: {text!r}"
    value = text.removeprefix("data: ")
    assert "\n" not in value, f"an event of several lines: {text!r}"
    assert not value.startswith(" "), f"more than one space: {text!r}"
    return value if value == DONE else json.loads(value)


@dataclass
class _Writes:
    """A `ResponseStream` that keeps what is written."""

    seen: Callable[[bytes], None]
    metadata: Metadata | None = None
    chunks: list[bytes] = field(default_factory=list)

    async def start(self, metadata: Metadata) -> None:
        self.metadata = metadata

    async def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.seen(chunk)


class Api:
    """A client. Without `key` it gets an account with a key of its own, so the table must be
    there; `Api.anonymous()` sends no credentials.

    Call it from ordinary code; within a running event loop, by `asyncio.to_thread`.
    """

    def __init__(self, key: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        self.headers = dict(headers or {})
        if key is None and headers is None:
            _, key = new_key()
        if key is not None:
            self.headers["Authorization"] = f"Bearer {key}"

    @classmethod
    def anonymous(cls) -> "Api":
        return cls(headers={})

    def get(self, path: str, **request: Any) -> Response:
        return self.request("GET", path, **request)

    def post(self, path: str, **request: Any) -> Response:
        return self.request("POST", path, **request)

    def patch(self, path: str, **request: Any) -> Response:
        return self.request("PATCH", path, **request)

    def delete(self, path: str, **request: Any) -> Response:
        return self.request("DELETE", path, **request)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Through the function's `handler`. `path` may have a query, both percent-encoded; `json`
        is sent as JSON, `body` as it is; `headers` go over the client's own.
        """
        route, event = self.event(method, path, json=json, body=body, headers=headers)
        result = call(handler_of(route), event, Context.of(route.function))
        return Response(
            result["statusCode"],
            _single(result["headers"], result["multiValueHeaders"]),
            result["body"].encode(),
        )

    def stream(
        self,
        path: str,
        *,
        method: str = "POST",
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        seen: Callable[[bytes], None] = lambda chunk: None,
    ) -> Response:
        """Through the streaming runtime's adapter. `seen` is called with each write as it is
        made.
        """
        route, event = self.event(method, path, json=json, headers=headers)
        assert route.streaming, f"{method} {path} is not a streaming function in template.yaml"
        writes = _Writes(seen)
        app = module_of(route).app
        with _process() as loop:
            loop.run_until_complete(invoke(app, event, Context.of(route.function), writes))
        assert writes.metadata is not None
        headers = _single(writes.metadata.headers, writes.metadata.multi_value_headers)
        body = b"".join(writes.chunks)
        return Response(writes.metadata.status, headers, body, tuple(writes.chunks))

    def event(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Route, dict[str, Any]]:
        """The route that a request takes, and its API Gateway event."""
        sent = dict(self.headers)
        if json is not None:
            body = dump(json)
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        path, _, query = path.partition("?")
        request = Request(
            method=method,
            path=path,
            query=query,
            headers=tuple((name.lower(), value) for name, value in sent.items()),
            body=body.encode() if isinstance(body, str) else body or b"",
            client=CLIENT,
            server=SERVER,
        )
        found = router().find(path)
        route = found[0].route(method) if found else None
        if found is None or route is None:
            raise LookupError(f"template.yaml has no {method} {path}")
        description = project()
        event = proxy_event(
            request, found[0].path, found[1], description.stage, description.binary_types
        )
        return route, event


def call(handler: Callable[[Any, Any], Any], event: dict[str, Any], context: Any) -> Any:
    """Call a handler as Lambda does: the event has gone through JSON, and an event loop is there
    for Mangum, which waits afterwards for what was begun in it.
    """
    with _process():
        return handler(json.loads(json.dumps(event)), context)


_idle: list[asyncio.AbstractEventLoop] = []  # of processes that wait for their next event


@contextmanager
def _process() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop of a process that has no other event, kept for later ones as Lambda does: to
    make one with its threads for each took a fifth of a call.
    """
    loop = _idle.pop() if _idle else asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
        loop.run_until_complete(_settle())
    except BaseException:
        loop.run_until_complete(_give_up())
        raise
    finally:
        asyncio.set_event_loop(None)
        _idle.append(loop)


async def _settle() -> None:
    """Wait for what the function left running, as the runtime does between two events."""
    if others := _others():
        await asyncio.wait(others, timeout=10)
        await _give_up()


async def _give_up() -> None:
    """Leave nothing to the next event: it may be another test's."""
    others = _others()
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def handler_of(route: Route) -> Callable[[Any, Any], Any]:
    handler: Callable[[Any, Any], Any] = getattr(
        module_of(route), route.function.handler.rpartition(".")[2]
    )
    return handler


def module_of(route: Route) -> Any:
    return importlib.import_module(route.function.handler.rpartition(".")[0])


@cache
def project() -> Template:
    return template.load("us-east-1", os.environ)


@cache
def router() -> Router:
    return Router(project().routes)


def routes(surface: str | None = None) -> Iterator[Route]:
    """Every route of the project, or those whose functions lie in one folder of `functions/`."""
    for route in project().routes:
        if surface is None or route.function.handler.startswith(f"{surface}."):
            yield route


def dump(value: Any) -> str:
    """As JSON; numbers that JSON does not have are written as Python does, as some clients send
    them.
    """
    return json.dumps(value)


def everything_stored() -> dict[str, Any]:
    """All that lies in the table, by its keys, and the keys of the bucket. What every call may note
    is left out: the day on which a key was last used, and how many requests were made.
    """
    pages = (
        aws_client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=os.environ["TABLE_NAME"], ConsistentRead=True)
    )
    stored = {
        f"{item['pk']['S']} {item['sk']['S']}": {
            name: value for name, value in item.items() if name != "last_used"
        }
        for page in pages
        for item in page["Items"]
        if not item["pk"]["S"].startswith("RATE#")
    }
    listed = aws_client("s3").list_objects_v2(Bucket=os.environ["BUCKET_NAME"])
    return stored | {each["Key"]: each["Size"] for each in listed.get("Contents", ())}


@cache
def aws_client(service: str) -> Any:
    """Kept, because making one takes longer than most tests."""
    return boto3.client(service)


def _single(headers: Mapping[str, str], multi: Mapping[str, list[str]]) -> dict[str, str]:
    joined = {name.lower(): ", ".join(values) for name, values in multi.items()}
    return {name.lower(): value for name, value in headers.items()} | joined


def new_account(plan: str = "local") -> "Account":
    """One that nothing was done with yet. Its plan is roomy unless a test is about plans."""
    from reprise.accounts import accounts
    from reprise.chat.ids import Mint

    return accounts.create(Mint(), f"test-{next(_numbers)}", plan)


def new_key(account: "Account | None" = None, **options: Any) -> tuple[str, str]:
    """Id and secret of a key, of a new account if of none; `options` are those of
    `accounts.keys.create`.
    """
    from reprise.accounts import keys
    from reprise.chat.ids import Mint

    key, secret = keys.create(Mint(), account or new_account(), **options)
    return key.id, secret
