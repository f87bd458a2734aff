"""The whole layer as a process, started as Lambda starts it, its environment otherwise empty."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.streaming.opt import ROOT, VERSION, Tree, make
from tests.streaming.runtime_api import FakeRuntimeApi, event


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return make(tmp_path)


@asynccontextmanager
async def process(
    tree: Tree, api: FakeRuntimeApi, handler: str = "talk.handler", **environment: str
) -> AsyncIterator[Process]:
    started = await asyncio.create_subprocess_exec(
        *tree.command,
        env=tree.environment(api.address, handler) | environment,
        cwd=tree.task,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


def query(text: str) -> dict[str, object]:
    name, _, value = text.partition("=")
    return event(queryStringParameters={name: value})


async def test_it_serves_events_in_an_empty_environment(tree: Tree) -> None:
    async with FakeRuntimeApi() as api, process(tree, api):
        first = await api.answer(api.send(event()), seconds=10)
        second = await api.invoke(event())

    assert first.metadata == {"statusCode": 200, "headers": {"x-a": "b"}}
    assert first.content == second.content == b"0 1 2 "


async def test_sys_path_is_as_the_managed_bootstrap_leaves_it(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "vendored").mkdir()
    (tree.task / "vendored.pth").write_text(str(tmp_path / "vendored"))

    async with FakeRuntimeApi() as api, process(tree, api):
        answer = await api.answer(api.send(query("path=1")), seconds=10)

    path, _, pythonpath = answer.content.decode().partition("\n\n")
    site = tree.opt / "python/lib" / VERSION / "site-packages"
    first = [tree.task, site, tree.opt / "python", tree.runtime]
    assert path.split("\n")[:4] == [str(each) for each in first]
    assert path.split("\n")[-1] == str(tmp_path / "vendored")
    assert str(tree.opt / "python/streaming") not in path.split("\n")
    assert pythonpath == str(tree.runtime)  # what Lambda documents that functions find


async def test_under_sam_local_it_steps_aside(tree: Tree) -> None:
    async with FakeRuntimeApi() as api, process(tree, api, AWS_SAM_LOCAL="true") as started:
        out, _ = await asyncio.wait_for(started.communicate(), 10)

    assert out == b"managed [] talk.handler\n"
    assert api.requests == []


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        ("nothing.handler", "Runtime.ImportModuleError"),
        ("broken.handler", "Runtime.UserCodeSyntaxError"),
        ("raising.handler", "ValueError"),
        ("leaving.handler", "SystemExit"),
        ("talk.nothing", "Runtime.HandlerNotFound"),
        ("talk.sys", "Runtime.HandlerNotStreaming"),
        ("talk", "Runtime.MalformedHandlerName"),
    ],
)
async def test_a_handler_that_cannot_be_imported(tree: Tree, handler: str, kind: str) -> None:
    (tree.task / "broken.py").write_text("def (")
    (tree.task / "raising.py").write_text("raise ValueError('a key')")
    (tree.task / "leaving.py").write_text("import sys; sys.exit('a key')")

    async with FakeRuntimeApi() as api, process(tree, api, handler) as started:
        out, err = await asyncio.wait_for(started.communicate(), 10)

    (report,) = api.requests
    assert report.path == "init/error"
    assert report.headers["lambda-runtime-function-error-type"] == kind
    assert report.error["errorType"] == kind
    assert started.returncode == 1
    assert api.asked == []
    line = json.loads(out)
    assert (line["message"], line["errorType"]) == ("the handler cannot be imported", kind)
    assert b"a key" not in report.body + out + err


async def test_a_runtime_api_that_is_not_there_ends_the_process(tree: Tree) -> None:
    async with FakeRuntimeApi() as api:
        pass

    async with process(tree, api) as started:
        out, err = await asyncio.wait_for(started.communicate(), 10)

    assert started.returncode == 1
    assert json.loads(out)["message"] == "no next event"
    assert err == b""


async def test_logs_are_json_lines_with_the_request_id(tree: Tree) -> None:
    async with FakeRuntimeApi() as api, process(tree, api) as started:
        request_id = api.send(query("fail=1"))
        await api.answer(request_id, seconds=10)
        await api.idle(2)
        api.reply_to_next(b"")
        api.reply_to_next(b"")
        out, err = await asyncio.wait_for(started.communicate(), 10)

    failed, end = (json.loads(line) for line in out.splitlines())
    assert failed["requestId"] == request_id
    assert (failed["level"], failed["errorType"]) == ("ERROR", "LookupError")
    assert failed["where"][-1].startswith(str(tree.task / "talk.py"))
    assert "requestId" not in end
    assert err == b""
    assert b"what a user wrote" not in out


async def test_memory_stays_flat_over_fifty_megabytes(tree: Tree) -> None:
    async with FakeRuntimeApi() as api, process(tree, api) as started:
        await api.answer(api.send(query("bytes=1000000")), seconds=10)
        before = _peak_memory(started.pid)
        answer = await api.answer(api.send(query("bytes=50000000")), seconds=30)
        after = _peak_memory(started.pid)

    assert len(answer.content) == 50_000_000
    assert after - before < 2_000


def _peak_memory(pid: int) -> int:
    """In KB, since the process began."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


async def test_a_function_of_reprise_runs_in_it(tree: Tree) -> None:
    """Its 401s are streamed too: API Gateway takes nothing else of a streaming function."""
    for path in (ROOT / "functions/conversations", ROOT / "layers/reprise/reprise"):
        (tree.task / path.name).symlink_to(path)
    settings = {
        "TABLE_NAME": "reprise",
        "BUCKET_NAME": "reprise-bodies",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "reprise",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    path = "/v1/chat/conversations/c-1/messages/stream"

    handler = "conversations.stream_message.handler"
    async with FakeRuntimeApi() as api, process(tree, api, handler, **settings):
        posted = event(path=path, httpMethod="POST", body="{}")
        answer = await api.answer(api.send(posted), seconds=20)

    assert answer.metadata["statusCode"] == 401
    assert answer.metadata["headers"]["x-request-id"] == "r-1"
    assert json.loads(answer.content)


def test_the_wrapper_can_be_executed() -> None:
    assert (ROOT / "layers/streaming/wrapper").stat().st_mode & 0o111 == 0o111
    assert sys.version_info >= (3, 11)  # for -P
