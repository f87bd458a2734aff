"""Every refusal that a client is told is counted, by its cause."""

import asyncio
import time

import pytest

from reprise.accounts import credits as credits_of_accounts
from tests.api import Api, new_account, new_key
from tests.conversations import create, messages
from tests.counted import SERVICE, Counted, lines_of
from tests.models import FakeModels


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")


def refusals(capsys: pytest.CaptureFixture[str]) -> list[Counted]:
    return [line for line in lines_of(capsys.readouterr().out) if "Refusals" in line]


def by(cause: str) -> list[Counted]:
    return [{"Refusals": (1, SERVICE | {"cause": cause})}]


def test_another_request_under_a_used_key(
    api: Api, models: FakeModels, capsys: pytest.CaptureFixture[str]
) -> None:
    conversation = create(api)
    key = {"Idempotency-Key": "k"}
    api.post(messages(conversation), json={"content": "Hi"}, headers=key)

    refused = api.post(messages(conversation), json={"content": "Ho"}, headers=key)

    assert refused.status == 422
    assert refusals(capsys) == by("idempotency")


def test_a_request_too_many(
    aws: None, models: FakeModels, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Api(new_key(new_account("standard"))[1])
    conversation = create(api)
    said = [api.post(messages(conversation), json={"content": "Hi"}).status for _ in range(31)]

    assert said == [201] * 30 + [429]
    assert refusals(capsys) == by("rate")


def test_an_answer_that_nothing_is_left_for(
    aws: None, models: FakeModels, capsys: pytest.CaptureFixture[str]
) -> None:
    account, now_ms = new_account("standard"), int(time.time() * 1000)
    left = credits_of_accounts.left(account, now_ms)
    assert left
    credits_of_accounts.grant(account, -left, now_ms)
    api = Api(new_key(account)[1])

    refused = api.post(messages(create(api)), json={"content": "Hi"})

    assert refused.status == 402
    assert refusals(capsys) == by("credits")


def test_a_message_while_an_answer_is_made(
    api: Api, models: FakeModels, capsys: pytest.CaptureFixture[str]
) -> None:
    conversation = create(api)
    said: list[int] = []

    def meanwhile() -> None:
        said.append(api.post(messages(conversation), json={"content": "Ho"}).status)

    models.enqueue([lambda: asyncio.to_thread(meanwhile), "Hello"])
    api.post(messages(conversation), json={"content": "Hi"})

    assert said == [409]
    assert refusals(capsys) == by("conflict")


def test_what_is_not_there_is_no_refusal(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert api.get("/v1/chat/messages/x").status == 404
    assert refusals(capsys) == []
