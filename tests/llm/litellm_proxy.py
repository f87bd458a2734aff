"""LiteLLM's proxy, a real OpenAI-compatible server that others use, as a process of its own."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.dev_server import free_port
from tests.upstream import DONE, Reply, Request, Upstream, chunk, sse, usage

COMMAND = Path(__file__).parents[2] / ".venv-litellm" / "bin" / "litellm"
START_SECONDS = 120  # its imports alone take five on an idle core, and tests share theirs
GREETING = "Hello from LiteLLM: ünïcödé 🎈."


@dataclass(frozen=True)
class Proxy:
    """A running proxy: `url` is what OPENROUTER_BASE_URL would be, `key` its only API key."""

    origin: str
    key: str
    pid: int

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"


@contextmanager
def scripted(folder: Path) -> Iterator[Proxy]:
    """A proxy with `mock/greeting`, `mock/limited` and `mock/broken`, which answer from the
    configuration, and `relay/tools`, which is relayed from a scripted server, because LiteLLM's own
    mocks do not stream tool calls.
    """
    mocks = {
        "mock/greeting": GREETING,
        "mock/limited": "litellm.RateLimitError",
        "mock/broken": "litellm.InternalServerError",
    }
    models = [model(name, mock_response=text) for name, text in mocks.items()]
    with Upstream(_call_a_tool) as upstream:
        relayed = model("relay/tools", api_base=upstream.url)
        with running(folder, [*models, relayed]) as proxy:
            yield proxy


@contextmanager
def running(folder: Path, models: Sequence[Mapping[str, object]]) -> Iterator[Proxy]:
    """Starts the proxy, with configuration and log in `folder`, and stops it in the end. Raises
    RuntimeError with the end of the log if it does not start.
    """
    origin = f"http://127.0.0.1:{(port := free_port())}"
    key, log = "sk-litellm-test", folder / "litellm.log"
    configuration = folder / "litellm.json"  # which is YAML, too
    settings = _configuration(key, models)
    configuration.write_text(json.dumps(settings, ensure_ascii=False), "utf-8")
    options = ["--config", str(configuration), "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, *options, "--telemetry", "False"],
            cwd=folder,
            env=_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        if not _is_ready(process, f"{origin}/health/liveliness"):
            tail = log.read_text("utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"LiteLLM did not start:\n{tail}")
        yield Proxy(origin, key, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def model(name: str, **parameters: str) -> dict[str, object]:
    """One that the proxy is asked for by `name`."""
    terms = {"model": "openai/gpt-4o-mini", "api_key": "none"} | parameters
    return {"model_name": name, "litellm_params": terms}


def _configuration(key: str, models: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {
        "model_list": list(models),
        "general_settings": {"master_key": key},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


def _environment() -> dict[str, str]:
    nowhere = "http://127.0.0.1:9"
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a price list from GitHub
        "LITELLM_TELEMETRY": "False",
        "LITELLM_LOG": "ERROR",
        # Whatever else it may want of the network, it does not get.
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1",
    }


def _is_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    """Waits until it answers; False if it ends instead, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    return False


def _call_a_tool(request: Request) -> Reply:
    """A call in pieces, of the first tool that the request brings."""
    name = request.body["tools"][0]["function"]["name"]
    start = {"index": 0, "id": "call-1", "type": "function", "function": {"name": name}}
    pieces = ['{"city"', ': "Oslo"}']
    deltas = [start, *({"index": 0, "function": {"arguments": piece}} for piece in pieces)]
    chunks = [chunk(delta={"tool_calls": [delta]}) for delta in deltas]
    return Reply((*map(sse, [*chunks, chunk(finish="tool_calls"), usage(9, 4)]), DONE))
