"""Every sample event of `events/`, through its function's own handler."""

import asyncio
import importlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local import filters, sample_events, samples, template
from local.context import Context
from local.sample_events import FOLDER
from local.template import Function
from reprise.chat.ids import number_of
from reprise.engine.engine import Engine
from reprise.store import keys, messages, uploads
from reprise.web import engine as web_engine
from streaming.adapter import Metadata, invoke
from tests.api import call, everything_stored, project
from tests.models import FAKE, FakeModels
from tests.shapes import A_TIME

FUNCTIONS = {function.name: function for function in project().functions}
STREAMING = {route.function.name for route in project().routes if route.streaming}
SUCCESS = {
    "ConversationsCreateConversation": 201,
    "ConversationsSendMessage": 201,
    "OpeyPreflight": 204,
    "UploadsOfferUpload": 201,
}
EVENT_STREAMS = {
    "ChatbaseChat",
    "ChatbaseRetry",
    "ConversationsEditMessage",
    "ConversationsRegenerateMessage",
    "ConversationsResumeStream",
    "ConversationsStartConversation",
    "ConversationsStreamMessage",
    "OpeyRegenerate",
    "OpeyStream",
    "SessionsStream",
}
JSON_LINES = {"FixieRegenerate", "FixieSendMessage", "FixieStartConversation"}
TEXTS = {"OpeyDeleteSession": "session deleted", "OpeyPreflight": ""}  # and no JSON
OF_API = sorted(name for name in FUNCTIONS if not name.startswith("Workers"))


def event(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def module(function: Function) -> Any:
    return importlib.import_module(function.handler.rpartition(".")[0])


def run(name: str) -> Any:
    """What the function returns for its sample event."""
    function = FUNCTIONS[name]
    return call(module(function).handler, event(name), Context.of(function))


class Seen:
    """What goes to the client."""

    status, body = 0, b""

    async def start(self, metadata: Metadata) -> None:
        self.status = metadata.status

    async def write(self, chunk: bytes) -> None:
        self.body += chunk


@pytest.fixture
def stored(aws: None, models: FakeModels) -> FakeModels:
    """What the events speak of, and a model to answer them."""
    samples.store()
    called = FakeModels(replace(FAKE, aliases=frozenset({"gpt-4", "gpt-3.5-turbo"})))
    web_engine.use(Engine(called))
    return called


def test_the_files_are_what_is_made_of_the_template() -> None:
    made = {
        f"{name}.json": json.loads(sample_events.text(each))
        for name, each in sample_events.events().items()
    }

    assert {path.name: json.loads(path.read_text()) for path in FOLDER.iterdir()} == made


def test_check_says_whether_a_file_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sample_events, "FOLDER", tmp_path)
    (tmp_path / "OfAnotherFunction.json").write_text("{}")

    codes = [sample_events.main(arguments) for arguments in (["--check"], [], ["--check"])]

    assert codes == [1, 0, 0]
    assert "make events" in capsys.readouterr().err
    assert {path.stem for path in tmp_path.iterdir()} == FUNCTIONS.keys()


@pytest.mark.parametrize("name", OF_API)
def test_a_request_is_answered(stored: FakeModels, name: str) -> None:
    sent = event(name)

    answer = run(name)

    headers = {key.lower(): value for key, value in answer["headers"].items()}
    assert answer["statusCode"] == SUCCESS.get(name, 200), answer["body"]
    assert headers["x-request-id"] == sent["requestContext"]["requestId"]
    if name in EVENT_STREAMS:
        assert headers["content-type"].startswith("text/event-stream")
        assert answer["body"].endswith("data: [DONE]\n\n")
    elif name in JSON_LINES:
        assert headers["content-type"] == "application/jsonl"
        assert '"state":"done"' in answer["body"].splitlines()[-1]
    elif name in TEXTS:
        assert answer["body"] == TEXTS[name]
    else:
        body = json.loads(answer["body"])
        assert "error" not in body
    if name.startswith("Conversations") and name not in EVENT_STREAMS:
        assert body["success"] is True
        assert body["request_id"] == sent["requestContext"]["requestId"]
        assert body["timestamp"] == A_TIME


