"""The local gateway with tiny functions and a template of its own, over HTTP or in process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx

from local.gateway import Gateway
from local.ports import claim
from local.server import running
from local.template import parse
from streaming.adapter import Receive, Send

TEMPLATE = """
Globals:
  Function: {Timeout: 29}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      BinaryMediaTypes: [multipart/form-data]
      Cors: {AllowOrigin: "'*'", AllowHeaders: "'Authorization'", MaxAge: "'600'"}
      GatewayResponses:
        MISSING_AUTHENTICATION_TOKEN:
          StatusCode: 404
          ResponseParameters:
            Headers: {X-Request-ID: context.requestId, X-Fixed: "'yes'"}
          ResponseTemplates:
            application/json: '{"message": "no such thing", "id": "$context.requestId"}'
        DEFAULT_5XX:
          ResponseTemplates:
            application/json: '{"message": $context.error.messageString, "path": "$context.path"}'
  Buffered:
    Type: AWS::Serverless::Function
    Properties:
      Handler: things.buffered.handler
      Events:
        List: {Type: Api, Properties: {Method: GET, Path: /things}}
        Make: {Type: Api, Properties: {Method: POST, Path: /things}}
        One: {Type: Api, Properties: {Method: GET, Path: "/things/{id}"}}
        Part: {Type: Api, Properties: {Method: GET, Path: "/things/{id}/parts/{part}"}}
        Slow: {Type: Api, Properties: {Method: GET, Path: /slow, TimeoutInMillis: 200}}
  Special:
    Type: AWS::Serverless::Function
    Properties:
      Handler: things.special.handler
      Events:
        Api: {Type: Api, Properties: {Method: GET, Path: /things/special}}
  Stream:
    Type: AWS::Serverless::Function
    Properties:
      Handler: things.stream.handler
      Events:
        Post:
          Type: Api
          Properties: &mode
            {Method: POST, Path: /stream, ResponseTransferMode: RESPONSE_STREAM,
             TimeoutInMillis: 20000}
        Short:
          Type: Api
          Properties:
            {Method: POST, Path: /short, ResponseTransferMode: RESPONSE_STREAM,
             TimeoutInMillis: 200}
  Missing:
    Type: AWS::Serverless::Function
    Properties:
      Handler: things.missing.handler
      Events:
        Api: {Type: Api, Properties: {Method: GET, Path: /missing}}
"""
OK = {"statusCode": 200, "body": "ok"}

Handler = Callable[[dict[str, Any], Any], Any]
App = Callable[[Any, Receive, Send], Any]


def streaming(app: App) -> dict[str, Any]:
    return {"things.stream.handler": SimpleNamespace(app=app)}


def buffered(handler: Handler) -> dict[str, Any]:
    return {"things.buffered.handler": handler}


@asynccontextmanager
async def gateway(handlers: Mapping[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    listener = claim({"PORT": "0"}, "PORT", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        running(Gateway(parse(TEMPLATE), handlers), listener),
        httpx.AsyncClient(
            base_url=url, timeout=20, limits=httpx.Limits(max_connections=100)
        ) as client,
    ):
        yield client


@asynccontextmanager
async def in_process(handlers: Mapping[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    """Without a server between: quicker, for what does not depend on one."""
    transport = httpx.ASGITransport(Gateway(parse(TEMPLATE), handlers))
    async with httpx.AsyncClient(base_url="http://127.0.0.1:7001", transport=transport) as client:
        yield client


async def raw(client: httpx.AsyncClient, request: bytes) -> bytes:
    """What comes back for bytes that no HTTP library would send."""
    url = client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def answer_ok(scope: Any, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
