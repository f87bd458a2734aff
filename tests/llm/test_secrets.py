"""Keys that are stored: asked for late and seldom, replaced while we run, and never repeated."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from reprise.chat.errors import UpstreamFailed
from reprise.llm import secrets
from reprise.llm.openai_compatible import OpenAICompatible
from reprise.llm.secrets import GivenKey, Store, StoredKey
from tests.llm.asking import ask, question, text_of
from tests.upstream import STALL, Reply, Request, Upstream, answer, whole

NAME = "/reprise/openrouter-api-key"
OLD, NEW = "sk-or-old-secret", "sk-or-new-secret"


def put(store: Store, value: str) -> None:
    if store == "ssm":
        parameter = {"Name": NAME, "Value": value, "Type": "SecureString", "Overwrite": True}
        boto3.client("ssm").put_parameter(**parameter)
        return
    client = boto3.client("secretsmanager")
    try:
        client.create_secret(Name=NAME, SecretString=value)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=NAME, SecretString=value)


def delete(store: Store) -> None:
    if store == "ssm":
        boto3.client("ssm").delete_parameter(Name=NAME)
    else:
        boto3.client("secretsmanager").delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is logged, with all its fields."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(str(record.__dict__))

    handler = Lines()
    logger = logging.getLogger(secrets.logger.name)
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("store", ["secretsmanager", "ssm"])
class TestEitherStore:
    async def test_a_key_is_had_from_it(self, store: Store) -> None:
        put(store, f"{OLD}\n")
        assert await StoredKey(store, NAME).current() == OLD

    async def test_it_is_not_asked_again_soon(self, store: Store) -> None:
        put(store, OLD)
        key = StoredKey(store, NAME)
        await key.current()
        put(store, NEW)
        assert await key.current() == OLD

    async def test_it_is_asked_again_after_a_while(self, store: Store) -> None:
        put(store, OLD)
        key = StoredKey(store, NAME, max_age=1)
        await key.current()
        put(store, NEW)
        await asyncio.sleep(1.1)
        assert await key.current() == NEW

    async def test_a_refused_key_has_it_asked_at_once(self, store: Store) -> None:
        put(store, OLD)
        key = StoredKey(store, NAME)
        await key.current()
        put(store, NEW)
        assert await key.replaced(OLD)
        assert await key.current() == NEW

    async def test_a_refused_key_that_is_still_the_one(self, store: Store) -> None:
        put(store, OLD)
        key = StoredKey(store, NAME)
        assert not await key.replaced(await key.current())

    async def test_one_that_does_not_exist_is_said_by_name(
        self, store: Store, complaints: list[str]
    ) -> None:
        with pytest.raises(UpstreamFailed) as failed:
            await StoredKey(store, NAME).current()
        assert failed.value.refused
        assert NAME in complaints[0]
        assert "NotFound" in complaints[0]

    async def test_one_that_comes_to_exist_is_had(self, store: Store) -> None:
        key = StoredKey(store, NAME)
        with pytest.raises(UpstreamFailed):
            await key.current()
        put(store, NEW)
        assert await key.current() == NEW

    @pytest.mark.parametrize("value", [f'{{"key": "{OLD}"}}', "sk secret", "sk-secret-é"])
    async def test_what_is_no_key_is_said_and_not_repeated(
        self, store: Store, value: str, complaints: list[str]
    ) -> None:
        put(store, value)
        with pytest.raises(UpstreamFailed) as failed:
            await StoredKey(store, NAME).current()
        assert "secret" not in failed.value.reason
        assert NAME in complaints[0]
        assert value not in complaints[0]

    async def test_when_it_cannot_be_had_anew_the_last_one_is_good(
        self, store: Store, complaints: list[str]
    ) -> None:
        put(store, OLD)
        key = StoredKey(store, NAME, max_age=1)
        await key.current()
        delete(store)
        await asyncio.sleep(1.1)
        assert await key.current() == OLD
        assert len(complaints) == 1
        assert OLD not in complaints[0]


async def test_a_binary_secret_is_no_key() -> None:
    boto3.client("secretsmanager").create_secret(Name=NAME, SecretBinary=b"sk")
    with pytest.raises(UpstreamFailed):
        await StoredKey("secretsmanager", NAME).current()


async def test_a_secret_may_be_named_by_its_arn() -> None:
    arn = boto3.client("secretsmanager").create_secret(Name=NAME, SecretString=OLD)["ARN"]
    assert await StoredKey("secretsmanager", arn).current() == OLD


async def test_a_given_key_stays() -> None:
    key = GivenKey(OLD)
    assert await key.current() == OLD
    assert not await key.replaced(OLD)


class TestAStoreThatFails:
    """A scripted server in its place."""

    @pytest.fixture
    async def store(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
        async with Upstream() as store:
            endpoint = f"http://127.0.0.1:{store.port}"
            monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", endpoint)
            yield store

    @pytest.fixture(autouse=True)
    def aws(self) -> None:
        """Not moto: it would answer for the server."""

    async def test_one_that_denies_is_said(self, store: Upstream, complaints: list[str]) -> None:
        denied = {"__type": "AccessDeniedException", "message": "User: x is not authorized"}
        store.enqueue(whole(denied, status=400))
        with pytest.raises(UpstreamFailed) as failed:
            await StoredKey("ssm", NAME).current()
        assert failed.value.refused
        assert "AccessDeniedException" in complaints[0]
        assert "not authorized" not in complaints[0]

    async def test_one_that_stumbles_is_asked_again(self, store: Upstream) -> None:
        store.enqueue(whole({}, status=500), stored(OLD))
        assert await StoredKey("ssm", NAME).current() == OLD

    async def test_many_questions_at_once_ask_it_once(self, store: Upstream) -> None:
        store.enqueue(stored(OLD))
        key = StoredKey("ssm", NAME)
        assert await asyncio.gather(*(key.current() for _ in range(20))) == [OLD] * 20
        assert len(store.requests) == 1

    async def test_many_refusals_at_once_ask_it_once(self, store: Upstream) -> None:
        store.enqueue(stored(OLD), stored(NEW))
        key = StoredKey("ssm", NAME)
        await key.current()
        assert all(await asyncio.gather(*(key.replaced(OLD) for _ in range(20))))
        assert len(store.requests) == 2

    async def test_the_event_loop_does_not_wait_for_it(self, store: Upstream) -> None:
        await StoredKey("ssm", NAME).replaced("")  # its imports take long, and Python's lock
        gate = asyncio.Event()
        store.enqueue(Reply((gate, *stored(OLD).steps), headers=stored(OLD).headers))
        asking = asyncio.create_task(StoredKey("ssm", NAME).current())
        begun = time.monotonic()
        await asyncio.sleep(0.01)
        assert time.monotonic() - begun < 0.5
        gate.set()
        assert await asking == OLD

    async def test_one_that_says_nothing_is_given_up(
        self, store: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        impatient = secrets.PATIENCE.merge(Config(read_timeout=0.1))
        monkeypatch.setattr(secrets, "PATIENCE", impatient)
        store.otherwise = lambda _: Reply((STALL,), bare=True)
        with pytest.raises(UpstreamFailed):
            await asyncio.wait_for(StoredKey("ssm", NAME).current(), 10)


def stored(value: str) -> Reply:
    """Parameter Store's answer."""
    return whole({"Parameter": {"Name": NAME, "Type": "SecureString", "Value": value}})


