"""What API Gateway gets to see: the traps that nothing before a deployment would tell of."""

import json
import re

import pytest

from tests.template import deployed
from tests.template.deployed import Method, api, functions, methods, only, preflights

# What may wait for a model, and what may be more than the 6 MB of a buffered answer.
STREAMING = {
    "chatbase.chat",
    "chatbase.get_conversation",
    "chatbase.list_messages",
    "chatbase.retry",
    "conversations.edit_message",
    "conversations.get_conversation",
    "conversations.list_messages",
    "conversations.list_versions",
    "conversations.regenerate_message",
    "conversations.resume_stream",
    "conversations.select_version",
    "conversations.send_message",
    "conversations.start_conversation",
    "conversations.stream_message",
    "fixie.get_conversation",
    "fixie.list_conversations",
    "fixie.regenerate",
    "fixie.send_message",
    "fixie.start_conversation",
    "opey.list_messages",
    "opey.regenerate",
    "opey.stream",
    "prompts.list_prompts",
    "prompts.preview_prompt",
    "sessions.get_history",
    "sessions.stream",
    "sessions.switch_model",
    "uploads.get_upload",
    "uploads.upload",
}
BUFFERED_TIMEOUT = 29  # seconds
BUFFERED_URI = (
    "arn:aws:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{{}.Arn}}/invocations"
)
STREAMING_URI = (
    "arn:aws:apigateway:${{AWS::Region}}:lambda:path/2021-11-15/functions/${{{}.Arn}}"
    "/response-streaming-invocations"
)
METHODS = tuple(methods())
BY_COOKIE = {method.path for method in METHODS if method.function.startswith("Opey")}


def name_of(method: Method) -> str:
    return f"{method.verb} {method.path}"


def module_of(method: Method) -> str:
    return functions()[method.function].handler.removesuffix(".handler")


def test_what_should_stream_does_and_nothing_else() -> None:
    assert {module_of(method) for method in METHODS if method.streams} == STREAMING


@pytest.mark.parametrize("method", METHODS, ids=name_of)
def test_a_method_calls_its_function_in_its_way(method: Method) -> None:
    form = STREAMING_URI if method.streams else BUFFERED_URI

    assert method.uri == form.format(method.function)
    assert method.integration["httpMethod"] == "POST"
    assert method.integration.get("responseTransferMode") == ("STREAM" if method.streams else None)


@pytest.mark.parametrize("method", METHODS, ids=name_of)
def test_api_gateway_waits_as_long_as_the_function_may_run(method: Method) -> None:
    timeout = functions()[method.function].properties["Timeout"]

    if method.streams:
        assert method.timeout == timeout * 1000
        assert timeout <= 900
    else:
        assert method.timeout is None
        assert timeout == BUFFERED_TIMEOUT


def test_an_answer_in_one_piece_ends_before_the_idle_limit() -> None:
    """API Gateway cuts what has been silent for five minutes."""
    assert functions()["ConversationsSendMessage"].properties["Timeout"] < 300


def test_only_streaming_functions_run_the_streaming_runtime() -> None:
    """Its answers are framed in a way that a buffered integration would hand on as they are."""
    streaming = {method.function for method in METHODS if method.streams}
    (layer,) = (
        name for name in deployed.template()["Resources"] if name.startswith("StreamingLayer")
    )
    for name, function in functions().items():
        wrapper = function.environment.get("AWS_LAMBDA_EXEC_WRAPPER")
        has_layer = {"Ref": layer} in function.properties["Layers"]
        assert (wrapper == "/opt/streaming/wrapper", has_layer) == (name in streaming,) * 2, name


def test_a_function_has_one_way_of_answering() -> None:
    ways: dict[str, set[bool]] = {}
    for method in METHODS:
        ways.setdefault(method.function, set()).add(method.streams)

    assert all(len(of_function) == 1 for of_function in ways.values())


def test_one_variable_name_per_position() -> None:
    """API Gateway refuses `/a/{id}` beside `/a/{other}/b`."""
    names: dict[tuple[str, ...], str] = {}
    for path in api()["paths"]:
        segments = tuple(path.split("/"))
        for position, segment in enumerate(segments):
            if segment.startswith("{"):
                assert names.setdefault(segments[:position], segment) == segment, path


def test_only_multipart_bodies_are_binary() -> None:
    assert api()["x-amazon-apigateway-binary-media-types"] == ["multipart/form-data"]
    assert only("AWS::ApiGateway::RestApi")["BinaryMediaTypes"] == ["multipart/form-data"]


def test_the_endpoint_is_regional() -> None:
    rest_api = only("AWS::ApiGateway::RestApi")

    assert rest_api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert rest_api["Parameters"] == {"endpointConfigurationTypes": "REGIONAL"}


