"""Requests through the local gateway: routes, events, buffered functions, limits."""

import asyncio
import base64
import logging
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.gateways import OK, answer_ok, buffered, gateway, in_process, raw, streaming


async def seen_event(
    method: str, path: str, client_options: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """The event that a request becomes."""
    events: list[dict[str, Any]] = []

    def handler(event: dict[str, Any], context: Any) -> Any:
        events.append(event)
        return OK

    async with in_process(buffered(handler)) as client:
        response = await client.request(method, path, **client_options)
    assert response.status_code == 200, response.text
    return events[0]


class TestRouting:
    @pytest.mark.parametrize(
        ("path", "answer"),
        [
            ("/things/special", "special"),
            ("/things/other", "/things/{id}"),
            ("/things/special/parts/2", "/things/{id}/parts/{part}"),
        ],
    )
    async def test_a_fixed_segment_beats_a_variable(self, path: str, answer: str) -> None:
        handlers = {
            "things.buffered.handler": lambda event, context: {**OK, "body": event["resource"]},
            "things.special.handler": lambda event, context: {**OK, "body": "special"},
        }
        async with in_process(handlers) as client:
            assert (await client.get(path)).text == answer

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/nowhere"),
            ("GET", "/"),
            ("GET", "/things/"),
            ("GET", "//things"),
            ("DELETE", "/things"),
            ("HEAD", "/things"),
            ("OPTIONS", "/nowhere"),
        ],
    )
    async def test_what_the_template_has_not_is_not_served(self, method: str, path: str) -> None:
        async with in_process(buffered(lambda event, context: OK)) as client:
            response = await client.request(method, f"http://127.0.0.1:7001{path}")

        assert response.status_code == 404
        assert response.headers["x-fixed"] == "yes"
        if method != "HEAD":
            assert response.json() == {
                "message": "no such thing",
                "id": response.headers["x-request-id"],
            }

    async def test_a_preflight_is_answered_without_a_function(self) -> None:
        async with gateway({}) as client:
            response = await client.options("/things")

        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-headers"] == "Authorization"
        assert response.headers["access-control-allow-methods"] == "GET,OPTIONS,POST"
        assert response.headers["access-control-max-age"] == "600"
        assert "access-control-allow-credentials" not in response.headers
        assert response.content == b""

    @pytest.mark.parametrize("target", ["/things/%zz", "/things?q=%", "/things/%4"])
    async def test_malformed_percent_encoding_is_refused(self, target: str) -> None:
        async with gateway(buffered(lambda event, context: OK)) as client:
            request = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            answer = await raw(client, request.encode())

        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'{"message":"Bad Request"}' in answer


class TestEvents:
    async def test_every_field_of_a_proxy_event_is_there(self) -> None:
        event = await seen_event(
            "GET",
            "/things/a%2Fb?q=1&q=zwei%20drei&empty=",
            {"headers": {"user-agent": "tester/1", "accept": "*/*"}},
        )

        context = event.pop("requestContext")
        headers = event.pop("headers")
        multi_value_headers = event.pop("multiValueHeaders")
        assert event == {
            "resource": "/things/{id}",
            "path": "/things/a%2Fb",
            "httpMethod": "GET",
            "queryStringParameters": {"q": "zwei drei", "empty": ""},
            "multiValueQueryStringParameters": {"q": ["1", "zwei drei"], "empty": [""]},
            "pathParameters": {"id": "a%2Fb"},
            "stageVariables": None,
            "body": None,
            "isBase64Encoded": False,
        }
        assert headers["user-agent"] == "tester/1"
        assert headers["X-Forwarded-For"] == "127.0.0.1"
        assert headers["X-Forwarded-Proto"] == "http"
        assert headers["Host"] == f"127.0.0.1:{headers['X-Forwarded-Port']}"
        assert "connection" not in headers
        assert multi_value_headers == {name: [value] for name, value in headers.items()}
        assert context["resourcePath"] == "/things/{id}"
        assert context["path"] == "/things/a%2Fb"
        assert context["stage"] == "prod"
        assert context["httpMethod"] == "GET"
        assert context["protocol"] == "HTTP/1.1"
        assert context["domainName"] == "127.0.0.1"
        assert context["identity"]["sourceIp"] == "127.0.0.1"
        assert context["identity"]["userAgent"] == "tester/1"
        assert abs(context["requestTimeEpoch"] / 1000 - time.time()) < 5
        assert time.strptime(context["requestTime"], "%d/%b/%Y:%H:%M:%S +0000")
        assert context["accountId"]
        assert context["apiId"]
        assert context["requestId"]

    async def test_nothing_given_is_null(self) -> None:
        event = await seen_event("GET", "/things")

        assert event["queryStringParameters"] is None
        assert event["multiValueQueryStringParameters"] is None
        assert event["pathParameters"] is None

    async def test_repeated_headers_and_cookies_are_all_there(self) -> None:
        headers = [("X-Tag", "1"), ("X-Tag", "2"), ("Cookie", "a=1; b=2")]
        event = await seen_event("GET", "/things", {"headers": headers})

        assert event["headers"]["x-tag"] == "2"
        assert event["multiValueHeaders"]["x-tag"] == ["1", "2"]
        assert event["headers"]["cookie"] == "a=1; b=2"

    async def test_text_stays_text(self) -> None:
        event = await seen_event("POST", "/things", {"content": '{"a": "ü\u2028"}'.encode()})

        assert event["body"] == '{"a": "ü\u2028"}'
        assert not event["isBase64Encoded"]

    async def test_binary_types_become_base64(self) -> None:
        options = {
            "content": b"--x\r\n\xff\x00",
            "headers": {"content-type": "multipart/form-data; boundary=x"},
        }
        event = await seen_event("POST", "/things", options)

        assert event["isBase64Encoded"]
        assert base64.b64decode(event["body"]) == b"--x\r\n\xff\x00"

    async def test_a_host_that_is_none_is_replaced(self) -> None:
        event = await seen_event("GET", "/things", {"headers": {"host": "[::1]:x"}})

        assert event["headers"]["Host"].startswith("127.0.0.1:")

    async def test_the_context_counts_down(self) -> None:
        left: list[int] = []

        def handler(event: dict[str, Any], context: Any) -> Any:
            left.append(context.get_remaining_time_in_millis())
            assert context.function_name == "Buffered"
            assert context.aws_request_id != event["requestContext"]["requestId"]
            return OK

        async with gateway(buffered(handler)) as client:
            assert (await client.get("/things")).status_code == 200

        assert 28_000 < left[0] <= 29_000