@pytest.mark.parametrize("name", sorted(STREAMING))
def test_a_streaming_functions_runtime_takes_it_too(stored: FakeModels, name: str) -> None:
    function, seen = FUNCTIONS[name], Seen()

    asyncio.run(invoke(module(function).app, event(name), Context.of(function), seen))

    assert seen.status == SUCCESS.get(name, 200)
    assert seen.body


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ConversationsGetConversation", "To Lisbon, before the heat."),
        ("ConversationsListConversations", samples.CONVERSATION.id),
        ("ConversationsListMessages", "Where to in May?"),
        ("ConversationsGetMessage", "To Lisbon, before the heat."),
        ("ConversationsSendMessage", "And where to stay?"),
        ("ChatbaseListConversations", samples.CONVERSATION.id),
        ("ChatbaseGetConversation", "To Lisbon, before the heat."),
        ("ChatbaseListMessages", "Where to in May?"),
        ("ChatbaseGiveFeedback", "To Lisbon, before the heat."),
        ("FixieGetConversation", "To Lisbon, before the heat."),
        ("FixieListConversations", "Where to in May?"),
        ("FixieRegenerate", samples.QUESTION.id),
        ("FixieStartConversation", "Where to in May?"),
        ("OpeyListMessages", "To Lisbon, before the heat."),
        ("OpeyStream", "And where to stay?"),
        ("OpeyStop", samples.CONVERSATION.id),
        ("PromptsGetPrompt", "Packing list"),
        ("PromptsListPrompts", "Packing list"),
        ("PromptsUpdatePrompt", "For a few days"),
        ("PromptsPreviewPrompt", "An answer."),
        ("ConversationsResumeStream", '{"type":"ai_chunk","data":", before"}'),
        ("SessionsGetHistory", "To Lisbon, before the heat."),
        ("SessionsStream", "data:  answer"),
        ("SessionsSwitchModel", "To Lisbon, before the heat."),
        ("UploadsGetUpload", "Lisbon is dry in May"),
        ("UploadsUpload", "Lisbon is dry in May"),
        ("UploadsOfferUpload", "uploads/pending/"),
        ("ConversationsEditMessage", "Where to in June?"),
        ("ConversationsListVersions", "To Rome."),
        ("ConversationsSelectVersion", "To Rome."),
    ],
)
def test_it_is_about_what_is_stored(stored: FakeModels, name: str, shown: str) -> None:
    assert shown in run(name)["body"]


def test_the_model_reads_what_was_said_before(stored: FakeModels) -> None:
    run("ConversationsStreamMessage")

    (request,) = stored.requests
    assert [message.text for message in request.messages] == [
        "Where to in May?",
        "To Lisbon, before the heat.",
        "And where to stay?",
    ]


def test_the_purge_leaves_nothing_of_the_deleted_conversation(stored: FakeModels) -> None:
    partition = keys.conversation(samples.OWNER, samples.DELETED.number)
    assert partition in "".join(everything_stored())

    run("WorkersPurgeConversation")

    assert partition not in "".join(everything_stored())


def test_the_repair_ends_the_answer_that_nobody_writes_any_more(stored: FakeModels) -> None:
    run("WorkersRepairGeneration")

    number, answer = samples.CRASHED.number, samples.CRASHED_ANSWER.id
    ended, _ = messages.find(samples.OWNER, number, answer)
    assert ended is not None
    assert (ended.state, ended.text) == ("error", "Something with")


def test_the_file_that_was_put_into_the_bucket_is_read(stored: FakeModels) -> None:
    run("WorkersExtractUpload")

    _, read = uploads.find(samples.OWNER, samples.READING.number, samples.PENDING.number)
    assert read is not None
    assert (read.status, read.text) == ("ready", ("Lisbon is dry in May",))
    assert samples.PENDING_KEY not in everything_stored()


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - set(OF_API)))
def test_a_worker_would_be_woken_by_its_event_and_no_other(name: str) -> None:
    sent = event(name)
    (record,) = sent.get("Records", [sent])
    design = template.load(sample_events.REGION, {})
    woken = [
        worker.function.name
        for worker in (*design.workers, *design.bucket_workers)
        if filters.passes(record, worker.filters)
    ]

    assert woken == [name]


def test_ids_are_real_ones() -> None:
    assert number_of(samples.CONVERSATION.id) == samples.CONVERSATION.number
    assert re.search(samples.ANSWER.id, (FOLDER / "ConversationsGetMessage.json").read_text())


def test_no_event_has_a_key_of_anybody() -> None:
    for path in FOLDER.iterdir():
        secrets = set(re.findall(r"Bearer (\S+?)\"", path.read_text()))
        secrets |= set(re.findall(r"session=([^\s\"]+)", path.read_text()))
        assert secrets <= {samples.KEY, samples.COOKIE}, path.name