class TestAModelsServer:
    """What it refuses, and what the provider does about it."""

    @pytest.fixture
    async def upstream(self) -> AsyncIterator[Upstream]:
        async with Upstream(knowing(NEW)) as upstream:
            yield upstream

    async def test_a_key_that_was_replaced_may_be_asked_with_again(
        self, upstream: Upstream
    ) -> None:
        put("ssm", OLD)
        key = StoredKey("ssm", NAME)
        await key.current()
        put("ssm", NEW)
        provider = OpenAICompatible(upstream.url, key)
        with pytest.raises(UpstreamFailed) as failed:
            await ask(provider, question("Hi"))
        assert failed.value.retryable
        assert text_of(await ask(provider, question("Hi"))) == "Hello"
        await provider.aclose()

    async def test_a_key_that_has_no_successor_is_refused(self, upstream: Upstream) -> None:
        put("ssm", OLD)
        provider = OpenAICompatible(upstream.url, StoredKey("ssm", NAME))
        with pytest.raises(UpstreamFailed) as failed:
            await ask(provider, question("Hi"))
        assert failed.value.refused
        assert not failed.value.retryable
        await provider.aclose()

    async def test_without_a_key_it_is_not_asked(self, upstream: Upstream) -> None:
        provider = OpenAICompatible(upstream.url, StoredKey("ssm", NAME))
        with pytest.raises(UpstreamFailed) as failed:
            await ask(provider, question("Hi"))
        assert failed.value.refused
        assert not upstream.requests
        await provider.aclose()


def knowing(key: str) -> Callable[[Request], Reply]:
    """A server with one key."""

    def reply(request: Request) -> Reply:
        if request.headers["authorization"] == f"Bearer {key}":
            return answer("Hello")
        return whole({"error": {"message": "No auth credentials found"}}, status=401)

    return reply