class TestBufferedFunctions:
    async def test_the_result_is_the_response(self) -> None:
        result = {
            "statusCode": 201,
            "headers": {"Content-Type": "text/plain", "WWW-Authenticate": "Bearer"},
            "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
            "body": base64.b64encode(b"\x00\x01").decode(),
            "isBase64Encoded": True,
        }
        async with gateway(buffered(lambda event, context: result)) as client:
            response = await client.get("/things", headers={"accept": "multipart/form-data"})

        assert response.status_code == 201
        assert response.content == b"\x00\x01"
        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert response.headers["content-type"] == "text/plain"
        # as deployed: API Gateway keeps these names for itself
        assert response.headers["x-amzn-remapped-www-authenticate"] == "Bearer"
        assert "www-authenticate" not in response.headers

    async def test_base64_stays_base64_for_who_accepts_no_binary_type(self) -> None:
        """As deployed; so a function must not answer with a type that Mangum takes for binary."""
        result = {"statusCode": 200, "body": "AAE=", "isBase64Encoded": True}
        async with in_process(buffered(lambda event, context: result)) as client:
            assert (await client.get("/things")).content == b"AAE="

    async def test_each_runs_on_a_thread_with_its_own_loop(self) -> None:
        def handler(event: dict[str, Any], context: Any) -> Any:
            loop = asyncio.get_event_loop()
            answer = loop.run_until_complete(asyncio.sleep(0.01, "slept"))
            return {"statusCode": 200, "body": answer}

        async with gateway(buffered(handler)) as client:
            responses = await asyncio.gather(*(client.get("/things") for _ in range(10)))

        assert {response.text for response in responses} == {"slept"}

    @pytest.mark.parametrize(
        "result",
        [
            None,
            "text",
            {},
            {"statusCode": "many"},
            {"statusCode": 99},
            {"statusCode": 200, "body": {"not": "text"}},
            {"statusCode": 200, "headers": ["no"]},
            {"statusCode": 200, "headers": {"X-Bad": "a\r\nSet-Cookie: b"}},
            {"statusCode": 200, "body": "%", "isBase64Encoded": True},
            {"statusCode": 200, "body": "x" * 6_300_000},
            {"statusCode": 200, "body": b"bytes"},
        ],
    )
    async def test_a_malformed_result_is_a_502(self, result: Any) -> None:
        async with in_process(buffered(lambda event, context: result)) as client:
            response = await client.get("/things", headers={"accept": "multipart/form-data"})

        assert response.status_code == 502
        assert response.json() == {"message": "Internal server error", "path": "/things"}

    async def test_a_failing_function_is_a_502_and_its_error_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def handler(event: dict[str, Any], context: Any) -> Any:
            raise TimeoutError("its own")

        async with in_process(buffered(handler)) as client:
            response = await client.get("/things")

        assert response.status_code == 502
        assert "its own" not in response.text
        assert "its own" in caplog.text

    async def test_a_function_that_cannot_be_imported_is_a_502(self) -> None:
        async with in_process({}) as client:
            assert (await client.get("/missing")).status_code == 502

    async def test_a_slow_function_is_a_504(self) -> None:
        def handler(event: dict[str, Any], context: Any) -> Any:
            time.sleep(0.5)
            return OK

        async with gateway(buffered(handler)) as client:
            response = await client.get("/slow")

        assert response.status_code == 504
        assert response.json()["message"] == "Endpoint request timed out"


class TestLimits:
    @pytest.mark.parametrize(
        ("body", "size", "status"),
        [
            (b"x", 6_200_000, 200),
            (b"x", 6_300_000, 413),
            (b"x", 10_500_000, 413),
            (b'"', 3_100_000, 200),  # two bytes of an event's JSON each
            (b'"', 3_150_000, 413),
            (b"\x01", 1_030_000, 200),  # six
            (b"\x01", 1_050_000, 413),
        ],
    )
    @pytest.mark.parametrize("path", ["/things", "/stream"])
    async def test_bodies(self, path: str, body: bytes, size: int, status: int) -> None:
        handlers = buffered(lambda event, context: OK) | streaming(answer_ok)
        async with gateway(handlers) as client:
            response = await client.post(path, content=body * size)

        assert response.status_code == status

    async def test_base64_counts(self) -> None:
        async with gateway(buffered(lambda event, context: OK)) as client:
            response = await client.post(
                "/things",
                content=b"x" * 4_800_000,
                headers={"content-type": "multipart/form-data; boundary=x"},
            )

        assert response.status_code == 413
        assert response.json() == {"message": "Request Too Long"}


async def test_requests_are_logged_without_their_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "local")
    async with in_process(buffered(lambda event, context: OK)) as client:
        await client.get("/things/7?secret=1")

    assert "GET /things/7 200" in caplog.text
    assert "secret" not in " ".join(r.message for r in caplog.records if r.name == "local.gateway")
