"""The project's own template, as the local gateway reads it, and the forms it may take."""

import pytest

from local import template
from local.routing import Router
from local.template import Route, parse
from tests.template.test_api import STREAMING

OWN = template.load("eu-west-1", {})

SMALL = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: live}
Globals:
  Function:
    Timeout: 29
    Environment:
      Variables: {TABLE_NAME: !Ref Things, WHERE: !Sub "${AWS::Region}/${Stage}/${Things}"}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: !Ref Stage, BinaryMediaTypes: [image~1png]}
  Things: {Type: AWS::DynamoDB::Table, Properties: {}}
  Read:
    Type: AWS::Serverless::Function
    Properties:
      Handler: things.read.handler
      Events:
        One: {Type: Api, Properties: {Method: get, Path: /things}}
        Two: {Type: Api, Properties: {Method: get, Path: /v2/things}}
  Follow:
    Type: AWS::Serverless::Function
    Properties:
      Handler: things.follow.handler
      Timeout: 60
      Events:
        Api:
          Type: Api
          Properties:
            {Method: GET, Path: "/things/{id}", ResponseTransferMode: RESPONSE_STREAM,
             TimeoutInMillis: 60000}
        Changed:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Things.StreamArn, StartingPosition: LATEST}
"""


def route(method: str, path: str, of: template.Template = OWN) -> Route:
    found = Router(of.routes).find(path)
    assert found, f"nothing at {path}"
    chosen = found[0].route(method)
    assert chosen, f"no {method} at {path}"
    return chosen


def test_routes_name_their_functions() -> None:
    stream = route("POST", "/v1/chat/conversations/abc/messages/stream")

    assert stream.function.handler == "conversations.stream_message.handler"
    assert stream.function.name == "ConversationsStreamMessage"


def test_functions_are_named_for_their_modules() -> None:
    for function in OWN.functions:
        surface, module, _ = function.handler.split(".")
        assert function.name == f"{surface}_{module}".title().replace("_", "")


def test_what_waits_for_a_model_or_may_be_long_streams() -> None:
    streaming = {
        each.function.handler.removesuffix(".handler") for each in OWN.routes if each.streaming
    }

    assert streaming == STREAMING


def test_api_gateway_waits_as_long_as_the_function_may_run() -> None:
    for each in OWN.routes:
        assert each.timeout == each.function.timeout, each.function.name


def test_a_buffered_function_has_29_seconds() -> None:
    assert route("POST", "/v1/chat/conversations").timeout == 29


def test_only_multipart_bodies_are_binary() -> None:
    assert OWN.binary_types == {"multipart/form-data"}


def test_cors_lets_any_origin_in_without_credentials() -> None:
    assert OWN.cors
    assert OWN.cors.origin == "*"
    assert not OWN.cors.credentials
    assert OWN.cors.headers
    assert "Idempotency-Key" in OWN.cors.headers.split(",")


def test_workers_get_their_retries_and_filters() -> None:
    workers = {worker.function.handler: worker for worker in OWN.workers}
    purge = workers["workers.purge_conversation.handler"]

    assert purge.table == "reprise"
    assert purge.bisect
    assert purge.retries == 5
    assert purge.filters == (
        {"eventName": ["REMOVE"], "dynamodb": {"Keys": {"sk": {"S": ["META"]}}}},
    )


def test_one_variable_name_per_position() -> None:
    """API Gateway refuses `/a/{id}` beside `/a/{other}/b`, and nothing before it does."""
    names: dict[tuple[str, ...], str] = {}
    for each in OWN.routes:
        segments = tuple(each.path.split("/"))
        for position, segment in enumerate(segments):
            if segment.startswith("{"):
                assert names.setdefault(segments[:position], segment) == segment, each.path


def test_references_become_what_they_are_here() -> None:
    small = parse(SMALL, "eu-west-1")

    assert small.stage == "live"
    assert small.environment == {
        "TABLE_NAME": "reprise-things",
        "WHERE": "eu-west-1/live/reprise-things",
    }
    assert small.workers[0].table == "reprise-things"
    assert list(small.tables) == ["reprise-things"]


def test_the_environment_can_name_the_table() -> None:
    small = parse(SMALL, "eu-west-1", {"TABLE_NAME": "mine"})

    assert small.environment["TABLE_NAME"] == "mine"
    assert small.workers[0].table == "mine"
    assert list(small.tables) == ["mine"]


def test_a_function_may_have_several_routes() -> None:
    small = parse(SMALL)

    assert route("GET", "/things", small).function is route("GET", "/v2/things", small).function
    assert [function.name for function in small.functions] == ["Read", "Follow"]


def test_globals_are_defaults_only() -> None:
    small = parse(SMALL)

    assert route("GET", "/things", small).function.timeout == 29
    assert route("GET", "/things/7", small).function.timeout == 60


def test_only_the_literal_transfer_mode_streams() -> None:
    small = parse(SMALL.replace("RESPONSE_STREAM", "STREAM"))

    assert not route("GET", "/things/7", small).streaming


def test_media_types_may_be_written_as_json_pointers() -> None:
    assert parse(SMALL).binary_types == {"image/png"}


def test_a_reference_to_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="Nowhere"):
        parse(SMALL.replace("!Ref Stage", "!Ref Nowhere"))
