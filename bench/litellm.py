"""LiteLLM's proxy, the popular peer that stores nothing, in front of a provider on loopback."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import processes
from tests.dev_server import free_port
from tests.llm.litellm_proxy import COMMAND, START_SECONDS

KEY = "sk-litellm-bench"
_NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class LiteLLM:
    url: str
    pid: int


@contextmanager
def litellm(folder: Path, upstream: str) -> Iterator[LiteLLM]:
    """The proxy, with one model, `relay`, that it passes on to `upstream`; configuration and log
    lie in `folder`. Raises RuntimeError if it does not start.
    """
    url = f"http://127.0.0.1:{(port := free_port())}"
    configuration = folder / "litellm.json"  # which is YAML, too
    configuration.write_text(json.dumps(_configuration(upstream)), "utf-8")
    options = ["--config", str(configuration), "--host", "127.0.0.1", "--port", str(port)]
    with (
        (folder / "litellm.log").open("w+") as log,
        processes.stopped(
            subprocess.Popen(
                [COMMAND, *options, "--telemetry", "False"],
                cwd=folder,
                env=_environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        ) as process,
    ):
        if not _answers(process, f"{url}/health/liveliness"):
            log.seek(0)
            raise RuntimeError(f"LiteLLM did not start:\n{log.read()[-2000:]}")
        yield LiteLLM(url, process.pid)


def _configuration(upstream: str) -> dict[str, object]:
    relay = {"model": "openai/gpt-4o-mini", "api_key": "none", "api_base": upstream}
    return {
        "model_list": [{"model_name": "relay", "litellm_params": relay}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a price list
        "LITELLM_TELEMETRY": "False",
        "LITELLM_LOG": "ERROR",
        "HTTP_PROXY": _NOWHERE,
        "HTTPS_PROXY": _NOWHERE,
        "NO_PROXY": "127.0.0.1",
    }


def _answers(process: subprocess.Popen[str], url: str) -> bool:
    """Wait until it does; False if it ends instead, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    return False