def test_there_is_one_stage() -> None:
    assert only("AWS::ApiGateway::Stage")["StageName"] == {"Ref": "StageName"}


def test_preflights_of_what_goes_by_cookie_are_a_functions() -> None:
    """API Gateway's own know one origin only, and with `*` there are no credentials."""
    answered = {method.path: method for method in METHODS if method.verb == "OPTIONS"}

    assert answered.keys() == BY_COOKIE
    assert {method.function for method in answered.values()} == {"OpeyPreflight"}


def test_every_other_path_answers_preflights_of_any_origin_without_credentials() -> None:
    assert preflights().keys() == {method.path for method in METHODS}
    for path, preflight in preflights().items():
        if path in BY_COOKIE:
            continue
        integration = preflight["x-amazon-apigateway-integration"]
        headers = {
            name.removeprefix("method.response.header.Access-Control-"): value.strip("'")
            for name, value in integration["responses"]["default"]["responseParameters"].items()
        }
        assert integration["type"] == "mock", path
        assert headers["Allow-Origin"] == "*", path
        assert "Allow-Credentials" not in headers, path
        assert set(headers["Allow-Headers"].split(",")) == {
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Last-Event-ID",
            "Consent-Id",
        }
        used = {method.verb for method in METHODS if method.path == path}
        assert used <= set(headers["Allow-Methods"].split(",")), path


RESPONSES = api()["x-amazon-apigateway-gateway-responses"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "404"),  # a path or method that there is not
        ("REQUEST_TOO_LARGE", "413"),
        ("DEFAULT_4XX", None),
        ("DEFAULT_5XX", None),
    ],
)
def test_what_api_gateway_says_by_itself_is_json_with_the_requests_id(
    kind: str, status: str | None
) -> None:
    response = RESPONSES[kind]
    headers = response["responseParameters"]
    text = response["responseTemplates"]["application/json"]
    filled = text.replace("$context.error.messageString", '"quoted"')
    body = json.loads(re.sub(r"\$context\.[\w.]+", "filled", filled))

    assert str(response.get("statusCode")) == str(status)
    assert body["request_id"] == "filled"
    assert body["success"] is False
    assert body["message"] == body["error"]["message"]
    assert body["detail"].startswith(body["message"])
    assert headers["gatewayresponse.header.X-Request-ID"] == "context.requestId"
    assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    assert headers["gatewayresponse.header.Access-Control-Expose-Headers"] == "'X-Request-ID'"


def test_who_sends_too_much_is_told_the_other_way() -> None:
    text = RESPONSES["REQUEST_TOO_LARGE"]["responseTemplates"]["application/json"]

    (path,) = (m.path for m in METHODS if m.function == "UploadsOfferUpload")
    assert f"POST {path}" in json.loads(text)["detail"]


def test_nothing_but_those_is_left_to_api_gateways_own_words() -> None:
    assert RESPONSES.keys() == {
        "MISSING_AUTHENTICATION_TOKEN",
        "REQUEST_TOO_LARGE",
        "DEFAULT_4XX",
        "DEFAULT_5XX",
    }


def test_the_access_log_is_json_and_tells_how_streams_begin() -> None:
    logged = json.loads(only("AWS::ApiGateway::Stage")["AccessLogSetting"]["Format"])

    assert logged["requestId"] == "$context.requestId"
    assert logged["responseTransferMode"] == "$context.integration.responseTransferMode"
    assert logged["timeToFirstContent"] == "$context.integration.timeToFirstContent"
    assert logged["timeToAllHeaders"] == "$context.integration.timeToAllHeaders"


def test_nothing_of_a_request_is_logged_but_its_outline() -> None:
    stage = only("AWS::ApiGateway::Stage")
    (settings,) = stage["MethodSettings"]

    assert not re.search(r"\$context\.(path|identity|authorizer)\b", str(stage))
    assert not re.search(r"\$(input|method|request)", str(stage))
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("OFF", False)


def test_the_api_is_throttled_as_a_whole() -> None:
    (settings,) = only("AWS::ApiGateway::Stage")["MethodSettings"]

    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert deployed.parameter(settings["ThrottlingRateLimit"]) == 100
    assert deployed.parameter(settings["ThrottlingBurstLimit"]) == 100


def test_it_is_plain_sam() -> None:
    """Language extensions are another transform, which some tools do not run."""
    source = deployed.source()

    assert source["Transform"] == "AWS::Serverless-2016-10-31"
    assert not re.search(r"Fn::(ForEach|Length|ToJsonString)", str(source))
    assert not any(
        isinstance(resource.get(attribute, "Retain"), dict)
        for resource in source["Resources"].values()
        for attribute in ("DeletionPolicy", "UpdateReplacePolicy")
    )
